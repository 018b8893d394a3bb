import io
import sys

import pytest

from c1fn import terminal
from c1fn.converse import Chat, Limits
from c1fn.errors import AnswerCut, StoreUnavailable
from c1fn.events import Delta
from c1fn.log import to_nobody
from c1fn.stores import Opened
from c1fn.stores.memory import MemoryStore
from c1fn.tools import Tools
from c1fn.turn import Ask
from tests.scripted import ScriptedModel, Step, says

LIMITS = Limits(history_turns=20, history_tokens=1000, max_answer=1000, max_seconds=60, max_rounds=3)


class Typed(io.StringIO):
    """Standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


async def talk(
    monkeypatch: pytest.MonkeyPatch, typed: io.StringIO, *rounds: list[Step], store: MemoryStore | None = None
) -> tuple[int, ScriptedModel]:
    monkeypatch.setattr(sys, "stdin", typed)
    model = ScriptedModel(*rounds)
    return await terminal.converse(Chat(store or MemoryStore(), model, Tools(), LIMITS, to_nobody)), model


async def test_what_is_piped_in_is_one_prompt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, model = await talk(monkeypatch, io.StringIO("two\nlines\n"), says("a", "b"))
    assert (status, capsys.readouterr().out, model.asked[0][0].content) == (0, "ab\n", "two\nlines")


async def test_an_empty_pipe_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    status, model = await talk(monkeypatch, io.StringIO(" \n"), says("a"))
    assert (status, model.asked) == (0, [])


async def test_a_terminal_is_one_conversation_until_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, model = await talk(monkeypatch, Typed("one\n\ntwo\n"), says("a"), says("b"))
    assert (status, capsys.readouterr().out) == (0, "> a\n> > b\n> ")
    assert [m.content for m in model.asked[1]] == ["one", "a", "two"]


async def test_a_failure_is_shown_and_told_by_the_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _ = await talk(monkeypatch, io.StringIO("one"), [Delta("a"), AnswerCut()])
    assert (status, "The answer was cut off" in capsys.readouterr().out) == (1, True)


class Away(MemoryStore):
    async def open(self, ask: Ask, *, history: int) -> Opened:  # noqa: ARG002 - the port's shape
        raise StoreUnavailable("It is away.")


async def test_a_refusal_is_one_sentence_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _ = await talk(monkeypatch, io.StringIO("one"), says("a"), store=Away())
    assert (status, capsys.readouterr().err) == (
        1,
        "Conversations are not available at the moment. It is away.\n",
    )
