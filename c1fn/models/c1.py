"""The C1 model, or any other OpenAI-compatible one, through the ``openai`` package.

The package opens the stream (authentication, connection pool, retries before the first byte), and c1fn reads
it: `transport` carries it, `responses` reads the body, `sse` decodes the bytes and `chunks` the events;
`messages` builds the request's messages. The package would build a pydantic object for each delta: 99 µs of
CPU from the socket to the text in a burst, and 331 for one that comes alone. Here it is 18 and 112 (Python
3.13, openai 3.54, medians of 7 interleaved rounds of 5,000 deltas at once and 1,000 a millisecond apart, on
one core). Its exceptions contain requests and bodies, so this package translates them into our errors,
without a cause, and lets none through.

https://docs.thesys.dev · https://platform.openai.com/docs/api-reference/chat/create
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from c1fn.errors import ModelError, ModelKeyRejected, ModelTimeout, ModelUnavailable
from c1fn.events import ModelEvent
from c1fn.models import ToolSpec
from c1fn.models.chunks import Round
from c1fn.models.fields import LearnedFields
from c1fn.models.messages import offered, outgoing
from c1fn.models.net.address import completions, transport_to
from c1fn.models.net.causes import cause
from c1fn.models.net.error_body import shorten
from c1fn.models.net.transport import Transport
from c1fn.models.responses import BROKEN, broken, deltas
from c1fn.models.retries import give_up, refusal, retry_after
from c1fn.startup import log_levels
from c1fn.startup.lazy_imports import lazy
from c1fn.turn import Message

with lazy("openai"):
    import httpx2  # the transport of the openai package: its errors reach us while a body is read
    import openai

RETRIES = 2
"""Retries before the first byte: enough for a lost connection or a short overload, not for an outage."""

_log = logging.getLogger(__name__)


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
    :param system: a system prompt, sent before every history.
    :param metadata_thesys: C1's own settings (custom actions, components), a JSON text.
    :param renew_key: returns the current key, after one was rejected.
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
        self._system = [{"role": "system", "content": system}] if system else []
        options = {
            "temperature": temperature,
            "max_tokens": max_tokens,
            "metadata": {"thesys": metadata_thesys} if metadata_thesys else None,
        }
        self._options = {name: value for name, value in options.items() if value is not None}
        self._fields = LearnedFields()
        self._url = completions(base_url)
        self._transport = transport_to(self._url)
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

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ModelEvent, None]:
        response = await self._open(messages, tools)
        round_ = Round(self._writer)
        try:
            async with aclosing(deltas(response, round_, self._timeouts.total)) as said:
                async for delta in said:
                    yield delta
        except ModelError:
            # Once the model has said how it ended, nothing that comes after it can spoil the answer.
            if not round_.complete:
                raise
        for end in round_.end():
            yield end

    def connect(self) -> None:
        """Begin to open the connection that the first request will take; not through a proxy."""
        if isinstance(self._transport, Transport):
            self._transport.open(self._url, self._timeouts.connect)

    async def aclose(self) -> None:
        await self._client.close()

    @property
    def _writer(self) -> str:
        """A model of the same name at another address is another one, and gets nothing back of this one's."""
        return f"{self.name} {self._url.host}"

    async def _open(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> httpx2.Response:
        rejected = self._client.api_key
        try:
            return await self._asked(messages, tools)
        except ModelKeyRejected:
            if not await self._has_another_key(rejected):
                raise
        return await self._asked(messages, tools)

    async def _has_another_key(self, rejected: str) -> bool:
        key = await self._renew_key() if self._renew_key else None
        if key is None or key == rejected or not _sendable(key):
            return False
        self._client.api_key = key
        return True

    async def _asked(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> httpx2.Response:
        """The response's head; asked for again as often as a refusal tells a field that can be changed."""
        tried: list[str] = []
        while True:
            request = self._request(messages, tools)
            try:
                return await self._post(request)
            except openai.APIStatusError as error:
                refused = refusal(error.status_code, error.response.content)
                meaning = refused.meaning(retry_after(error.response.headers))
            learned = self._fields.learn(request, refused, meaning)
            if not learned:
                self._fields.forget(tried)
                raise meaning
            tried += learned
            _log.warning("The model's server does not take %s as it was sent; that is changed now.", learned)

    async def _post(self, request: Mapping[str, Any]) -> httpx2.Response:
        """:raises openai.APIStatusError: it was refused. ModelError: anything else."""
        try:
            async with asyncio.timeout(self._timeouts.read):
                # Not `chat.completions.create`: that walks through each message with its type at hand, which
                # for 40 messages costs ten times as much CPU as all the rest of a request.
                stream = await self._client.post(
                    str(self._url),
                    body=request,
                    options={"headers": self._azure_key()},
                    cast_to=object,
                    stream=True,
                    stream_cls=openai.AsyncStream[object],
                )
        except TimeoutError:
            raise ModelTimeout from None
        except openai.APIStatusError:
            raise
        except _TRANSLATED as error:
            raise translate(error) from None
        return stream.response

    def _azure_key(self) -> dict[str, str]:
        """Azure's endpoints with a version in their query take the key in a header of their own.

        https://learn.microsoft.com/azure/ai-foundry/openai/reference#authentication
        """
        return {"api-key": self._client.api_key} if "api-version" in self._url.params else {}

    def _request(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> dict[str, Any]:
        fields = self._fields
        request = {
            "model": self.name,
            "messages": [*self._system, *outgoing(messages, self._writer, fields.refused, fields.demanded)],
            "stream": True,
            "stream_options": {"include_usage": True},
            **self._options,
        }
        if tools:
            request["tools"] = [offered(tool) for tool in tools]
        return fields.applied(request)


def _sendable(key: str) -> bool:
    return key.isascii() and key.isprintable() and bool(key.strip())


def _patience(timeouts: Timeouts) -> openai.Timeout:
    return openai.Timeout(timeouts.read, connect=timeouts.connect)


def _http(transport: httpx2.AsyncBaseTransport, timeouts: Timeouts) -> httpx2.AsyncClient:
    return openai.DefaultAsyncHttpx2Client(
        timeout=_patience(timeouts),
        transport=transport,
        follow_redirects=False,  # a prompt goes to the configured address alone
        event_hooks={"response": [shorten, give_up]},
    )


_TRANSLATED: tuple[type[Exception], ...] = (openai.OpenAIError, *BROKEN)


def translate(error: Exception) -> ModelError:
    """Our error for one of the package's or its transport's, without its text."""
    match error:
        case openai.APIStatusError():
            refused = refusal(error.status_code, error.response.content)
            return refused.meaning(retry_after(error.response.headers))
        case openai.APITimeoutError():
            return ModelTimeout()
        case openai.APIConnectionError() if why := cause(error):
            return ModelUnavailable(f"{why} The operator should check C1FN_BASE_URL.")
        case openai.OpenAIError():
            return ModelUnavailable()
        case _:
            return broken(error)
