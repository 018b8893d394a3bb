"""Events that no door would send, and a Runtime API that answers nonsense: always an answer or a typed error.

Events go to the handler in this process, and some to a function process behind the emulator's Runtime API,
which must be the same process at the end. Bytes go to the protocol, cut as a socket might cut them, and some
through real sockets to the link.
"""

import asyncio
import io
import json
import logging
import os
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from c1fn.runtime.asgi import Cycle, Headers
from c1fn.runtime.buffered import metadata
from c1fn.runtime.context import Context
from c1fn.runtime.doors import BadEvent, ForeignEvent
from c1fn.runtime.emulator import Emulator
from c1fn.runtime.emulator.call import Call, Ended
from c1fn.runtime.link import Link
from c1fn.runtime.messages import Acknowledgement, Invocation, Restored, prelude
from c1fn.runtime.protocol import Address, Broken, Connection
from scripts.fuzz.books import Books
from scripts.fuzz.mutate import Chance, deep, written
from tests.processes import NO_LIMITS

ROOT = Path(__file__).parents[2]
ALONE = NO_LIMITS | {"C1FN_MODEL": "offline", "C1FN_AUTH": "none"}
HANG = 20.0
"""Seconds after which an answer counts as missing: it takes some milliseconds."""

IN_A_PROCESS = 0.1
"""The share of events that go to a function process; they cost ten times as much."""

ROUTES = (
    "/api/chat",
    "/api/threads",
    "/api/threads/t/messages",
    "/api/threads/t/turns/r",
    "/",
    "/healthz",
    "/x",
)
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW")


async def run(events: int, seed: int) -> Books:
    books, chance = Books("doors", seed), Chance(seed)
    logging.disable(logging.CRITICAL)  # each refusal is a warning
    seeds = [json.loads(path.read_text()) for path in sorted((ROOT / "events").glob("*.json"))]
    with redirect_stdout(Nobody()):  # each turn is a line
        await _handled(books, chance, seeds, round(events * (1 - IN_A_PROCESS)))
    await _served(books, chance, seeds, round(events * IN_A_PROCESS))
    await _spoken(books, chance, events)
    books.close()
    return books


class Nobody(io.TextIOBase):
    """Where lines go that nobody reads."""

    def write(self, text: str) -> int:
        return len(text)


def event(chance: Chance, seeds: list[Any], number: int) -> Any:
    """An event with some parts mutated, its body too: as a document, or as text."""
    made = chance.document_of(chance.choice(seeds), 0)
    if "requestContext" in made and chance.random() < 0.5:
        path, method = chance.choice(ROUTES), chance.choice(METHODS)
        made |= {"path": path, "rawPath": path, "httpMethod": method}
        if "http" in made["requestContext"]:
            made["requestContext"]["http"] |= {"method": method, "path": path}
    if isinstance(made.get("body"), str):
        made["body"] = _body(chance, made["body"].replace("eeb2d7d2", f"{number}"))
    return chance.document_of(made, chance.choice([0, 1, 1, 2, 4]))


def _body(chance: Chance, body: str) -> str:
    match chance.randrange(4):
        case 0:
            return body
        case 1:
            return json.dumps(chance.document_of(json.loads(body), chance.choice([1, 2, 5])))
        case 2:
            return chance.bytes_of(body.encode(), chance.choice([1, 3])).decode(errors="surrogateescape")
        case _:
            return deep(chance).decode()


# In this process


class Kept:
    """A sink that writes what would be sent."""

    def __init__(self, event: Any, *, framed: bool) -> None:
        self._event, self._framed = event, framed
        self.status = 0
        self.ended = False

    async def begin(self, status: int, headers: Headers) -> None:
        self.status = status
        if self._framed:
            prelude(metadata(self._event, status, headers))

    async def write(self, body: bytes, *, last: bool) -> None:
        del body
        self.ended = last


async def _handled(books: Books, chance: Chance, seeds: list[Any], events: int) -> None:
    os.environ.update(ALONE)
    from tests.runtime.functions.brisk import handler

    await handler.app.startup()
    for number in range(events):
        made = event(chance, seeds, number)
        try:
            async with asyncio.timeout(HANG):
                complaint = await _answered(handler, made)
        except (BadEvent, ForeignEvent):
            complaint = ""
        except Exception as error:  # noqa: BLE001 - anything else is what is looked for
            complaint = f"{type(error).__name__}: {error}"
        if complaint:
            books.fault(complaint, made)
        books.case()
    await handler.app.shutdown()


async def _answered(handler: Any, made: Any) -> str:
    context: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000, aws_request_id="r")
    mode = handler.mode(made)
    if mode == "buffer":
        answer = await handler.buffered(made, context)
        json.dumps(answer)
        status = answer.get("statusCode", 200)  # a ping's has none
    else:
        scope, body = handler.request(made, context)
        sink = Kept(made, framed=mode == "stream")
        await Cycle(scope, body, sink).run(handler.app)
        status = sink.status
        if not sink.ended:
            return "the answer has no end"
    return "" if 200 <= status < 500 else f"status {status}"


# In a process of its own


async def _served(books: Books, chance: Chance, seeds: list[Any], events: int) -> None:
    async with Emulator(
        task_root=ROOT,
        handler="tests.runtime.functions.brisk.handler",
        environ=ALONE,
        concurrency=1,
        log=lambda _: None,
    ) as emulator:
        process: list[int] = []
        for number in range(events):
            text = written(event(chance, seeds, number))
            if chance.random() < 0.3:
                text = chance.bytes_of(text, chance.choice([1, 2, 20]))
            books.case()
            try:
                async with asyncio.timeout(HANG):
                    ended = await _invoked(emulator, text)
            except TimeoutError:
                books.fault("no answer", text)
                continue
            if ended.fault is not None and ended.fault.type != "Function.ForeignEvent":
                books.fault(f"an invocation ended with {ended.fault}", text)
            process = process or emulator.function.processes
            if emulator.function.processes != process:
                books.fault("the process died", text)
                process = []


async def _invoked(emulator: Emulator, event: bytes) -> Ended:
    call = Call(event)
    emulator.function.call(call)
    while not isinstance(piece := await call.take(), Ended):
        pass
    return piece


# The Runtime API


NEXT = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: 8476a536\r\n"
    b"Lambda-Runtime-Deadline-Ms: 1542409706888\r\nLambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:f\r\n"
    b"Lambda-Runtime-Trace-Id: Root=1-5bef4de7\r\nLambda-Runtime-Invocation-Id: 5bef-4de7\r\n"
    b'Lambda-Runtime-Client-Context: {"client": {"app_title": "a"}}\r\n'
    b'Lambda-Runtime-Cognito-Identity: {"cognitoIdentityId": "i"}\r\n'
)
ANSWERS = (
    NEXT + b'Content-Length: 12\r\n\r\n{"prompt":1}',
    NEXT + b'Transfer-Encoding: chunked\r\n\r\n6\r\n{"prom\r\n6\r\npt":1}\r\n0\r\n\r\n',
    b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
    b'HTTP/1.1 410 Gone\r\nContent-Length: 32\r\n\r\n{"errorType": "InvocationExpired"',
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
)
ADDRESS = Address("127.0.0.1", 1, "")
COMMANDS: tuple[Callable[[Connection], bytes], ...] = (
    Connection.next,
    Connection.restore_next,
    lambda connection: connection.respond(Invocation("r", b""), b"{}"),
)
THROUGH_SOCKETS = 20
"""One in so many."""


async def _spoken(books: Books, chance: Chance, cases: int) -> None:
    said: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        for piece in chance.pieces_of(said[-1]):
            writer.write(piece)
            await asyncio.sleep(0)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = Address("127.0.0.1", server.sockets[0].getsockname()[1], "")
        for number in count():
            if number >= cases:
                break
            text = chance.bytes_of(chance.choice(ANSWERS), chance.choice([1, 1, 2, 8]))
            command = chance.choice(COMMANDS)
            try:
                async with asyncio.timeout(HANG):
                    if number % THROUGH_SOCKETS:
                        _received(Connection(ADDRESS), command, chance.pieces_of(text))
                    else:
                        said.append(text)
                        await _linked(address, command)
            except (Broken, OSError) as error:
                if isinstance(error, TimeoutError):
                    books.fault("the link hangs", text)
            except Exception as error:  # noqa: BLE001 - anything else is what is looked for
                books.fault(f"{type(error).__name__}: {error}", text)
            books.case()


def _received(connection: Connection, command: Callable[[Connection], bytes], pieces: list[bytes]) -> None:
    command(connection)
    for piece in [piece for piece in pieces if piece] + [b""]:
        event = connection.receive(piece)
        if event is not None:
            _usable(event)
            return


async def _linked(address: Address, command: Callable[[Connection], bytes]) -> None:
    link = await Link.connect(address)
    try:
        link.expect()
        await link.send(command(link.api))
        _usable(await link.answer())
    finally:
        link.close()


def _usable(event: Invocation | Acknowledgement | Restored) -> None:
    """What the loop does with it next."""
    if isinstance(event, Invocation):
        with suppress(ValueError):  # the loop refuses such an event
            Context.of(event).get_remaining_time_in_millis()
        again = Connection(ADDRESS)
        again.begin(event, b"{}")
    else:
        str(event)
