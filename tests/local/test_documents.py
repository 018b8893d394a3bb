"""A thread's document is read as it was written; one that somebody changed is refused, with the place."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from c1fn.errors import BadField
from c1fn.local import archive, documents
from c1fn.stores.memory import MemoryStore
from c1fn.turn import Feedback, Message, Resume, Source, State, Thread
from tests.stores.owning import a_turn, told

TURNS = [
    a_turn(1, 1_800_000_000.123456, error="model_rate_limited", detail="Ask later.", state=State.FAILED),
    a_turn(2, 1_800_000_001.0, feedback=Feedback("down", "not ☃"), revised="\x00\x1b[2J\u2028 \ud800 ☃"),
    replace(a_turn(3, 0.0), response_id="", reply=(), prompt=Message("user", "")),
    a_turn(4, 0.0, state=State.WAITING),
    *(
        a_turn(number, 0.0, prompt=Message("user", "Approve", resume=resume))
        for number, resume in enumerate(
            [Resume("r4", None), Resume("r4", ("c1", "c2")), Resume("r4", (), (("c1", "☃"), ("c2", "")))], 5
        )
    ),
]
THREAD = Thread("t#%", "Plans\u2029", 1_799_999_999.5, 1_800_000_009.0, source=Source("s", "r0"))


async def written() -> str:
    store = MemoryStore()
    await store.owners.restore("ann", THREAD, told(TURNS))
    return "".join([piece async for piece in archive.document(store, "ann", THREAD, print)])


async def test_what_is_read_is_what_was_written() -> None:
    """Whatever the texts hold; the document is one line of UTF-8 without control characters."""
    document = await written()
    assert {char for char in document if not char.isprintable()} == {"\n"}
    thread, turns = documents.read(document.encode())
    assert thread == THREAD
    assert [replace(turn, number=number) for number, turn in enumerate(turns, 1)] == TURNS


def at(path: str, value: Any) -> Callable[[Any], None]:
    """Replace one value of a document; `...` takes it away."""

    def change(document: Any) -> None:
        *names, last = [int(name) if name.isdecimal() else name for name in path.split(".")]
        for name in names:
            document = document[name]
        if value is ...:
            del document[last]
        else:
            document[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "told_of"),
    [
        (at("c1fn", 2), "c1fn: this version reads documents of version 1 alone."),
        (at("c1fn", "1"), "c1fn: this must be a whole number."),
        (at("c1fn", True), "c1fn: this must be a whole number."),
        (at("threadId", ...), "threadId: this field is missing."),
        (at("threadId", "x" * 129), "threadId: this must have 1 to 128 characters."),
        (at("threadId", "\ud800"), "threadId: this has half a character in it."),
        (at("title", "x" * 1_001), "title: this must have 0 to 1000 characters."),
        (at("createdAt", "yesterday"), "createdAt: this must be a time in UTC"),
        (at("createdAt", "2026-01-31T12:00:00"), "createdAt: this must be a time in UTC"),
        (at("updatedAt", "0001-01-01T00:00:00Z"), "updatedAt: this must be a time in UTC"),
        (at("updatedAt", 5), "updatedAt: this must be a text."),
        (at("turns", {}), "turns: this must be a list."),
        (at("turns.0", []), "turns[0]: this must be an object."),
        (at("turns.1.responseId", "r1"), "turns: two of them have one responseId."),
        (at("turns.0.responseId", "\udfff"), "turns[0].responseId: this has half a character in it."),
        (at("turns.0.state", "over"), "turns[0].state: this must be one of running, done"),
        (at("turns.0.prompt", ...), "turns[0].prompt: this field is missing."),
        (at("turns.0.prompt.role", "robot"), "turns[0].prompt.role: this must be one of system, user"),
        (at("turns.0.reply.0.content", 1), "turns[0].reply[0].content: this must be a text."),
        (
            at("turns.0.reply.0.toolCalls.0.id", ...),
            "turns[0].reply[0].toolCalls[0].id: this field is missing.",
        ),
        (at("turns.0.usage.inputTokens", -1), "turns[0].usage.inputTokens: this must be a number from 0"),
        (at("turns.0.usage.inputTokens", 1.5), "turns[0].usage.inputTokens: this must be a whole number."),
        (at("forkedFrom.threadId", ""), "forkedFrom.threadId: this must have 1 to 128 characters."),
    ],
)
async def test_a_document_that_is_wrong(change: Callable[[Any], None], told_of: str) -> None:
    document = json.loads(await written())
    change(document)
    with pytest.raises(BadField) as refused:
        documents.read(json.dumps(document).encode())
    assert str(refused.value).startswith(told_of)


@pytest.mark.parametrize("line", [b"", b"[]", b"1", b"null", b"\xff", b"[" * 100_000, b'{"c1fn":1', b'"x"'])
def test_a_line_that_is_no_document(line: bytes) -> None:
    with pytest.raises(BadField):
        documents.read(line)
