"""An OpenAI-compatible chat server on loopback that answers by a script, for tests and benchmarks.

An `Answer` is a status, headers and *steps*: bytes are sent as one chunk in one segment, an `asyncio.Event`
is a gate the test holds (what came before it has reached the socket), and a `Fault` breaks something. It is
as strict as the real one: a message with a field OpenAI does not know, or a tool call without its result, is
a 400.

In a test's own event loop::

    async with Upstream() as upstream:
        upstream.queue(say("Hello", " world"), refuse(429, headers={"retry-after": "7"}))
        ...  # AsyncOpenAI(base_url=upstream.url, api_key="any")
        assert upstream.requests[0].body["messages"] == [...]

With nothing queued it answers by the words of the prompt (`by_prompt`). So does its own process, which
prints its base URL: ``python tests/upstream.py --port 0``. There ``POST /open`` opens the gate of
``fault:gate``, and ``GET /requests`` lists what was asked.

https://platform.openai.com/docs/api-reference/chat/streaming
"""

import argparse
import asyncio
import contextlib
import json
import re
import signal
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from html import escape, unescape
from typing import Any, Self

import h11

EVENT_STREAM = (("content-type", "text/event-stream; charset=utf-8"),)


class Fault(StrEnum):
    """What a step can break."""

    RESET = "reset"  # RST: the client's next read fails
    CLOSE = "close"  # FIN in the middle of the body
    HANG = "hang"  # silence until the client leaves or the server stops
    COMMENTS = "comments"  # keep-alive comments until then


Step = bytes | asyncio.Event | Fault


@dataclass(frozen=True)
class Answer:
    """One response. ``before`` are steps taken before the head is sent."""

    steps: tuple[Step, ...] = ()
    status: int = 200
    headers: tuple[tuple[str, str], ...] = EVENT_STREAM
    before: tuple[Step, ...] = ()


@dataclass(eq=False)
class Request:
    """What a client asked. ``left`` is set when it goes before its answer is complete."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def prompt(self) -> str:
        """The newest user message."""
        texts = [m.get("content") for m in self.body["messages"] if m.get("role") == "user"]
        return str(texts[-1]) if texts else ""


# Events of a chat.completion.chunk stream


def event(data: object) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def chunk(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
    choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    return event({**_ENVELOPE, "choices": choices, "usage": None})


def delta(text: str) -> bytes:
    """A delta of content. Characters beyond ASCII travel as JSON escapes."""
    return chunk({"content": text})


def tool(index: int, *, id: str | None = None, name: str | None = None, arguments: str = "") -> bytes:  # noqa: A002 - OpenAI's name
    """A delta of one tool call: the first of an index has an id and a name, later ones only arguments."""
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    call = {"index": index, "function": function}
    return chunk({"tool_calls": [call if id is None else {**call, "id": id, "type": "function"}]})


def usage(input_tokens: int, output_tokens: int) -> bytes:
    """The chunk that stream_options.include_usage asks for: no choices."""
    counts = {"prompt_tokens": input_tokens, "completion_tokens": output_tokens}
    return event(
        {**_ENVELOPE, "choices": [], "usage": {**counts, "total_tokens": input_tokens + output_tokens}}
    )


def finish(reason: str = "stop") -> bytes:
    return chunk({}, reason)


_ENVELOPE = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "test"}
ROLE = chunk({"role": "assistant", "content": ""})
DONE = b"data: [DONE]\n\n"
COMMENT = b": keep-alive\n\n"
END: tuple[bytes, ...] = (finish(), usage(3, 2), DONE)


# Whole answers


def say(*texts: str) -> Answer:
    """These deltas, ended properly, with a usage of 3 and 2 tokens."""
    return Answer((ROLE, *map(delta, texts), *END))


def held(gate: asyncio.Event) -> Answer:
    """Says "Hel", waits for the gate, and says "lo"."""
    return Answer((ROLE, delta("Hel"), gate, delta("lo"), *END))


def call(*calls: tuple[str, str, str], before: str = "") -> Answer:
    """Tool calls as (id, name, arguments), the arguments cut in two, after the text ``before``."""
    steps: list[bytes] = [ROLE, *([delta(before)] if before else [])]
    for index, (id_, name, arguments) in enumerate(calls):
        half = len(arguments) // 2
        steps.append(tool(index, id=id_, name=name))
        steps += [tool(index, arguments=arguments[:half]), tool(index, arguments=arguments[half:])]
    return Answer((*steps, finish("tool_calls"), usage(3, 2), DONE))


def refuse(
    status: int, *, code: str | None = None, message: str = "No.", headers: Mapping[str, str] | None = None
) -> Answer:
    """A refusal in OpenAI's form."""
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    head = {"content-type": "application/json", **(headers or {})}
    return Answer((json.dumps(body).encode(),), status, tuple(head.items()))


# The same answer on the wire in another way


def joined(answer: Answer) -> Answer:
    """All its bytes in one segment."""
    return replace(answer, steps=(b"".join(only_bytes(answer)),))


def split(answer: Answer) -> Answer:
    """Each byte in a chunk of its own."""
    return replace(answer, steps=tuple(bytes([b]) for part in only_bytes(answer) for b in part))


def crlf(answer: Answer) -> Answer:
    """Lines end with CRLF."""
    return replace(answer, steps=tuple(part.replace(b"\n", b"\r\n") for part in only_bytes(answer)))


def only_bytes(answer: Answer) -> list[bytes]:
    return [step for step in answer.steps if isinstance(step, bytes)]


# Answering by the words of the prompt

FAULTS: dict[str, Answer] = {
    "429": refuse(429, code="rate_limit_exceeded", headers={"retry-after": "7"}),
    "context": refuse(400, code="context_length_exceeded"),
    "400": refuse(400),
    "401": refuse(401, code="invalid_api_key"),
    "403": refuse(403),
    "404": refuse(404, code="model_not_found"),
    "413": refuse(413),
    "500": refuse(500),
    "reset-early": Answer(before=(Fault.RESET,)),
    "hang-early": Answer(before=(Fault.HANG,)),
    "reset": Answer((ROLE, delta("Hel"), Fault.RESET)),
    "close": Answer((ROLE, delta("Hel"), Fault.CLOSE)),
    "hang": Answer((ROLE, delta("Hel"), Fault.HANG)),
    "no-finish": Answer((ROLE, delta("Hel"), DONE)),
    "no-done": Answer((ROLE, delta("Hello"), finish(), usage(3, 2))),
    "empty": Answer(),
    "garbled": Answer((ROLE, delta("Hel"), b"data: {not json\n\n", *END)),
    "error-event": Answer((ROLE, delta("Hel"), event({"error": {"message": "busy", "code": "server"}}))),
    "201": replace(say("Hello"), status=201),
    "length": Answer((ROLE, delta("Hel"), finish("length"), usage(3, 2), DONE)),
    "filter": Answer((ROLE, delta("Hel"), finish("content_filter"), usage(3, 2), DONE)),
    "split": split(say("Hello")),
}  # fmt: skip


def by_prompt(request: Request) -> Answer:
    """``fault:<name>`` chooses from FAULTS, ``deltas:<n>`` says n pieces; else a card repeats the prompt."""
    prompt = request.prompt
    if fault := re.search(r"fault:([\w-]+)", prompt):
        return FAULTS[fault[1]]
    if count := re.search(r"deltas:(\d+)", prompt):
        return say(*(f"word {i:06d} of many, " for i in range(int(count[1]))))
    words = unescape(re.sub(r"</?content[^>]*>|<context>.*</context>", "", prompt))
    return say(*_pieces(card(f"You said: {words}"), 16))


def card(text: str) -> str:
    """The smallest answer that the C1 client renders."""
    children = [{"component": "TextContent", "props": {"textMarkdown": text}}]
    component = {"component": "Card", "props": {"children": children}}
    inner = json.dumps({"component": component, "error": None}, ensure_ascii=False)
    return f'<content thesys="true">{escape(inner)}</content>'


def _pieces(text: str, size: int) -> Iterable[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


# The server


class _ClientLeftError(Exception):
    """The client closed its side before the answer was complete."""


class Upstream:
    """The server; an async context manager. ``url`` is the base URL for an OpenAI client, ``fields`` what a
    message may have beside OpenAI's.

    :param key: when given, any other Bearer key is a 403, as C1 answers.
    """

    def __init__(
        self,
        respond: Callable[[Request], Answer] = by_prompt,
        *,
        key: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.respond = respond
        self.requests: list[Request] = []
        self.connections = 0
        self.gate = asyncio.Event()
        self.fields: frozenset[str] = frozenset()
        self._key = key
        self._address = (host, port)
        self._queue: deque[Answer] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrival = asyncio.Condition()

    @property
    def calls(self) -> int:
        return len(self.requests)

    @property
    def url(self) -> str:
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1/embed/"

    def queue(self, *answers: Answer) -> None:
        """Answer the next requests so, one each, before ``respond`` is asked again."""
        self._queue.extend(answers)

    async def arrived(self, count: int) -> Request:
        """The request with this number, from 1, as soon as it is here."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, *self._address)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        connection = _Connection(reader, writer)
        try:
            while (request := await connection.request()) is not None:
                await self._answer(connection, request)
                if not connection.again():
                    break
        except (_ClientLeftError, ConnectionError, h11.RemoteProtocolError):
            pass  # a rude client is an ordinary day for a server
        finally:
            await connection.aclose()

    async def _answer(self, connection: "_Connection", request: Request) -> None:
        answer = self._control(request)
        if answer is None:
            async with self._arrival:
                self.requests.append(request)
                self._arrival.notify_all()
            answer = self._complaint(request) or (
                self._queue.popleft() if self._queue else self._chosen(request)
            )
        try:
            await connection.send(answer)
        except (_ClientLeftError, ConnectionError):
            request.left.set()
            raise

    def _chosen(self, request: Request) -> Answer:
        if self.respond is by_prompt and "fault:gate" in request.prompt:
            return held(self.gate)
        return self.respond(request)

    def _control(self, request: Request) -> Answer | None:
        """The two requests of a test that runs this as another process."""
        if request.path == "/open":
            self.gate.set()
            return Answer((b"{}",))
        if request.path == "/requests":
            seen = [{"path": r.path, "body": r.body, "left": r.left.is_set()} for r in self.requests]
            return Answer((json.dumps(seen).encode(),))
        return None

    def _complaint(self, request: Request) -> Answer | None:
        """What the real server would refuse."""
        path, _, _ = request.path.partition("?")
        if request.method != "POST" or path != "/v1/embed/chat/completions":
            return refuse(404)
        bearer = request.headers.get("authorization", "")
        if not bearer.startswith("Bearer ") or (self._key and bearer != f"Bearer {self._key}"):
            return refuse(403, message="Invalid API key")
        wrong = _wrong_messages(request.body.get("messages"), self.fields)
        return refuse(400, message=wrong) if wrong else None


def _wrong_messages(messages: Sequence[Mapping[str, Any]] | None, more: frozenset[str]) -> str | None:
    if not messages:
        return "messages must not be empty"
    waiting: set[str] = set()
    for message in messages:
        if unknown := set(message) - {"role", "content", "tool_calls", "tool_call_id"} - more:
            return f"unknown fields {sorted(unknown)}"
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return "a tool message must follow its tool call"
            waiting.discard(message["tool_call_id"])
        elif waiting:
            return "a tool call must be followed by its results"
        waiting |= {call["id"] for call in message.get("tool_calls", ())}
    return "a tool call must be followed by its results" if waiting else None


class _Connection:
    """One keep-alive connection; one read is always pending, so that a client that leaves is noticed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.SERVER)
        self._reading = self._read()

    def _read(self) -> "asyncio.Task[bytes]":
        return asyncio.ensure_future(self._reader.read(65_536))

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reading)
            self._reading = self._read()
        assert event is not h11.NEED_DATA
        return event  # type: ignore[return-value]  # h11's sentinels are classes of a metaclass

    async def request(self) -> Request | None:
        head = await self._event()
        if not isinstance(head, h11.Request):
            return None
        body = b""
        while isinstance(data := await self._event(), h11.Data):
            body += data.data
        headers = {name.decode(): value.decode() for name, value in head.headers}
        return Request(
            head.method.decode(), head.target.decode(), headers, json.loads(body) if body else None
        )

    async def send(self, answer: Answer) -> None:
        for step in answer.before:
            await self._step(step)
        # No content-length: h11 chunks the body, so each step arrives as one chunk.
        await self._write(h11.Response(status_code=answer.status, headers=list(answer.headers)))
        for step in answer.steps:
            await self._step(step)
        await self._write(h11.EndOfMessage())

    async def _step(self, step: Step) -> None:
        match step:
            case bytes():
                await self._write(h11.Data(data=step))
            case asyncio.Event():
                await self._unless_left(step)
            case Fault.HANG:
                await self._unless_left(asyncio.Event())
            case Fault.COMMENTS:
                while True:
                    await self._write(h11.Data(data=COMMENT))
                    await asyncio.sleep(0)
            case Fault.CLOSE:
                raise ConnectionAbortedError
            case Fault.RESET:
                linger = struct.pack("ii", 1, 0)  # on, no time: close() sends RST
                self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self._writer.transport.abort()
                raise ConnectionAbortedError

    async def _write(self, event: h11.Event) -> None:
        self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()

    async def _unless_left(self, gate: asyncio.Event) -> None:
        opened = asyncio.ensure_future(gate.wait())
        try:
            await asyncio.wait({opened, self._reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            opened.cancel()
        if not gate.is_set():
            raise _ClientLeftError

    def again(self) -> bool:
        """Be ready for the next request, unless the client asked for the connection to be closed."""
        if self._http.our_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    async def aclose(self) -> None:
        self._reading.cancel()
        self._writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await self._reading
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


async def _main(port: int) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with Upstream(port=port) as upstream:
        sys.stdout.write(f"{upstream.url}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--port", type=int, default=0, help="0: the system chooses")
    asyncio.run(_main(arguments.parse_args().port))
