"""Parses an answer's text, complete or partial, into components.

The whole text is parsed again each time, which is the simplest way. A component or a paragraph is complete
when another one follows it; the rest is still being written. Incomplete JSON is read as far as possible. Text
that is not in C1's form is treated as Markdown.

https://docs.thesys.dev · https://docs.pydantic.dev/latest/concepts/json/#partial-json-parsing
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic_core import from_json

from c1fn.local.terminal import openui
from c1fn.local.terminal.parts import Component, children, markdown, props
from c1fn.turn import unescaped


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
    settled = 0
    for document in _documents(_NOTHING.sub("", text), ended=ended):
        if document.components:
            settled = len(found) + document.settled
            found += document.components
    if ended or not found:
        return Answer(tuple(found), None, works[-1] if works and not found else "")
    return Answer(tuple(found[:settled]), found[settled] if settled < len(found) else None)


def words(content: str) -> str:
    """What a person said, without the client's wrapping."""
    wrapped = re.search(r"<content[^>]*>(.*?)</content>", content, re.DOTALL)
    return unescaped(wrapped[1]) if wrapped else content


_CALLOUTS = ("Callout", "CalloutV2")
_WORKING = re.compile(r"<thinkitemcontent>(.*?)</thinkitemcontent>", re.DOTALL)
_NOTHING = re.compile(
    r"<!--.*?(?:-->|$)|<thinkitem\b.*?(?:</thinkitem>|$)|<context>.*?(?:</context>|$)", re.DOTALL
)
_CONTENT = re.compile(r"<content(?P<told>[^>]*)>(?P<body>.*?)(?P<end></content>|(?=<content)|$)", re.DOTALL)
_CUT_SHORT = re.compile(r"<[\w! =\"-]{0,40}$|&#?\w{0,10}$")
"""The beginning of a tag or of an entity at the very end of what has arrived."""


@dataclass(frozen=True, slots=True)
class Document:
    """A part of an answer, and how many of its components stay as they are if nothing follows it."""

    components: list[Component]
    settled: int

    @classmethod
    def growing_at_its_end(cls, components: list[Component]) -> "Document":
        return cls(components, max(0, len(components) - 1))


_FENCE = re.compile(r"```openui(?:-lang)?[^\n]*\n(?P<code>.*?)(?P<end>```|$)", re.DOTALL)
_PROGRAM = re.compile(r"\s*[A-Za-z_]\w*[ \t]*=[ \t]*[A-Z]\w*\(")
"""How OpenUI Lang begins that stands in no fence."""


def _documents(text: str, *, ended: bool) -> Iterator[Document]:
    """Each piece of Markdown and each `<content>`; a second one, an error card, replaces a partial first."""
    at = 0
    for found in _CONTENT.finditer(text):
        yield from _plain(text[at : found.start()], ended=True)
        whole = bool(found["end"])
        yield from _content(found["body"], found["told"], whole=whole, ended=ended or whole)
        at = found.end()
    yield from _plain(_CUT_SHORT.sub("", text[at:]), ended=ended)


def _plain(text: str, *, ended: bool, library: str = "openui") -> Iterator[Document]:
    """Markdown, with OpenUI Lang in fences; or OpenUI Lang alone."""
    if _PROGRAM.match(text) and (program := _program(text, library, ended=ended)):
        yield program
        return
    at = 0
    for found in _FENCE.finditer(text):
        before = _paragraphs(text[at : found.start()])
        yield Document(before, len(before))
        program = _program(found["code"], library, ended=ended or bool(found["end"]))
        yield program or Document.growing_at_its_end(_paragraphs(found[0]))
        at = found.end()
    yield Document.growing_at_its_end(_paragraphs(text[at:]))


def _program(code: str, library: str, *, ended: bool) -> Document | None:
    """None: it is none, and better shown as it is."""
    read = openui.components(code, ended=ended, library=library)
    if read is None or (ended and not read[0]):
        return None
    shown, settled = read
    return Document(shown, settled)


def _content(body: str, told: str, *, whole: bool, ended: bool) -> Iterator[Document]:
    plain = unescaped(body if whole else _CUT_SHORT.sub("", body))
    if 'version="2"' in told:
        yield from _plain(plain, ended=ended, library="c1")
        return
    try:
        document = from_json(plain, allow_partial=False if whole else "trailing-strings")
    except ValueError:  # another dialect, or damaged: it is shown as it is
        yield from _plain(plain, ended=ended)
        return
    root = document.get("component") if isinstance(document, dict) else None
    yield Document.growing_at_its_end([part for top in children(root) for part in _parts(top)])


def _parts(component: Component) -> list[Component]:
    """What is shown one below the other: a card's children, a text's paragraphs."""
    match component:
        case {"component": "Card", "props": {"children": list(several)}}:
            return [part for child in children(several) for part in _parts(child)]
        case {"component": "TextContent", "props": {"textMarkdown": str(text)}}:
            return _paragraphs(text) or [markdown(text)]
        case {"component": str(), "props": dict()}:
            return [component]
    return []


def _paragraphs(text: str) -> list[Component]:
    """Split at empty lines, but not inside a fence of code."""
    found: list[str] = []
    fenced = False
    pieces = ["", *re.split(r"(\n\s*\n)", text)]
    for between, block in zip(pieces[::2], pieces[1::2], strict=True):
        if fenced:
            found[-1] += between + block
        else:
            found.append(block)
        fenced ^= len(re.findall(r"^\s*```", block, re.MULTILINE)) % 2 == 1
    return [markdown(paragraph) for paragraph in found if paragraph.strip()]
