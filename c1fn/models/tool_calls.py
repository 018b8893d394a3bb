"""Assembles the tool calls of one round from the pieces of a stream.

A piece belongs to the call with its index; without an index, to the call with its id; without both, to the
last call. Some servers number all calls 0, repeat the name in each piece, or omit ids: so a piece that names
a function begins a new call if its id differs, or, without ids, if the call before it is complete. If the
model's text is a JSON object, it is the arguments; otherwise the known ways in which servers change such an
object are reversed.

https://platform.openai.com/docs/guides/function-calling#streaming
"""

import json
from dataclasses import dataclass, field
from typing import Any

from c1fn.errors import AnswerGarbled, AnswerTooLong
from c1fn.models.values import of, size, whole
from c1fn.turn import ToolCall

ARGUMENTS_LIMIT = 1_048_576
"""Characters of all arguments of a round, with what else comes with its calls: a tool takes a few thousand, a
signature as many, and they wait in memory."""

CALLS_LIMIT = 128
"""Tool calls of a round: as many as OpenAI lets a request have tools."""

NAMED_LIMIT = 1_000
"""Pieces that name their function again, of one call, which are asked whether they begin another. Each time
all of the arguments are read, so a stream of such pieces would take time without end.
"""


@dataclass(slots=True)
class _Call:
    """One call, as far as it was heard. ``order``: its place among the calls."""

    order: tuple[int, int]
    id: str = ""
    name: str = ""
    named: int = 0  # how many pieces have named it
    pieces: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> str:
        return _settled(self.pieces)

    @property
    def is_open(self) -> bool:
        """Its arguments have begun and are not whole."""
        return bool("".join(self.pieces).strip()) and not is_object(self.arguments)


class Calls:
    """What was heard of them so far. ``extra``: the fields of a call that go back with it, see opaque."""

    def __init__(self, extra: frozenset[str] = frozenset()) -> None:
        self._extra = extra
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._size = 0  # of all arguments, and of what comes with the calls

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, delta: dict[str, Any]) -> None:
        """:raises AnswerGarbled: this is no piece of a call. AnswerTooLong: they are too many or too long."""
        function = of(dict, delta.get("function"))
        id_, name = of(str, delta.get("id")), of(str, function.get("name"))
        arguments = _written(function.get("arguments"))
        call = self._call(_index(delta.get("index")), id_, name, arguments)
        # Set, not added to: some servers send the id and the name again with each piece.
        call.id = call.id or id_
        call.name = name or call.name
        call.named += bool(name)
        call.pieces.append(arguments)
        self._size += len(arguments)
        if extra := {name: delta[name] for name in self._extra & delta.keys() if delta[name]}:
            self._size += size(extra)
            call.extra |= extra
        if self._size > ARGUMENTS_LIMIT or len(self._calls) > CALLS_LIMIT:
            raise AnswerTooLong("The model's tool calls are too many or too long.")

    def called(self) -> tuple[ToolCall, ...]:
        """The calls in their order, each with an id of its own.

        :raises AnswerGarbled: one has no name.
        """
        taken: set[str] = set()
        return tuple(_called(call, taken) for call in self._in_order())

    def extras(self) -> list[dict[str, Any]]:
        """What goes back with each call, in the calls' order."""
        return [call.extra for call in self._in_order()]

    def _in_order(self) -> list[_Call]:
        return sorted(self._calls, key=lambda call: call.order)

    def _call(self, index: int | None, id_: str, name: str, arguments: str) -> _Call:
        known = self._known(index, id_, name)
        if known is None or _begins(known, id_, name, arguments):
            number = len(self._calls)
            known = _Call((number if index is None else index, number))
            self._calls.append(known)
            if index is not None:
                self._by_index[index] = known
        return known

    def _known(self, index: int | None, id_: str, name: str) -> _Call | None:
        if index is not None:
            return self._by_index.get(index)
        if same := next((call for call in self._calls if id_ and call.id == id_), None):
            return same
        if id_ and name:
            return None
        return self._calls[-1] if self._calls else None


def _begins(known: _Call, id_: str, name: str, arguments: str) -> bool:
    """This piece is not the next of that call: it begins another one."""
    if not name or known.named > NAMED_LIMIT:
        return False
    if id_ and known.id:
        return id_ != known.id and not known.is_open
    return (
        bool(known.name)
        and is_object(known.arguments)
        and (name != known.name or arguments not in ("", known.arguments))
    )


def _index(value: object) -> int | None:
    """A number, also where a server writes it as text; None: there is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]  # what cannot be one raises
    except (TypeError, ValueError, OverflowError):
        return None


def _written(arguments: object) -> str:
    """Arguments as text: some servers send the object itself. Nothing is nothing, in whatever form."""
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments, ensure_ascii=False) if arguments else ""


def _settled(pieces: list[str]) -> str:
    """The arguments that these pieces are. A server may send them whole once more at the end, begin with an
    empty object, or write them as JSON twice. What is none of this stays as the model wrote it: who runs the
    tool tells it so.
    """
    text = "".join(pieces)
    if not text.strip() or text.strip() == "null":
        return "{}"
    last = next((piece for piece in reversed(pieces) if piece.strip()), "")
    for candidate in (text, last, text.removeprefix("{}"), text[: len(text) - len(last)]):
        if is_object(candidate):
            return candidate
        if is_object(inner := _unquoted(candidate)):
            return inner
    return text


def _unquoted(text: str) -> str:
    if not text.lstrip().startswith('"'):
        return ""
    try:
        return str(json.loads(text))
    except (ValueError, RecursionError):
        return ""


def is_object(text: str) -> bool:
    """It is a JSON object, as servers want arguments that come back."""
    if not text.lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(text, parse_constant=_no_number), dict)
    except (ValueError, RecursionError):
        return False


def _no_number(name: str) -> None:
    """Python reads NaN and Infinity; JSON has neither, and a server refuses the arguments that have."""
    raise ValueError(name)


def _called(call: _Call, taken: set[str]) -> ToolCall:
    if not call.name:
        raise AnswerGarbled("The model called a tool without its name.")
    id_ = unique(whole(call.id), taken)
    return ToolCall(id_, whole(call.name), whole(call.arguments))


def unique(id_: str, taken: set[str]) -> str:
    """The id, or one that is made up: nine letters and digits, which is what the strictest server takes."""
    number = len(taken)
    while not id_.strip() or id_ in taken:
        id_, number = f"call{number:05d}", number + 1
    taken.add(id_)
    return id_
