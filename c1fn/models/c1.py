"""The C1 model, or any other OpenAI-compatible one, through the ``openai`` package.

Strategy: the package opens the stream (authentication, connection pool, retries before the first byte) and
we read it: `transport` carries it, `sse` decodes the bytes and `chunks` the events. The package would build
a pydantic object for each delta: 99 µs of CPU from the socket to the text in a burst, and 331 for one that
comes alone. Here it is 18 and 112 (Python 3.13, openai 3.54, medians of 7 interleaved rounds of 5,000 deltas
at once and 1,000 a millisecond apart, on one core). No delta costs a task or a timer here; the package's
read timeout ends a silence, and the time for the whole is looked at when bytes arrive. Its exceptions carry
requests and bodies, so they end at the border of this room, translated into ours without a cause.

https://docs.thesys.dev · https://platform.openai.com/docs/api-reference/chat/create
"""

import asyncio
import math
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from c1fn.errors import (
    AnswerCut,
    AnswerGarbled,
    ContextTooLong,
    ModelBusy,
    ModelError,
    ModelKeyRejected,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from c1fn.events import Delta, ModelEvent
from c1fn.models import ToolSpec, Unusable
from c1fn.models.chunks import Round, whole
from c1fn.models.net.error_body import shorten
from c1fn.models.net.proxies import proxy_for
from c1fn.models.net.transport import Transport
from c1fn.models.sse import Decoder, EventTooLong
from c1fn.startup import authorities, log_levels
from c1fn.startup.lazy_imports import lazy
from c1fn.turn import Message

with lazy("openai"):
    import httpx2  # the transport of the openai package: its errors reach us while a body is read
    import openai

RETRIES = 2
"""More tries before the first byte: a lost connection or a busy moment is over by then, an outage is not."""

RETRY_WAIT = 5.0
"""Seconds of a Retry-After that are waited for here. Beyond that a person is told instead of kept waiting."""

IDLE = 60.0
"""Seconds an unused connection is kept for the next turn: less than the idle limits on its way (AWS's NAT
forgets after 350), long enough for a person to read and write."""

CONNECTIONS = 100
"""At once, at most. A function on Lambda has one or a few turns, a local server a few dozen."""

DRAIN = 0.1
"""Seconds for the last bytes after [DONE]. They make the connection usable again; they say nothing."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds."""

    connect: float = 5.0  # name, TCP and TLS take less than one; a retry follows
    read: float = 60.0  # the longest silence, and the time for the head with all retries: models think long
    total: float = 600.0  # of one round; the longest C1 answers take a few minutes


log_levels.keep_private()


class C1Model:
    """A model behind an OpenAI-compatible API; one client, built once.

    :param base_url: of the API, with or without `/chat/completions` at its end; its query is sent along.
    :param system: a system prompt that goes before every history.
    :param metadata_thesys: C1's own settings (custom actions, components), a JSON text.
    :param renew_key: tells the key as it is now, after one was rejected.
    :raises ValueError: the key cannot be sent in a header.
    :raises Unusable: the address, or a proxy of the environment.
    :raises AuthoritiesUnusable: the environment names certificates that cannot be read.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str,
        model: str,
        system: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        metadata_thesys: str | None = None,
        timeouts: Timeouts | None = None,
        max_retries: int = RETRIES,
        renew_key: Callable[[], Awaitable[str | None]] | None = None,
    ) -> None:
        if not _sendable(api_key):
            raise ValueError("The model's key must be printable ASCII.")
        self.name = model
        self._renew_key = renew_key
        self._timeouts = timeouts or Timeouts()
        self._system = {"role": "system", "content": system} if system else None
        options = {
            "temperature": temperature,
            "max_tokens": max_tokens,
            "metadata": {"thesys": metadata_thesys} if metadata_thesys else None,
        }
        self._options = {name: value for name, value in options.items() if value is not None}
        self._url = completions(base_url)
        self._transport = _transport(self._url)
        headers = {"Accept-Encoding": "identity"}  # compression would hold deltas back until a block is full
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url,
            max_retries=max_retries,
            # Told to the package too: it takes a transport's 5 s for nobody's choice, and would wait 600.
            timeout=_patience(self._timeouts),
            http_client=_http(self._transport, self._timeouts),
        )
        # Whom the environment's OPENAI_* belong to nobody knows here: the provider gets none of them.
        self._client.organization = self._client.project = None
        self._client._custom_headers = headers  # noqa: SLF001 - as an argument, OPENAI_CUSTOM_HEADERS would join
        if sys.platform == "linux":
            # What the package tells of the machine. It finds the same by searching the interpreter's file.
            self._client._platform = "Linux"  # noqa: SLF001 - it takes it from nowhere else

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ModelEvent, None]:
        response = await self._open(messages, tools)
        round_ = Round()
        try:
            async with aclosing(_events(response, self._timeouts.total)) as events:
                async for data in events:
                    if text := round_.read(data):
                        yield Delta(text)
        except ModelError:
            # Once the model has said how it ended, nothing that comes after it can spoil the answer.
            if round_.reason is None:
                raise
        for event in round_.end():
            yield event

    def connect(self) -> None:
        """Begin to open the connection that the first request will take; not through a proxy."""
        if isinstance(self._transport, Transport):
            self._transport.open(self._url, self._timeouts.connect)

    async def aclose(self) -> None:
        await self._client.close()

    async def _open(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> httpx2.Response:
        rejected = self._client.api_key
        try:
            return await self._post(messages, tools)
        except ModelKeyRejected:
            if not await self._has_another_key(rejected):
                raise
        return await self._post(messages, tools)

    async def _has_another_key(self, rejected: str) -> bool:
        key = await self._renew_key() if self._renew_key else None
        if key is None or key == rejected or not _sendable(key):
            return False
        self._client.api_key = key
        return True

    async def _post(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> httpx2.Response:
        try:
            async with asyncio.timeout(self._timeouts.read):
                # Not `chat.completions.create`: that walks through each message with its type at hand, which
                # for 40 messages costs ten times as much CPU as all the rest of a request.
                stream = await self._client.post(
                    str(self._url),
                    body=self._request(messages, tools),
                    options={"headers": self._azure_key()},
                    cast_to=object,
                    stream=True,
                    stream_cls=openai.AsyncStream[object],
                )
        except TimeoutError:
            raise ModelTimeout from None
        except _TRANSLATED as error:
            raise translate(error) from None
        return stream.response

    def _azure_key(self) -> dict[str, str]:
        """Azure's endpoints with a version in their query take the key in a header of their own.

        https://learn.microsoft.com/azure/ai-foundry/openai/reference#authentication
        """
        return {"api-key": self._client.api_key} if "api-version" in self._url.params else {}

    def _request(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> dict[str, Any]:
        history = [_sent(message) for message in messages]
        request = {
            "model": self.name,
            "messages": [self._system, *history] if self._system else history,
            "stream": True,
            "stream_options": {"include_usage": True},
            **self._options,
        }
        if tools:
            request["tools"] = [_offered(tool) for tool in tools]
        return request


def _sendable(key: str) -> bool:
    return key.isascii() and key.isprintable() and bool(key.strip())


def _patience(timeouts: Timeouts) -> openai.Timeout:
    return openai.Timeout(timeouts.read, connect=timeouts.connect)


def completions(base_url: str) -> httpx2.URL:
    """Where an API answers chats. Its address may be given with that path already, and may have a query."""
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL:  # its text repeats the address
        raise Unusable("The model's address names no host that can be: check C1FN_BASE_URL.") from None
    path, mark, query = url.raw_path.partition(b"?")
    path = path.rstrip(b"/").removesuffix(b"/chat/completions")
    return url.copy_with(raw_path=path + b"/chat/completions" + mark + query, fragment=None)


def _transport(url: httpx2.URL) -> httpx2.AsyncBaseTransport:
    limits = httpx2.Limits(
        max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=IDLE
    )
    context = authorities.context(os.environ) or httpx2.create_ssl_context()
    proxy = proxy_for(str(url))
    return proxy.transport(context, limits) if proxy else Transport(context, limits)


def _http(transport: httpx2.AsyncBaseTransport, timeouts: Timeouts) -> httpx2.AsyncClient:
    return openai.DefaultAsyncHttpx2Client(
        timeout=_patience(timeouts),
        transport=transport,
        follow_redirects=False,  # a prompt goes to the configured address alone
        event_hooks={"response": [_refuse_long_waits, shorten]},
    )


async def _refuse_long_waits(response: httpx2.Response) -> None:
    """Make the package give up, by the header it obeys, where it would wait too long before a retry."""
    if (wait := _retry_after(response.headers)) is not None and wait > RETRY_WAIT:
        response.headers["x-should-retry"] = "false"


async def _events(response: httpx2.Response, total: float) -> AsyncGenerator[str, None]:
    """The data of each event up to [DONE]; errors of the transport as ours."""
    decoder = Decoder()
    heard = understood = False
    now = asyncio.get_running_loop().time
    end = now() + total
    try:
        async with aclosing(response), aclosing(_parts(response)) as chunks:
            async for chunk in chunks:
                heard = True
                for data in decoder.feed(chunk):
                    if data == "[DONE]":
                        await _drain(chunks)
                        return
                    understood = True
                    yield data
                if now() > end:
                    raise ModelTimeout
    except EventTooLong:
        raise AnswerGarbled from None
    except _BROKEN as error:
        raise translate(error) from None
    if heard and not understood:
        raise AnswerGarbled("The model's address answered with something other than a stream of events.")


def _parts(response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """The body's parts as they come; decoded where the server compresses unasked. Without that, the package
    would only count them, at a tenth of what a part costs in all.
    """
    if "content-encoding" in response.headers:
        return response.aiter_bytes()
    assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - as an AsyncClient makes it
    parts = aiter(response.stream)
    assert isinstance(parts, AsyncGenerator)  # noqa: S101 - so that it can be closed early
    return parts


async def _drain(chunks: AsyncGenerator[bytes, None]) -> None:
    with suppress(TimeoutError, *_BROKEN):
        async with asyncio.timeout(DRAIN):
            async for _ in chunks:
                pass


# To the model


def _sent(message: Message) -> dict[str, Any]:
    """The message in OpenAI's form. The client's id stays here."""
    sent: dict[str, Any] = {"role": message.role, "content": whole(message.content)}
    if message.tool_calls:
        sent["content"] = sent["content"] or None
        sent["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": whole(c.arguments)}}
            for c in message.tool_calls
        ]
    if message.tool_call_id is not None:
        sent["tool_call_id"] = message.tool_call_id
    return sent


def _offered(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


# Errors

_BROKEN: tuple[type[Exception], ...] = (httpx2.RequestError, httpx2.StreamError, OSError, EOFError)

_TRANSLATED: tuple[type[Exception], ...] = (openai.OpenAIError, *_BROKEN)

_BY_STATUS: dict[int, type[ModelError]] = {
    401: ModelKeyRejected,
    403: ModelKeyRejected,
    408: ModelTimeout,
    413: ContextTooLong,
    429: ModelBusy,
}

_TOO_LONG = (
    "context_length_exceeded",
    "context length",
    "context window",
    "prompt is too long",
    "input is too long",
)
"""How the providers behind C1 say, in a 400, that the conversation does not fit."""


def translate(error: Exception) -> ModelError:
    """Our error for one of the package's or its transport's, without its text."""
    match error:
        case openai.APIStatusError():
            return _refusal(error)
        case openai.APITimeoutError() | httpx2.TimeoutException():
            return ModelTimeout()
        case openai.OpenAIError():
            return ModelUnavailable()
        case httpx2.DecodingError():
            return AnswerGarbled()
        case _:
            return AnswerCut()


def _refusal(error: openai.APIStatusError) -> ModelError:
    status = error.status_code
    if status in _BY_STATUS:
        return _BY_STATUS[status](retry_after=_retry_after(error.response.headers))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ModelUnavailable(retry_after=_retry_after(error.response.headers))
    if status == HTTPStatus.BAD_REQUEST and any(
        words in f"{error.code} {error.message}".lower() for words in _TOO_LONG
    ):
        return ContextTooLong()
    return ModelRejected(
        f"The model did not accept the request: status {status}. The operator should check the model's name "
        "and address."
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, or None. A date is compared with the server's own, not with our clock.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    for header, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        with suppress(KeyError, ValueError):
            if math.isfinite(seconds := float(headers[header]) * unit):
                return max(0.0, seconds)
    try:
        wait = parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())
