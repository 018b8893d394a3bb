"""Generated runs of AG-UI's endpoint: each stream is valid, and its text is what the store holds.

A model says by chance words, calls of tools and errors, in rounds. A client asks, leaves midway and sends its
run again with what it has, sends it twice, stops it, or sends it with another prompt; of calls of its own
tool it brings the results, or not, and beside a prompt or alone: what it brought is kept. Each stream is
judged by the protocol's own schemas and by the order that its client demands (tests/agui); each history that
the model gets has every call with its result. With ``streams``, they are also written down, for
tests/e2e/judge.mjs: there npm's own schemas and ``verifyEvents`` judge them.
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

from c1fn.api.app import build_app
from c1fn.api.wires.agui import is_of
from c1fn.chat.converse import Chat
from c1fn.chat.rounds import Limits
from c1fn.chat.tool_context import ToolContext
from c1fn.chat.tools import Tools
from c1fn.errors import AnswerCut, AnswerGarbled, ModelBusy, ModelError, ModelTimeout
from c1fn.events import Called, Delta, Ended, ModelEvent
from c1fn.models import ToolSpec
from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import to_nobody
from c1fn.turn import ANSWERED, Message, State, ToolCall, Turn, Usage
from scripts.fuzz.books import Books
from scripts.fuzz.mutate import Chance
from tests.agui import Seen, seen
from tests.asgi import Client, Exchange, client_of

LIMITS = Limits(history_turns=4, history_tokens=10_000, max_answer=100_000, max_seconds=60, max_rounds=4)

AT_ONCE = 8
"""Runs at the same time, on as many threads."""

ON_A_THREAD = 3
"""Runs of one thread, one after the other."""

OK = 200

PAINT = {"name": "paint", "description": "Paint the page."}
"""The client's own tool."""

Messages = list[dict[str, Any]]

WORDS = ("a", " ", "größe", "\n\n", '"', "\\", "😀", "\u2028", "data: x", ": ", "</content>", "#", "x" * 400)
ERRORS: tuple[type[ModelError], ...] = (AnswerCut, AnswerGarbled, ModelBusy, ModelTimeout)


async def look(context: ToolContext, word: str = "") -> str:
    """Look a word up."""
    await context.progress(f"looking for {word[:20]}")
    await asyncio.sleep(0)
    await context.progress("")
    return f"secret {word}"


def fail() -> str:
    """Fail."""
    raise ZeroDivisionError


class Babble:
    """A model that says what chance gives it."""

    name = "babble"

    def __init__(self, books: Books, chance: Chance) -> None:
        self._books = books
        self._chance = chance

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ModelEvent, None]:
        del tools
        if dangling(messages):
            self._books.fault("calls that are not followed by their results in order", messages)
        chance = self._chance
        for _ in range(chance.randrange(6)):
            yield Delta("".join(chance.choices(WORDS, k=chance.randrange(1, 4))))
            if chance.random() < 0.5:
                await asyncio.sleep(0)
            if chance.random() < 0.05:
                raise chance.choice(ERRORS)
        usage = Usage(chance.randrange(100), chance.randrange(100))
        if chance.random() < 0.4:
            yield Called(tuple(self._call(at) for at in range(chance.randrange(1, 4))))
        error = AnswerCut() if chance.random() < 0.05 else None
        yield Ended("stop", usage, error)

    def _call(self, at: int) -> ToolCall:
        name = self._chance.choice(["look", "fail", "no such tool", "paint"])
        return ToolCall(f"call{at}", name, self._chance.choice(["{}", '{"word":"a"}', "nonsense"]))

    async def aclose(self) -> None:
        """Nothing is held."""


def dangling(messages: Sequence[Message]) -> bool:
    """Whether calls are not followed by their results in order, or a result does not follow its call."""
    open_: list[str | None] = []
    for message in messages:
        if message.role == "tool":
            if message.tool_call_id not in open_[:1]:
                return True
            open_.pop(0)
        elif open_:
            return True
        else:
            open_ = [call.id for call in message.tool_calls]
    return bool(open_)


class Page:
    """One thread of a client: what it sends, and what it makes of the streams."""

    def __init__(self, books: Books, chance: Chance, client: Client, store: MemoryStore, name: str) -> None:
        self._books = books
        self._chance = chance
        self._client = client
        self._store = store
        self._thread = name
        self._left: list[Exchange] = []
        self._pending: list[str] = []
        self._brought: list[str] = []
        self.streams: list[bytes] = []

    async def run(self, number: int) -> None:
        """One run, and all that may happen to it, until it has an end."""
        run_id, sent = f"r{number}", self._sent(number)
        had: dict[str, str] = {}
        self._pending = []
        for _ in range(5):
            exchange = self._post(run_id, sent, had)
            if self._chance.random() < 0.1:
                await self._stop(run_id)
            left = self._chance.random() < 0.3 and await self._leave(exchange)
            if left:
                for id_, text in _heard(exchange.body).items():
                    had[id_] = had.get(id_, "") + text
                self._left.append(exchange)
                continue
            await self._judge(await exchange.whole(), run_id, had)
            break
        await asyncio.gather(*(exchange.task for exchange in self._left if exchange.task))
        await self._again(run_id, sent)

    def _sent(self, number: int) -> Messages:
        """A prompt, with what the client's tools returned before it; or that alone."""
        prompt = {"id": f"p{number}", "role": "user", "content": f"prompt {number}"}
        self._brought = brought = [c for c in self._pending if self._chance.random() < 0.8]
        results = [{"id": f"m{c}", "role": "tool", "toolCallId": c, "content": "painted"} for c in brought]
        calls = [{"id": "a", "role": "assistant", "content": ""}, *results] if results else []
        return calls if calls and self._chance.random() < 0.6 else [*calls, prompt]

    def _post(self, run_id: str, sent: Messages, had: dict[str, str]) -> Exchange:
        told = [{"id": id_, "role": "assistant", "content": text} for id_, text in had.items()]
        messages = [*sent, *told]
        body = {"threadId": self._thread, "runId": run_id, "messages": messages, "tools": [PAINT]}
        return self._client.request("POST", "/api/agui", body)

    async def _stop(self, run_id: str) -> None:
        await self._client.post(f"/api/threads/{self._thread}/stop", {"responseId": run_id})

    async def _leave(self, exchange: Exchange) -> bool:
        """Read some of it and go; True: it had not ended."""
        for _ in range(self._chance.randrange(1, 4)):
            if await anext(exchange, None) is None:
                return False
        exchange.leave(refuses=self._chance.random() < 0.5)
        return True

    async def _judge(self, answer: Exchange, run_id: str, had: dict[str, str]) -> None:
        """Compare what the client has of the run now with what is stored."""
        turn = await self._turn(run_id)
        if answer.status != OK:
            if turn.state is not State.FAILED or answer.json["code"] != turn.error:
                self._books.fault("a refusal that the store does not know", answer.body)
            return
        self.streams.append(answer.body)
        try:
            run = seen(answer.body, self._thread, run_id, had.items())
        except (AssertionError, ValueError, KeyError) as error:
            self._books.fault(f"not AG-UI's: {error!r}", answer.body)
            return
        if lost := [c for c in self._brought if (c.partition("##")[2], "painted") not in _results(turn)]:
            self._books.fault("what the client brought is not kept", (lost, turn))
        self._pending = [id_ for id_ in run.calls if id_ not in run.returned] if turn.pending else []
        if complaint := _complaint(run, turn, had):
            self._books.fault(complaint, (answer.body, turn.answer, had))

    async def _turn(self, run_id: str) -> Turn:
        turns = await self._store.threads.load("anybody", self._thread)
        return next(turn for turn in turns if turn.response_id == run_id)

    async def _again(self, run_id: str, sent: Messages) -> None:
        """A run that is over: the same text again, and no other prompt."""
        turn = await self._turn(run_id)
        if turn.state is State.FAILED:
            return  # it would be run again
        answer = await self._post(run_id, sent, {}).whole()
        self.streams.append(answer.body)
        if seen(answer.body, self._thread, run_id).text != turn.answer:
            self._books.fault("told again, it is another text", (answer.body, turn.answer))
        other = await self._post(run_id, [*sent[:-1], {**sent[-1], "content": "another"}], {}).whole()
        if (other.status, other.json["code"]) != (409, "response_id_mismatch"):
            self._books.fault("another prompt was taken", other.body)


def _results(turn: Turn) -> list[tuple[str | None, str]]:
    return [(message.tool_call_id, message.content) for message in turn.reply if message.role == "tool"]


def _complaint(run: Seen, turn: Turn, had: dict[str, str]) -> str:
    """What of the run is not as it is stored."""
    begun = "".join(had.values())
    if turn.answer.startswith(begun):
        shown = run.text
    else:  # the run failed, and its new text came as further messages
        shown = "".join(text for id_, text in run.messages.items() if id_ not in had)
    if shown != turn.answer:
        return "its text is not what the store holds"
    ended = "RUN_FINISHED" if turn.state in ANSWERED else "RUN_ERROR"
    if run.end.type.value != ended or run.code != turn.error:
        return f"it ended as {run.end.type.value}, {run.code}: stored as {turn.state}, {turn.error}"
    if turn.pending and {id_ for id_ in run.calls if id_ not in run.returned} != {
        f"{turn.response_id}##{call.id}" for call in turn.pending
    }:
        return "its calls are not those that wait"
    if any(not is_of(id_, turn.response_id) for id_ in [*run.messages, *run.calls]):
        return "an id that is not the run's"
    return ""


def _heard(body: bytes) -> dict[str, str]:
    """What a client has of a stream that it left."""
    had: dict[str, str] = {}
    for frame in body.decode().split("\n\n"):
        if frame.startswith("data: "):
            event = json.loads(frame.removeprefix("data: "))
            if event["type"] == "TEXT_MESSAGE_CONTENT":
                had[event["messageId"]] = had.get(event["messageId"], "") + event["delta"]
    return had


async def run(runs: int, seed: int, streams: Path | None = None) -> Books:
    """:param streams: a file for all streams, each a JSON text in a line of its own."""
    books, chance, store = Books("agui", seed), Chance(seed), MemoryStore()
    chat = Chat(store, Babble(books, chance), Tools([look, fail]), LIMITS, to_nobody, sleep=_soon)
    with (streams or Path(os.devnull)).open("w", encoding="utf-8") as kept:
        async with client_of(build_app(lambda: chat, max_body=10_000)) as client:
            while books.cases < runs:
                pages = [Page(books, chance, client, store, f"t{books.cases}-{at}") for at in range(AT_ONCE)]
                for number in range(ON_A_THREAD):
                    await asyncio.gather(*(page.run(number) for page in pages))
                    books.case(AT_ONCE)
                for stream in (stream for page in pages for stream in page.streams):
                    kept.write(f"{json.dumps(stream.decode())}\n")
    books.close()
    return books


async def _soon(_: float) -> None:
    """No lease is waited for: a stop is seen at once."""
    await asyncio.sleep(0)
