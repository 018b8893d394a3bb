"""A thread's document, written while others use the thread."""

import json

import pytest

from c1fn.errors import NotFound
from c1fn.local import archive
from c1fn.stores.memory import MemoryStore
from c1fn.turn import Thread
from tests.stores.owning import a_turn, say, told

THREAD = Thread("t", "Plans", 1.0, 2.0)


@pytest.mark.parametrize(
    "count", [0, 1, archive.TURNS - 1, archive.TURNS, archive.TURNS + 1, 3 * archive.TURNS]
)
async def test_each_turn_is_written_once(count: int) -> None:
    """However many there are, in their order; turns that are begun meanwhile are not."""
    store = MemoryStore()
    turns = [a_turn(number, 1.0) for number in range(1, count + 1)]
    await store.owners.restore("ann", THREAD, told(turns))
    pieces = list[str]()
    async for piece in archive.document(store, "ann", THREAD, print):
        if not pieces:
            await say(store, "new")
        pieces.append(piece)
    document = json.loads("".join(pieces))
    assert [turn["responseId"] for turn in document["turns"]] == [turn.response_id for turn in turns]
    found = [turn async for turn in archive.turns_of(store, "ann", "t")]
    assert found[:-1] == turns


async def test_a_thread_that_is_deleted_while_it_is_written() -> None:
    """Its document is still one, and what is missing is told."""
    store, heard, pieces = MemoryStore(), list[str](), list[str]()
    await store.owners.restore("ann", THREAD, told([a_turn(number, 1.0) for number in range(1, 31)]))
    async for piece in archive.document(store, "ann", THREAD, heard.append):
        pieces.append(piece)
        if len(pieces) == 5:
            await store.threads.delete("ann", "t")
    assert len(json.loads("".join(pieces))["turns"]) == archive.TURNS
    assert heard == ["t: it was deleted while it was exported; turns are missing."]
    with pytest.raises(NotFound):
        await anext(archive.document(store, "ann", THREAD, heard.append))
