"""Threads as an operator sees them, out of a store."""

import asyncio
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from moto import mock_aws

from c1fn.__main__ import main
from c1fn.errors import NotFound
from c1fn.local import support
from c1fn.stores import Claim, Store
from c1fn.stores.dynamodb import DynamoStore, connect, service, table
from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import pseudonym
from c1fn.turn import Ask, Feedback, Message, State, ToolCall, Turn, Usage

CALL = ToolCall("c1", "add", "{}")
REPLY = (
    Message("assistant", "plän", tool_calls=(CALL,)),
    Message("tool", "3", tool_call_id="c1"),
    Message("assistant", "ted"),
)


async def kept(owner: str = "key:alice", thread_id: str = "t", *, prompt: str = "planted") -> MemoryStore:
    store = MemoryStore(clock=lambda: 1_700_000_000.0)
    await keep(store, owner, thread_id, prompt)
    return store


async def keep(store: Store, owner: str, thread_id: str, prompt: str) -> None:
    """A thread with a turn that failed in its second round."""
    claim = await store.turns.open(Ask(owner, thread_id, "r1", Message("user", prompt)), history=0)
    assert isinstance(claim, Claim)
    turn = Turn(1, "r1", State.FAILED, claim.ask.prompt, claim.started, REPLY, Usage(10, 5), "answer_cut")
    await store.turns.commit(claim, turn)


async def test_a_thread_is_shown_without_its_words() -> None:
    found = await support.show(await kept(), "key:alice", "t", text=False)
    assert found == {
        "threadId": "t",
        "owner": pseudonym("key:alice"),
        "turns": [
            {
                "number": 1,
                "responseId": "r1",
                "startedAt": "2023-11-14T22:13:20Z",
                "state": "failed",
                "error": "answer_cut",
                "rounds": 2,
                "inputTokens": 10,
                "outputTokens": 5,
                "promptBytes": 7,
                "answerBytes": 8,
            }
        ],
    }
    printed = "\n".join(support.lines(found))
    assert (
        "#1 2023-11-14T22:13:20Z failed answer_cut · r1 · 2 rounds · 10 + 5 tokens · 7 + 8 bytes" in printed
    )
    assert "plan" not in printed


async def test_its_words_are_shown_on_request() -> None:
    found = await support.show(await kept(), "key:alice", "t", text=True)
    assert (found["turns"][0]["prompt"], found["turns"][0]["answer"]) == ("planted", "plänted")
    assert "  prompt: planted" in support.lines(found)


async def test_feedback_is_shown_and_its_comment_on_request() -> None:
    store = await kept()
    await store.threads.rate("key:alice", "t", "r1", Feedback("down", "too\x1b[2J short"))
    shown = await support.show(store, "key:alice", "t", text=False)
    assert shown["turns"][0]["feedback"] == "down"
    assert "short" not in str(shown)
    assert "7 + 8 bytes · feedback down" in "\n".join(support.lines(shown))
    words = support.lines(await support.show(store, "key:alice", "t", text=True))
    assert words[-1] == "  comment: too\N{REPLACEMENT CHARACTER}[2J short"


async def test_what_was_stored_moves_no_terminal() -> None:
    store = await kept(thread_id="a\x1b[2Jb", prompt="c\x9b2Jd\re\n\tf")
    printed = "\n".join(support.lines(await support.show(store, "key:alice", "a\x1b[2Jb", text=True)))
    assert {c for c in printed if not c.isprintable()} == {"\n", "\t"}


async def test_another_owners_thread_is_not_found() -> None:
    with pytest.raises(NotFound):
        await support.show(await kept(), "key:bob", "t", text=False)


async def test_every_thread_of_an_owner_is_listed_page_by_page() -> None:
    store = await kept("key:bob")
    for number in range(support.PAGE * 2 + 1):
        await store.threads.create("key:alice", f"t{number}", "planted")
    found = [thread.id async for thread in support.every(store, "key:alice")]
    assert len(found) == len(set(found)) == support.PAGE * 2 + 1


def test_threads_in_a_servers_memory_are_out_of_reach(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["thread", "list", "--owner", "anybody"]) == 2
    assert "C1FN_STORE" in capsys.readouterr().err


# --- the command, over DynamoDB


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A table that is not there yet, in moto, and the environment that names it."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"C1FN_STORE": "dynamodb", "AWS_DEFAULT_REGION": "eu-central-1"}.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(["thread", *arguments])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


async def filled() -> None:
    client = connect(None)
    table.create(client, "c1fn")
    store = DynamoStore(service(None), "c1fn")
    await keep(store, "key:alice", "t", "planted")
    await store.aclose()


ALICE = ("--owner", "key:alice")


@pytest.mark.usefixtures("deployed")
def test_a_missing_table_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    status, told = run(capsys, "list", *ALICE)
    assert (status, told.endswith("Create it with: c1fn table create\n")) == (2, True)


@pytest.mark.usefixtures("deployed")
def test_an_owners_threads_are_listed_shown_and_deleted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(filled())
    assert json.loads(run(capsys, "list", *ALICE)[1])["threadId"] == "t"
    (turn,) = json.loads(run(capsys, "show", "t", "--json", *ALICE)[1])["turns"]
    assert (turn["state"], turn["promptBytes"], "prompt" in turn) == ("failed", 7, False)
    status, told = run(capsys, "show", "t", *ALICE)
    assert (status, "planted" in told) == (0, False)
    assert "  prompt: planted" in run(capsys, "show", "t", "--text", *ALICE)[1]
    assert run(capsys, "show", "t", "--owner", "key:bob") == (2, "c1fn: There is no such conversation.\n")
    monkeypatch.setattr("sys.stdin", StringIO("no\n"))
    assert run(capsys, "delete", "--all", *ALICE)[0] == 1
    assert run(capsys, "delete", "--all", "--yes", *ALICE) == (0, "1 deleted.\n")
    assert run(capsys, "list", *ALICE) == (0, "")
