"""Parses an answer's text, complete or partial, into components.

The whole text is parsed again each time, which is the simplest way. A component or a paragraph is complete
when another one follows it; the rest is still being written. Incomplete JSON is read as far as possible. Text
that is not in C1's form is treated as Markdown.

https://docs.thesys.dev · https://docs.pydantic.dev/latest/concepts/json/#partial-json-parsing
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from c1fn.turn import unescaped

Component = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """``settled`` will not change any more; ``growing`` is the last component, while it is written.

    :param working: the newest progress the service told, for as long as nothing else is there.
    """

    settled: tuple[Component, ...] = ()
    growing: Component | None = None
    working: str = ""

    @property
    def failure(self) -> str:
        """What an error card says, if the answer ends in one."""
        last = self.settled[-1] if self.settled else {}
        if last.get("component") not in _CALLOUTS or props(last).get("variant") != "danger":
            return ""
        told = (props(last).get(name) for name in ("title", "description"))
        return " ".join(text if text.endswith(".") else f"{text}." for text in told if isinstance(text, str))


def read(text: str, *, ended: bool) -> Answer:
    """The answer so far. Once it has ended all of it is settled."""
    works = [unescaped(found[1]) for found in _WORKING.finditer(text)]
    found: list[Component] = []
    for document in _documents(_NOTHING.sub("", text)):
        found += document
    if ended or not found:
        return Answer(tuple(found), None, works[-1] if works and not found else "")
    return Answer(tuple(found[:-1]), found[-1])


def words(content: str) -> str:
    """What a person said, without the client's wrapping."""
    wrapped = re.search(r"<content[^>]*>(.*?)</content>", content, re.DOTALL)
    return unescaped(wrapped[1]) if wrapped else content


def props(component: Component) -> Component:
    """A component's properties, whatever the model made of them."""
    found = component.get("props")
    return found if isinstance(found, dict) else {}


def children(value: object) -> list[Component]:
    """The components in a property that has one or several."""
    several = value if isinstance(value, list) else [value]
    return [child for child in several if isinstance(child, dict)]


def markdown(text: str) -> Component:
    return {"component": "TextContent", "props": {"textMarkdown": text}}


_CALLOUTS = ("Callout", "CalloutV2")
_WORKING = re.compile(r"<thinkitemcontent>(.*?)</thinkitemcontent>", re.DOTALL)
_NOTHING = re.compile(
    r"<!--.*?(?:-->|$)|<thinkitem\b.*?(?:</thinkitem>|$)|<context>.*?(?:</context>|$)", re.DOTALL
)
_CONTENT = re.compile(r"<content[^>]*>(?P<body>.*?)(?P<end></content>|(?=<content)|$)", re.DOTALL)
_CUT_SHORT = re.compile(r"<[\w! =\"-]{0,40}$|&#?\w{0,10}$")
"""The beginning of a tag or of an entity at the very end of what has arrived."""


def _documents(text: str) -> Iterator[list[Component]]:
    """Each piece of Markdown and each `<content>`; a second one, an error card, replaces a partial first."""
    at = 0
    for found in _CONTENT.finditer(text):
        yield _paragraphs(text[at : found.start()])
        yield _components(found["body"], whole=bool(found["end"]))
        at = found.end()
    yield _paragraphs(_CUT_SHORT.sub("", text[at:]))


def _components(body: str, *, whole: bool) -> list[Component]:
    plain = unescaped(body if whole else _CUT_SHORT.sub("", body))
    try:
        document = from_json(plain, allow_partial=False if whole else "trailing-strings")
    except ValueError:  # another dialect, or damaged: it is shown as it is
        return _paragraphs(plain)
    root = document.get("component") if isinstance(document, dict) else None
    return [part for top in children(root) for part in _parts(top)]


def _parts(component: Component) -> list[Component]:
    """What is shown one below the other: a card's children, a text's paragraphs."""
    match component:
        case {"component": "Card", "props": {"children": list(several)}}:
            return [part for child in children(several) for part in _parts(child)]
        case {"component": "TextContent", "props": {"textMarkdown": str(text)}}:
            return _paragraphs(text)
        case {"component": str(), "props": dict()}:
            return [component]
    return []


def _paragraphs(text: str) -> list[Component]:
    """Split at empty lines, but not inside a fence of code."""
    found: list[str] = []
    fenced = False
    for block in re.split(r"\n\s*\n", text):
        if fenced:
            found[-1] += "\n\n" + block
        else:
            found.append(block)
        fenced ^= len(re.findall(r"^\s*```", block, re.MULTILINE)) % 2 == 1
    return [markdown(paragraph) for paragraph in found if paragraph.strip()]
