"""The commands for all that one owner has, over a table in moto."""

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from c1fn.stores.dynamodb import DynamoStore, connect
from c1fn.turn import Source, Thread, Turn
from tests.local.deployment import OWNER, deployed, on_the_store, run
from tests.stores.contract import answered, ask, claimed
from tests.stores.owning import a_turn, say, told

OLD = 1_750_000_000.5
"""More than a day ago: nobody can still write to a thread that was used then."""


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with deployed(monkeypatch, tmp_path):
        yield


TURNS = (
    a_turn(1, OLD),
    a_turn(2, OLD + 1, revised="form \x9b2J as saved"),
    *(a_turn(number, OLD + number) for number in range(3, 64)),
)


PLANS = Thread("t", "Plans ☃", OLD, OLD + 70, source=Source("s", None))


async def filled(store: DynamoStore) -> None:
    assert await store.owners.restore(OWNER, PLANS, told(TURNS)) == "restored"
    assert await store.owners.restore(OWNER, Thread("u", "Empty", OLD, OLD), told([])) == "restored"
    assert (
        await store.owners.restore("key:bob", Thread("t", "Other", OLD, OLD), told(TURNS[:1])) == "restored"
    )


async def loaded(store: DynamoStore) -> tuple[tuple[Thread, ...], tuple[Turn, ...]]:
    page = await store.threads.page(OWNER, cursor=None, limit=5)
    return page.threads, await store.threads.load(OWNER, "t")


def test_exported_erased_verified_imported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What was exported and erased, so that nothing is left, is after its import what it was."""
    on_the_store(filled)
    before = on_the_store(loaded)
    assert before[1] == TURNS
    status, documents, heard = run(capsys, "owner", "export", "--owner", OWNER)
    assert (status, heard) == (0, "2 threads exported.\n")
    assert [json.loads(line)["threadId"] for line in documents.splitlines()] == ["t", "u"]
    assert run(capsys, "owner", "verify", "--owner", OWNER)[0] == 1
    assert run(capsys, "owner", "erase", "--yes", "--owner", OWNER) == (0, f"{OWNER} is erased.\n", "")
    assert run(capsys, "owner", "verify", "--owner", OWNER) == (0, f"Nothing is left of {OWNER}.\n", "")
    (tmp_path / "alice.jsonl").write_text(documents, "utf-8")
    restored = run(capsys, "thread", "import", "alice.jsonl", "--owner", OWNER)
    assert restored == (0, "2 threads restored.\n", "")
    assert on_the_store(loaded) == before
    assert run(capsys, "owner", "verify", "--owner", "key:bob")[1].endswith("2 rows are left.\n")


def test_a_document_is_safe_to_look_at(capsys: pytest.CaptureFixture[str]) -> None:
    """It holds tool calls, forms as sent and as saved; nothing in it moves a terminal's cursor."""
    on_the_store(filled)
    status, documents, _ = run(capsys, "owner", "export", "--owner", OWNER)
    assert status == 0
    assert {c for c in documents if not c.isprintable()} == {"\n"}
    document = json.loads(documents.splitlines()[0])
    assert (document["c1fn"], document["title"], document["createdAt"]) == (
        1,
        "Plans ☃",
        "2025-06-15T15:06:40.500000Z",
    )
    assert document["turns"][0]["reply"][0]["toolCalls"][0]["name"] == "weather"
    assert document["turns"][1]["revised"] == "form \x9b2J as saved"


def test_an_owner_that_nobody_is_has_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    nobody = ("--owner", "alice")
    assert run(capsys, "owner", "export", *nobody) == (0, "", "0 threads exported.\n")
    assert run(capsys, "owner", "verify", *nobody) == (0, "Nothing is left of alice.\n", "")
    assert run(capsys, "owner", "erase", "--yes", *nobody) == (0, "alice is erased.\n", "")


@pytest.mark.parametrize("owner", ["", "x" * 1_001, "\ud800"])
def test_a_name_that_is_no_owners(capsys: pytest.CaptureFixture[str], owner: str) -> None:
    with pytest.raises(SystemExit):
        run(capsys, "owner", "erase", "--yes", "--owner", owner)
    assert "an owner's name has 1 to 1000 bytes" in capsys.readouterr().err


def test_nothing_is_erased_without_the_owners_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_store(filled)
    monkeypatch.setattr("sys.stdin", StringIO("yes\n"))
    status, heard, _ = run(capsys, "owner", "erase", "--owner", OWNER)
    assert (status, heard.endswith("Nothing was erased.\n")) == (1, True)
    assert on_the_store(loaded)[1] == TURNS


def test_what_stays_is_told_with_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    """A thread that was used today leaves tombstones: they have a time, and hold no text."""

    async def used(store: DynamoStore) -> None:
        await say(store, "r1", owner=OWNER, text="planted")
        claimed(await store.turns.open(ask("r2", "planted", owner=OWNER), history=3))

    on_the_store(used)
    status, heard, _ = run(capsys, "owner", "erase", "--yes", "--owner", OWNER)
    assert status == 0
    assert "rows without text stay until 20" in heard
    status, rows, _ = run(capsys, "owner", "verify", "--owner", OWNER)
    assert status == 1
    assert [line.split()[:2] for line in rows.splitlines()[:-1]] == [["tombstone", "until"]] * 3
    client = connect(None)
    assert "planted" not in str(client.scan(TableName="c1fn"))
    client.close()


def test_what_cannot_be_read_is_exported_and_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    """A damaged turn has a document too, without its texts."""

    async def damaged(store: DynamoStore) -> None:
        claim = claimed(await store.turns.open(ask("r1", owner=OWNER), history=3))
        await store.turns.commit(claim, answered(claim, "hi"))

    on_the_store(damaged)
    client = connect(None)
    for item in client.scan(TableName="c1fn")["Items"]:
        if "body" in item:
            client.put_item(TableName="c1fn", Item=item | {"body": {"B": b"?"}})
    client.close()
    status, documents, heard = run(capsys, "owner", "export", "--owner", OWNER)
    assert status == 0
    assert heard.splitlines()[0] == "t: turn 1 cannot be read; its texts are not exported."
    assert json.loads(documents)["turns"][0]["error"] == "damaged_turn"


def test_a_table_of_another_program_is_not_touched(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(None)
    client.create_table(
        TableName="theirs",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    client.close()
    monkeypatch.setenv("C1FN_TABLE", "theirs")
    for command in (("owner", "erase", "--yes"), ("owner", "verify"), ("thread", "list")):
        status, _, heard = run(capsys, *command, "--owner", OWNER)
        assert status == 2
        assert heard.startswith("c1fn: theirs is not a table of c1fn: its key is not pk, sk.")
