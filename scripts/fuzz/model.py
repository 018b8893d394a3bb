"""A model that sends nonsense: every stream ends, in words or in one of our errors, within its memory.

Most streams go through the adapter as it is (`C1Model`, its client and its decoder) on a transport without
sockets; a tenth comes from a real server on loopback into whole turns, with tools, a store and the client's
bytes. A few are as large as the limits allow and larger.

Seeds are three answers as OpenAI gives them and every stream of the corpus: what real servers were reported
to send. Whether a stream ended well is judged by other code than the adapter's, the openai package's decoder
and a list of words. No turn may be done by any other.
"""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from itertools import count
from typing import Any

import httpx2
import openai
from openai._streaming import SSEDecoder

from c1fn.api.wires.c1 import Wire
from c1fn.chat.converse import Chat
from c1fn.chat.rounds import Limits
from c1fn.chat.tools import Tools
from c1fn.errors import Internal, ModelError
from c1fn.events import Called, Delta, Ended, Failed, Finished
from c1fn.models import sse
from c1fn.models.c1 import C1Model, Timeouts
from c1fn.stores.memory import MemoryStore
from c1fn.toolbox import TOOLS
from c1fn.turn import Ask, Message, State
from scripts.fuzz.books import Books, megabytes
from scripts.fuzz.mutate import Chance, deep, written
from tests.models.cases import CASES, by_events
from tests.upstream import EVENT_STREAM, Answer, Fault, Upstream, call, say

HANG = 20.0
"""Seconds after which a stream counts as hanging: it takes about a millisecond."""

MEMORY = 384.0
"""MB that this process may need more than before: 4 MB of empty objects are 130 as Python's, beside the event
itself, the case's own bytes (12) and what the allocator has not given back of the case before."""

ASK = [Message("user", "hello")]
GIANTS = 30
SOCKETS = 0.1
"""The share of events that come through a socket."""

SEEDS: tuple[tuple[bytes, ...], ...] = tuple(
    tuple(step for step in answer.steps if isinstance(step, bytes))
    for answer in (
        say("Hello", " world", "\ud83d", "\ude00", "<content>", "größe"),
        call(("call_1", "current_time", '{"timezone": "UTC"}'), ("call_2", "nothing", "{}"), before="Wait. "),
        Answer((b'data: {"error": {"message": "busy", "code": "server"}}\n\n', *say("a").steps)),
        *(by_events(case.answers[0]) for case in CASES if case.is_one_stream and not case.is_packed),
    )
)

GOOD = frozenset(
    {"stop", "tool_calls", "function_call", "end_turn", "stop_sequence", "tool_use", "eos", "eos_token"}
    | {"end_of_text", "stop_token", "complete", "completed", "tool_call"}
)
"""How a round may end well (c1fn/models/endings.py)."""


async def run(events: int, seed: int) -> Books:
    books, chance = Books("model", seed), Chance(seed)
    before = megabytes()
    await _adapter(books, chance, round(events * (1 - SOCKETS)))
    await _giants(books, chance)
    await _turns(books, chance, events)
    grown = megabytes() - before
    if grown > MEMORY:
        books.fault(f"memory has grown by {grown:.0f} MB", before)
    books.close(f", {grown:.0f} MB more memory at the most")
    return books


def stream(chance: Chance) -> tuple[list[bytes], int]:
    """A whole answer with some of its events mutated, and how many."""
    events = list(chance.choice(SEEDS))
    times = 1 if chance.random() < 0.3 else chance.randrange(1, len(events) + 1)
    chosen = chance.sample(range(len(events)), times)
    for at in chosen:
        events[at] = _mutated(chance, events[at])
    return events, times


def _mutated(chance: Chance, event: bytes) -> bytes:
    kind = chance.random()
    if kind < 0.02:
        return b"data: " + deep(chance) + b"\n\n"
    if kind < 0.6 and event.startswith(b"data: {"):
        with suppress(ValueError):  # some servers send no JSON, and that stays as it is
            document = chance.document_of(json.loads(event[6:]), chance.choice([1, 1, 2, 5]))
            return b"data: " + written(document) + b"\n\n"
    return chance.bytes_of(event, chance.choice([1, 1, 2, 8]))


# The adapter on a transport without sockets


class Canned(httpx2.AsyncBaseTransport):
    """Answers each request with the next stream."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        return httpx2.Response(200, headers=list(EVENT_STREAM), stream=_Pieces(self.pieces))


class _Pieces(httpx2.AsyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def adapter(transport: httpx2.AsyncBaseTransport) -> C1Model:
    model = C1Model(api_key="k", base_url="http://127.0.0.1/v1/", model="m", timeouts=Timeouts(read=HANG))
    client = httpx2.AsyncClient(transport=transport)
    # The adapter with all of its own but the socket.
    model._client = openai.AsyncOpenAI(  # noqa: SLF001
        api_key="k", base_url="http://127.0.0.1/v1/", http_client=client, max_retries=0
    )
    return model


async def _adapter(books: Books, chance: Chance, events: int) -> None:
    transport = Canned()
    model = adapter(transport)
    end = books.cases + events
    while books.cases < end:
        parts, mutated = stream(chance)
        data = b"".join(parts)
        transport.pieces = chance.pieces_of(data)
        await _heard(books, model, data)
        books.case(mutated)
    await model.aclose()


async def _heard(books: Books, model: C1Model, shown: bytes) -> None:
    try:
        async with asyncio.timeout(HANG), aclosing(model.stream(ASK)) as round_:
            complaint = await _complaint(round_, shown)
    except ModelError:
        return
    except Exception as error:  # noqa: BLE001 - anything else is what is looked for
        complaint = f"{type(error).__name__}: {error}"
    if complaint:
        books.fault(complaint, shown)


async def _complaint(events: AsyncGenerator[object, None], sent: bytes) -> str:
    """What the port does not allow (c1fn/models/__init__.py)."""
    said = [event async for event in events]
    kinds = [type(event) for event in said]
    if kinds.count(Ended) != 1 or kinds[-1] is not Ended or kinds.count(Called) > 1:
        return f"not ended as the port asks: {kinds[-3:]}"
    for event in said:
        if isinstance(event, Delta) and not (event.text and _whole(event.text)):
            return "an empty delta, or half a character"
        if isinstance(event, Called) and not all(_whole(c.id + c.name + c.arguments) for c in event.calls):
            return "half a character in a tool call"
        if isinstance(event, Ended) and not all(
            0 <= n < 2**63 for n in (event.usage.input_tokens, event.usage.output_tokens)
        ):
            return "a count of tokens that is none"
        if isinstance(event, Ended) and event.error is None and not ended_well(sent):
            return f"done, and the stream did not end well: {event.reason}"
    return ""


def ended_well(sent: bytes) -> bool:
    """A good reason was given, and no text and no call came after it."""
    well = False
    readable = sent.decode(errors="replace").encode()
    for event in SSEDecoder().iter_bytes(iter([readable])):
        if event.data.startswith("[DONE]"):
            break
        for choice in _choices(event.data):
            delta = choice.get("delta") or choice.get("message")
            if isinstance(delta, dict) and (_says(delta.get("content")) or delta.get("tool_calls")):
                well = False
            reason = choice.get("finish_reason")
            if isinstance(reason, dict):
                reason = reason.get("type")
            if isinstance(reason, str):
                well = well or reason.partition(":")[0].strip().lower().replace("-", "_") in GOOD
    return well


def _says(content: object) -> bool:
    """It is a text, or a list with one in it; what is neither is no word of the model's."""
    parts = content if isinstance(content, list) else [content]
    return any(
        part
        if isinstance(part, str)
        else isinstance(part, dict) and isinstance(part.get("text"), str) and part["text"]
        for part in parts
    )


def _choices(data: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return []
    choices = document.get("choices") if isinstance(document, dict) else None
    found = choices if isinstance(choices, list) else []
    return [choice for choice in found if isinstance(choice, dict) and choice.get("index") in (None, 0, "0")]


def _whole(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


async def _giants(books: Books, chance: Chance) -> None:
    """Lines and documents around the limit, in pieces as a socket gives them."""
    transport = Canned()
    model = adapter(transport)
    for _ in range(GIANTS):
        size = chance.choice([sse.LIMIT - 100, sse.LIMIT, sse.LIMIT + 1, 3 * sse.LIMIT])
        unit = chance.choice(
            [b"x", b"[", b"{},", b"\0", b"\r", b"\n", b": c\n", b"data: a\n", b'"\\ud800",', b"9"]
        )
        opened = chance.choice([b"", b"data: ", b"data: [", b'data: {"choices": [', b'data: {"a": '])
        data = opened + unit * (size // len(unit)) + chance.choice([b"", b"\n\n", b"]}\n\n"])
        transport.pieces = [data[at : at + 65_536] for at in range(0, len(data), 65_536)]
        await _heard(books, model, data)
        books.case()
    await model.aclose()


# Whole turns through sockets


LIMITS = Limits(history_turns=0, history_tokens=0, max_answer=100_000, max_seconds=HANG, max_rounds=3)


async def _turns(books: Books, chance: Chance, until: int) -> None:
    async with Upstream() as upstream:
        model = C1Model(
            api_key="k", base_url=upstream.url, model="m", max_retries=0, timeouts=Timeouts(read=HANG)
        )
        chat = Chat(MemoryStore(), model, Tools(TOOLS), LIMITS, lambda _: None)
        for number in count():
            if books.cases >= until:
                break
            parts, mutated = stream(chance)
            sent = b"".join(parts)
            steps = tuple(piece for piece in chance.pieces_of(sent) if piece)
            broken = (chance.choice([Fault.RESET, Fault.CLOSE]),) if chance.random() < 0.1 else ()
            upstream.respond = lambda _, steps=(*steps, *broken): Answer(steps)  # type: ignore[misc]
            await _turn(books, chat, f"t{number}", sent)
            books.case(mutated)
        await asyncio.sleep(0)  # the last one takes its name off the list
        if len(chat._tasks) > 0:  # noqa: SLF001 - each has ended
            books.fault(f"{len(chat._tasks)} turns still run", b"")  # noqa: SLF001
        await chat.aclose()


async def _turn(books: Books, chat: Chat, thread: str, shown: bytes) -> None:
    wire = Wire()
    last: object = None
    try:
        async with asyncio.timeout(HANG):
            reply = await chat.begin(Ask("o", thread, "r", Message("user", "hello")))
            while not reply.ended:
                events = await reply.take(math.inf)
                wire.encode(events).decode()
                last = events[-1] if events else last
            await reply.over()
        (turn,) = await chat.store.threads.load("o", thread)
        await chat.store.threads.delete("o", thread)
    except Exception as error:  # noqa: BLE001 - anything is what is looked for
        books.fault(f"a turn ended with {type(error).__name__}: {error}", shown)
        return
    if not isinstance(last, Failed | Finished) or (
        isinstance(last, Failed) and isinstance(last.error, Internal)
    ):
        books.fault(f"a turn ended with {last} and is stored as {turn.state}", shown)
    if turn.state is State.DONE and not ended_well(shown):
        books.fault("a turn is done, and its stream did not end well", shown)
