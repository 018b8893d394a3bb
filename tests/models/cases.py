"""The corpus of tests/models/corpus as values: one file a case."""

import gzip
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.upstream import Answer, Fault, Step

CORPUS = Path(__file__).parent / "corpus"

_HEAD = re.compile(rb"^=== (\d{3}) (\S+(?: charset=\S+)?)((?: [\w-]+=\S+)*)\n", re.MULTILINE)
_EVENT = re.compile(rb".*?(?:\n\n|\r\n\r\n|\r\r|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Case:
    """``expected`` are the fields of the file's head (corpus/README.md)."""

    kind: str
    name: str
    expected: Mapping[str, Any]
    answers: tuple[Answer, ...]

    @property
    def is_one_stream(self) -> bool:
        """A single answer that the package, too, would read as a stream."""
        return (
            len(self.answers) == 1
            and self.answers[0].status < 300
            and "json" not in self.answers[0].headers[0][1]
        )

    @property
    def is_packed(self) -> bool:
        return "content-encoding" in dict(self.answers[0].headers)

    @property
    def body(self) -> bytes:
        """Of the first answer."""
        return b"".join(step for step in self.answers[0].steps if isinstance(step, bytes))


def read(path: Path) -> Case:
    text = path.read_bytes()
    heads = list(_HEAD.finditer(text))
    expected = tomllib.loads(text[: heads[0].start()].decode())
    ends = [head.start() for head in heads[1:]] + [len(text)]
    answers = [_answer(head, text[head.end() : end]) for head, end in zip(heads, ends, strict=True)]
    if then := expected.get("then"):
        answers[-1] = replace(answers[-1], steps=(*answers[-1].steps, Fault(then)))
    return Case(path.parent.name, path.stem, expected, tuple(answers))


def _answer(head: re.Match[bytes], body: bytes) -> Answer:
    given = dict(part.split("=", 1) for part in head[3].decode().split())
    if given.get("content-encoding") == "gzip":
        body = gzip.compress(body, mtime=0)
    headers = {"content-type": head[2].decode(), **given}
    return Answer((body,), int(head[1]), tuple(headers.items()))


CASES = [read(path) for path in sorted(CORPUS.glob("*/*.case"))]


# The same answer on the wire in another way


def whole(answer: Answer) -> Answer:
    return answer


def by_bytes(answer: Answer) -> Answer:
    return replace(answer, steps=tuple(part for step in answer.steps for part in _bytes(step)))


def by_events(answer: Answer) -> Answer:
    return replace(answer, steps=tuple(part for step in answer.steps for part in _events(step)))


def _bytes(step: Step) -> list[Step]:
    return [bytes([byte]) for byte in step] if isinstance(step, bytes) else [step]


def _events(step: Step) -> list[Step]:
    return [part for part in _EVENT.findall(step) if part] if isinstance(step, bytes) else [step]


CUTS = (whole, by_bytes, by_events)


def parsed(text: str) -> object:
    """A JSON text as its value; one that is none as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text
