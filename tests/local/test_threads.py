"""The commands that bring threads back: import of documents, restore out of another table."""

from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from c1fn.stores.dynamodb import DynamoStore
from c1fn.turn import Thread, Turn
from tests.local.deployment import OWNER, create, deployed, on_the_store, run
from tests.stores.owning import a_turn, say, told

OLD = 1_750_000_000.0
TURNS = tuple(a_turn(number, OLD + number) for number in range(1, 24))
DOCUMENT = (
    b'{"c1fn":1,"threadId":"%s","title":"T","createdAt":"2026-01-31T12:00:00Z",'
    b'"updatedAt":"2026-01-31T12:00:00Z","turns":[]}\n'
)


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with deployed(monkeypatch, tmp_path):
        yield


async def filled(store: DynamoStore) -> None:
    for name in ("t", "u", "v"):
        thread = Thread(name, f"Plans {name}", OLD, OLD + 70)
        assert await store.owners.restore(OWNER, thread, told(TURNS)) == "restored"


async def titles(store: DynamoStore) -> dict[str, tuple[Turn, ...]]:
    page = await store.threads.page(OWNER, cursor=None, limit=9)
    return {thread.title: await store.threads.load(OWNER, thread.id) for thread in page.threads}


def test_a_thread_is_restored_out_of_a_recovered_table(capsys: pytest.CaptureFixture[str]) -> None:
    """One, or all; what is there already stays as it is."""
    create("recovered")
    on_the_store(filled, "recovered")
    of = ("--owner", OWNER, "--from", "recovered")
    assert run(capsys, "thread", "restore", "t", *of) == (0, "1 threads restored.\n", "")
    assert on_the_store(titles) == {"Plans t": TURNS}
    status, heard, why = run(capsys, "thread", "restore", "--all", *of)
    assert (status, heard) == (1, "2 threads restored, 1 exists.\n")
    assert why.startswith("t: there is a thread of this id. To replace it, delete it first")
    assert on_the_store(titles) == {f"Plans {name}": TURNS for name in "tuv"}


def test_a_restore_that_cannot_be(capsys: pytest.CaptureFixture[str]) -> None:
    """No such thread, no such table, or the table itself."""
    create("recovered")
    of = ("--owner", OWNER, "--from")
    status, _, why = run(capsys, "thread", "restore", "t", *of, "recovered")
    assert (status, why) == (2, "c1fn: The table recovered has no such conversation of this owner.\n")
    assert run(capsys, "thread", "restore", "--all", *of, "recovered")[0] == 0
    assert "does not exist" in run(capsys, "thread", "restore", "t", *of, "nothing")[2]
    status, _, why = run(capsys, "thread", "restore", "t", *of, "c1fn")
    assert (status, why) == (
        2,
        "c1fn: --from c1fn: that is the table to restore to. Name the recovered one.\n",
    )


def test_documents_that_are_wrong_do_not_hinder_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is told with its file, its line and its field; of a wrong one nothing is written."""
    lines = [DOCUMENT % b"a", b"\n", b"{}\n", DOCUMENT % b"", DOCUMENT % b"a", b"\xff\n", DOCUMENT % b"b"]
    (tmp_path / "some.jsonl").write_bytes(b"".join(lines))
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(DOCUMENT % b"c")))
    status, heard, why = run(capsys, "thread", "import", "some.jsonl", "-", "--owner", OWNER)
    assert (status, heard) == (1, "3 threads restored, 1 exists, 3 refused.\n")
    assert why.splitlines() == [
        "some.jsonl line 3: c1fn: this field is missing.",
        "some.jsonl line 4: threadId: this must have 1 to 128 characters.",
        "a: there is a thread of this id. To replace it, delete it first: c1fn thread delete",
        "some.jsonl line 6: This is not a JSON document. Give a file of: c1fn owner export",
    ]


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, why = run(capsys, "thread", "import", "nothing.jsonl", "--owner", OWNER)
    assert (status, why) == (2, "c1fn: nothing.jsonl: No such file or directory while it was read.\n")


def test_a_thread_that_is_older_than_the_retention_is_not_restored(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("C1FN_RETENTION_DAYS", "30")
    (tmp_path / "some.jsonl").write_bytes((DOCUMENT % b"a").replace(b"2026", b"2020"))
    status, heard, why = run(capsys, "thread", "import", "some.jsonl", "--owner", OWNER)
    assert (status, heard) == (1, "0 threads restored, 1 too old.\n")
    assert why == "a: it is older than C1FN_RETENTION_DAYS. It is not restored.\n"


def test_an_import_goes_on_where_it_broke_off(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The same again restores the rest; what was restored is told of, and stays."""
    on_the_store(lambda store: say(store, "r1", owner=OWNER))
    before = on_the_store(titles)
    lines = b"".join(DOCUMENT % name for name in (b"t", b"x"))
    (tmp_path / "some.jsonl").write_bytes(lines)
    assert run(capsys, "thread", "import", "some.jsonl", "--owner", OWNER)[0] == 1
    assert on_the_store(titles) == before | {"T": ()}
