"""Titles by a model: beside the answer, of the owner's tokens, and never instead of a person's."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from c1fn.chat.converse import Chat
from c1fn.chat.titles import LONGEST, READ, Titles
from c1fn.chat.tools import Tools
from c1fn.errors import AnswerCut, Evidence, ModelRejected
from c1fn.events import Called, Delta, Ended
from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import TurnLine
from c1fn.turn import Ask, Message, ToolCall, Usage
from tests.chat.scene import heard
from tests.scripted import LIMITS, ScriptedModel, Step, says

TITLE: list[Step] = [Delta('"A walk in '), Delta('Rome".'), Ended("stop", Usage(7, 3))]


@dataclass
class Scene:
    chat: Chat
    titler: ScriptedModel
    lines: list[Any]

    async def ask(self, response_id: str = "r1", prompt: str = "walk where?", thread: str = "t") -> None:
        await heard(await self.chat.begin(Ask("o", thread, response_id, Message("user", prompt))))

    async def title(self) -> str:
        (thread,) = (await self.chat.store.threads.page("o", cursor=None, limit=2)).threads
        return thread.title


@asynccontextmanager
async def scene(*title: Step, answer: list[Step] | None = None) -> AsyncGenerator[Scene]:
    store, lines = MemoryStore(), list[Any]()
    titler = ScriptedModel(list(title))
    chat = Chat(
        store,
        ScriptedModel(answer or says("an answer")),
        Tools(),
        LIMITS,
        lines.append,
        titles=Titles(titler, store.threads),
    )
    try:
        yield Scene(chat, titler, lines)
    finally:
        await chat.aclose(grace=0)


async def test_a_thread_gets_the_title_that_the_model_gives() -> None:
    async with scene(*TITLE) as one:
        await one.ask()
        await one.chat.settle()
        assert await one.title() == "A walk in Rome"
        await one.ask("r2", "and then?")
        await one.chat.settle()
        assert len(one.titler.asked) == 1
        (line, later) = (line for line in one.lines if isinstance(line, TurnLine))
        assert (line.input_tokens, line.output_tokens) == (10 + 7, 5 + 3)
        assert later.input_tokens == 10


async def test_the_answer_waits_for_no_title_and_the_tokens_count_all_the_same() -> None:
    gate = asyncio.Event()
    async with scene(gate, *TITLE) as one:
        await one.ask()  # to its end
        assert await one.title() == "walk where?"
        (line,) = one.lines
        assert line.output_tokens > 5
        gate.set()
        await one.chat.settle()
        assert await one.title() == "A walk in Rome"


async def test_a_title_that_a_person_gave_meanwhile_stays() -> None:
    gate = asyncio.Event()
    async with scene(gate, *TITLE) as one:
        await one.ask()
        await one.chat.store.threads.rename("o", "t", "Mine")
        gate.set()
        await one.chat.settle()
        assert await one.title() == "Mine"


async def test_the_model_reads_what_was_typed_and_not_too_much_of_it() -> None:
    async with scene(*TITLE) as one:
        await one.ask(prompt=f"<content>a &lt;b&gt; {'x' * 10_000}</content><context>planted</context>")
        ((message,),) = one.titler.asked
        assert message.content.startswith("a <b> xxx")
        assert len(message.content) == READ


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([AnswerCut()], "answer_cut"),
        ([ModelRejected(evidence=Evidence(status=400))], "model_rejected"),
        ([Delta("<content>"), Ended("stop", Usage(1, 1))], "answer_garbled"),
        ([Delta('{"component": "Card"}'), Ended("stop", Usage(1, 1))], "answer_garbled"),
        ([Delta(" \n"), Ended("stop", Usage(1, 1))], "answer_garbled"),
        ([Called((ToolCall("c", "t", "{}"),)), Ended("tool_calls", Usage(1, 1))], "answer_garbled"),
        ([Delta("x" * (LONGEST + 1)), Ended("stop", Usage(1, 1))], "answer_too_long"),
        ([Delta("cut"), Ended("length", Usage(1, 1), AnswerCut())], "answer_cut"),
        ([ZeroDivisionError("planted")], "ZeroDivisionError"),
    ],
)
async def test_a_failure_is_one_line_and_the_first_words_stay(
    said: list[Step], code: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene(*said) as one:
        await one.ask()
        await one.chat.settle()
        assert await one.title() == "walk where?"
        assert one.lines[0].error is None
    assert [record.message for record in caplog.records] == [
        f"A thread keeps its first words as its title: {code}."
    ]


async def test_a_model_that_refused_took_nothing() -> None:
    async with scene(ModelRejected(evidence=Evidence(status=400))) as one:
        await one.ask()
        assert (one.lines[0].input_tokens, one.lines[0].output_tokens) == (10, 5)


async def test_a_failed_turn_keeps_its_first_words(caplog: pytest.LogCaptureFixture) -> None:
    async with scene(asyncio.Event(), answer=[AnswerCut()]) as one:
        await one.ask()
        await one.chat.settle()
        assert await one.title() == "walk where?"
        assert caplog.records == []


async def test_a_process_that_ends_leaves_no_title_behind() -> None:
    async with scene(asyncio.Event()) as one:
        await one.ask()
    assert one.titler.closed == 1
