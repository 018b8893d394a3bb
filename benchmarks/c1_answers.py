"""Answers of the size and the shape that C1 gives, from a seed: cards with text, charts, tables, forms.

The English in them is real: sentences from the standard library's docstrings, so that compression has as
much to do as with a model's prose. Figures are random. Nothing here shares text with the store's dictionary
but C1's own vocabulary.
"""

import argparse
import asyncio
import email.message
import html
import json
import logging
import pathlib
import random
import re
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

_SOURCES = (argparse, asyncio, email.message, logging, pathlib, subprocess, tarfile, threading)


def _docs() -> Iterator[str]:
    for source in _SOURCES:
        for _, thing in sorted(vars(source).items()):
            yield getattr(thing, "__doc__", None) or ""
            members = sorted(vars(thing).items()) if isinstance(thing, type) else []
            yield from (getattr(member, "__doc__", None) or "" for _, member in members)


def _sentences() -> list[str]:
    text = re.sub(r"\s+", " ", " ".join(_docs()))
    return sorted(set(re.findall(r"[A-Z][a-z][^.]{30,140}\.", text)))


SENTENCES = _sentences()


def _words(rng: random.Random, count: int) -> str:
    words = rng.choice(SENTENCES).rstrip(".").split()
    return " ".join(words[:count])


def _text(rng: random.Random) -> dict[str, Any]:
    lines = [rng.choice(SENTENCES) for _ in range(rng.randint(2, 5))]
    if rng.random() < 0.5:
        lines = [f"- **{_words(rng, 2)}**: {line}" for line in lines]
    return {"component": "TextContent", "props": {"textMarkdown": "\n".join(lines)}}


def _chart(rng: random.Random) -> dict[str, Any]:
    count = rng.randint(4, 12)
    series = [
        {"category": _words(rng, 2), "values": [rng.randint(10, 9999) for _ in range(count)]}
        for _ in range(rng.randint(1, 3))
    ]
    labels = [_words(rng, 1) + f" {i}" for i in range(count)]
    data = {
        "header": {"component": "InlineHeader", "props": {"heading": _words(rng, 5)}},
        "data": {"labels": labels, "series": series},
    }
    return {
        "component": rng.choice(["BarChartV2", "LineChartV2", "AreaChartV2"]),
        "props": {"chartData": data},
    }


def _table(rng: random.Random) -> dict[str, Any]:
    width = rng.randint(3, 5)

    def row(cell: str, make: Callable[[], str]) -> dict[str, Any]:
        cells = [{"component": cell, "props": {"children": make()}} for _ in range(width)]
        return {"component": "TableRow", "props": {"children": cells}}

    head = {"component": "TableHeader", "props": {"children": [row("TableHead", lambda: _words(rng, 2))]}}
    rows = [
        row(
            "TableCell",
            lambda: rng.choice([_words(rng, 3), str(rng.randint(1, 99999)), f"{rng.random() * 100:.1f}%"]),
        )
        for _ in range(rng.randint(3, 8))
    ]
    return {
        "component": "Table",
        "props": {"children": [head, {"component": "TableBody", "props": {"children": rows}}]},
    }


def _form(rng: random.Random) -> dict[str, Any]:
    fields = [
        {
            "label": _words(rng, 3),
            "children": {
                "component": "Input",
                "props": {
                    "name": _words(rng, 1).lower(),
                    "placeholder": _words(rng, 4),
                    "rules": {"required": True},
                },
            },
        }
        for _ in range(rng.randint(3, 6))
    ]
    return {
        "component": "Form",
        "props": {
            "name": _words(rng, 1).lower(),
            "children": fields,
            "buttons": {"component": "ButtonGroup", "props": {"children": [_button(rng)]}},
        },
    }


def _button(rng: random.Random) -> dict[str, Any]:
    action = {"type": "continue_conversation", "props": {}}
    return {
        "component": "Button",
        "props": {
            "children": _words(rng, 3),
            "name": _words(rng, 1).lower(),
            "variant": "primary",
            "action": action,
        },
    }


def answer(rng: random.Random, size: int) -> str:
    """One card of about ``size`` bytes, HTML-escaped as on the wire."""
    children: list[dict[str, Any]] = [
        {"component": "Header", "props": {"title": _words(rng, 4), "subtitle": _words(rng, 6)}}
    ]
    while True:
        children.append(rng.choice([_text, _text, _chart, _table, _form])(rng))
        card = {"component": {"component": "Card", "props": {"children": children}}, "error": None}
        text = f'<content thesys="true">{html.escape(json.dumps(card, separators=(",", ":")))}</content>'
        if len(text) >= size:
            break
    children.append(
        {"component": "FollowUpBlock", "props": {"followUpText": [_words(rng, 6) for _ in range(3)]}}
    )
    return f'<content thesys="true">{html.escape(json.dumps(card, separators=(",", ":")))}</content>'


def prompt(rng: random.Random) -> str:
    """What a person types, wrapped as the official client does."""
    return f'<content thesys="true">{html.escape(rng.choice(SENTENCES))}</content>'
