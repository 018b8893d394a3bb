"""The data types of a conversation.

A *turn* is one prompt and its results: tool calls, tool results, the answer. A *thread* is an ordered list of
complete turns, numbered from 1 without gaps. The messages for users and those for the model are both made
from turns. Nothing here does I/O; every value is frozen.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model asks for; ``arguments`` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Resume:
    """What a prompt says to the calls that the turn ``response_id`` ended with.

    ``approved``: the ids of those that are to be run; None: all. ``results``: pairs of a call's id and what
    the client's own tool returned. A call that neither names is refused.
    """

    response_id: str
    approved: tuple[str, ...] | None = ()
    results: tuple[tuple[str, str], ...] = ()

    def approves(self, call: ToolCall) -> bool:
        """Whether this call is to be run."""
        return self.approved is None or call.id in self.approved


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message, with OpenAI's fields; ``id`` is the client's and never goes to the model.

    ``opaque`` is the opposite: what a model sent beside its words and wants back with them: a JSON text that
    only the models' room reads. It never goes to a client. ``resume`` makes it a prompt that resumes a
    waiting turn; ``speaks`` tells what becomes of its words.

    https://platform.openai.com/docs/api-reference/chat/create
    """

    role: Role
    content: str
    id: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    opaque: str | None = None
    resume: Resume | None = None

    @property
    def speaks(self) -> bool:
        """Whether the model gets the words of this prompt. Those of an answer to a question ("Approve") are
        for people alone. Words beside results of the client's tools are a prompt: a person typed them in the
        meantime. Such a prompt is asked even if nothing waits for the results any more.
        """
        return self.resume is None or bool(self.resume.results and self.content)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens the model counted for one turn, summed over its rounds; estimated where it did not tell.

    ``cached_tokens`` are those of the input that the provider had in its cache. They are for the log: a store
    need not keep them, so they do not count when two are compared.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = field(default=0, compare=False)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
        )

    @property
    def tokens(self) -> int:
        """Of input and output together."""
        return self.input_tokens + self.output_tokens


class State(StrEnum):
    """Where a turn stands. All but RUNNING are final for the attempt that wrote them."""

    RUNNING = "running"
    DONE = "done"  # the model finished
    WAITING = "waiting"  # it ended with calls that have no result yet: the next turn may bring them
    STOPPED = "stopped"  # a person asked it to stop; what was said is kept
    FAILED = "failed"  # the model or a tool failed; the partial answer is kept for people
    INTERRUPTED = "interrupted"  # the machine died or was shut down


ANSWERED = frozenset((State.DONE, State.WAITING, State.STOPPED))
"""The states of a turn that is never run again."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """The description of a tool for the model; ``parameters`` is a JSON Schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


HasTool = Callable[[str], bool]
"""Whether the server has a tool of this name. A call of any other is the client's that brought its tool."""


def any_tool(_: str) -> bool:
    """A server that has every tool: no client brings one."""
    return True


@dataclass(frozen=True, slots=True)
class Ask:
    """What a client asks for: one prompt, to be answered as ``response_id`` on a thread of ``owner``.

    ``claims`` are those of the caller's verified token: for tools, and never stored. ``tools`` are the
    client's own, which it runs itself: a call of one ends the turn.
    """

    owner: str
    thread_id: str
    response_id: str
    prompt: Message
    claims: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    tools: tuple[ToolSpec, ...] = field(default=(), compare=False, repr=False)


ANSWERABLE = 86_400.0
"""Seconds after its beginning in which a waiting turn can be resumed: a person may answer the next morning,
and arguments that are older tell of a world that has changed.
"""

Value = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person thinks of an answer."""

    value: Value
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One prompt and what came of it.

    ``reply`` holds every message after the prompt, in order. A tool call never stands without its result,
    but for those of the last message of a WAITING turn.
    ``started`` is in seconds since the epoch. ``error`` is the code of the failure, if there was one, and
    ``detail`` its sentence where that is not the code's own.
    ``revised`` is the visible answer as the client last saved it (a form's state), if it did, and
    ``feedback`` what a person thinks of it.
    """

    number: int
    response_id: str
    state: State
    prompt: Message
    started: float
    reply: tuple[Message, ...] = ()
    usage: Usage = Usage()
    error: str | None = None
    revised: str | None = None
    detail: str | None = None
    feedback: Feedback | None = None

    @property
    def answer(self) -> str:
        """The text the client was sent: what the model said in all rounds, in order."""
        return "".join(m.content for m in self.reply if m.role == "assistant")

    @property
    def visible(self) -> str:
        """The answer as people should see it now."""
        return self.answer if self.revised is None else self.revised

    @property
    def pending(self) -> tuple[ToolCall, ...]:
        """The calls that a waiting turn ended with: those of its last calls that have no result."""
        if self.state is not State.WAITING:
            return ()
        calls: dict[str, ToolCall] = {}
        for message in self.reply:
            if message.role == "assistant":
                calls = {call.id: call for call in message.tool_calls}
            else:
                calls.pop(message.tool_call_id or "", None)
        return tuple(calls.values())

    @property
    def resumable_until(self) -> float:
        """When a waiting turn can no longer be resumed, in seconds since the epoch."""
        return self.started + ANSWERABLE


@dataclass(frozen=True, slots=True)
class Until:
    """Where a fork ends: at the turn ``response_id``, which is taken or not; None: with the last turn."""

    response_id: str | None = None
    taken: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """The thread that a thread was forked from, and the last turn that was taken; None: no turn was."""

    thread_id: str
    response_id: str | None


@dataclass(frozen=True, slots=True)
class Thread:
    """What a list of threads shows of one. Times are in seconds since the epoch."""

    id: str
    title: str
    created: float
    updated: float
    running: bool = False
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some threads, newest first, and the cursor of the page after them (None: there is none)."""

    threads: tuple[Thread, ...]
    cursor: str | None


TITLE_LENGTH = 60
"""Characters of a title: what a thread list shows in one line."""

UNTITLED = "New conversation"

_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that look like nothing: Unicode's Default_Ignorable_Code_Point, and an empty Braille."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no list can show: control characters, and halves of characters."""

_ENDLESS = re.compile(r"&#(?:[0-9]{9,}|[xX][0-9a-fA-F]{9,});?")
"""A character by a number that is far above the last one, U+10FFFF."""


def unescaped(text: str) -> str:
    """HTML's references as the characters they stand for, whatever anybody wrote.

    Python refuses to read a number of more than 4,300 digits, and `html.unescape` raises what that raises.
    HTML says what a number above the last character stands for: U+FFFD.

    https://html.spec.whatwg.org/multipage/parsing.html#numeric-character-reference-end-state
    """
    if "&" not in text:
        return text
    import html  # see `escaped`

    return html.unescape(_ENDLESS.sub("\N{REPLACEMENT CHARACTER}", text))


_REFERENCES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#x27;"))


def escaped(text: str) -> str:
    """As `html.escape`, whose module loads the table of all of HTML's names: 0.4 % of a cold start."""
    for character, reference in _REFERENCES:
        text = text.replace(character, reference)
    return text


_WRAPPED = re.compile(r"\s*<content\b[^>]*>(.*?)</content>", re.DOTALL)

_MARK = "]]>openui:"


def is_of_c1(prompt: str) -> bool:
    """Whether C1's client wrote this prompt."""
    return _WRAPPED.match(prompt) is not None


def is_of_openui(prompt: str) -> bool:
    """Whether OpenUI's client wrote this prompt, for a button or a form."""
    return _MARK in prompt


def typed(prompt: str) -> str:
    """What a person typed, of a prompt as a client wrote it.

    C1's client wraps it as ``<content>…</content><context>…</context>`` and escapes it as HTML. OpenUI's puts
    a line with a mark before it, and before what a form holds. Other clients send plain text.
    """
    if wrapped := _WRAPPED.match(prompt):
        return unescaped(wrapped[1])
    if not is_of_openui(prompt):
        return prompt
    text = prompt.partition(f"{_MARK}context")[0]
    first, _, rest = text.partition("\n")
    return (rest if first.startswith(f"{_MARK}content") else text).removesuffix("\n")


def is_blank(char: str) -> bool:
    """Whether it is a letter, a mark or a symbol that looks like nothing."""
    return _BLANK.match(char) is not None


def can_be_seen(text: str) -> bool:
    """Whether there is anything in it that a person sees."""
    return any(char.isprintable() and not char.isspace() and not is_blank(char) for char in text)


def title_of(prompt: Message) -> str:
    """A thread's title from its first prompt: decoded, in one line, cut at a word."""
    words = typed(prompt.content).split()
    line = _CONTROL.sub("", " ".join(words))
    if len(line) <= TITLE_LENGTH:
        return line if can_be_seen(line) else UNTITLED
    cut = line[:TITLE_LENGTH].rpartition(" ")[0] or line[: TITLE_LENGTH - 1]
    return f"{cut}…"
