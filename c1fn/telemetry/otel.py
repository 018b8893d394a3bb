"""OpenTelemetry's tracer: a turn as a span, with its parts.

Calls of the model and of tools follow OpenTelemetry's conventions for generative AI, which are still in
development. They tell names, ids, counts and times: never a prompt, an answer, an argument or a result. What
a server or a model may write freely (a finish reason, an id, a tool's name) is told if it looks like a name.

https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-spans.md
"""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from opentelemetry.propagators.aws import AwsXRayPropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace import Tracer as OtelTracer

from c1fn.errors import C1fnError
from c1fn.events import Ended
from c1fn.telemetry.tracing import Asked, Fails, Span, Told

FLUSH_MS = 1000
"""For sending a turn's spans before the process may be frozen: a collector beside it takes a few."""

PROVIDERS = {
    "thesys.dev": "thesys",
    "openai.com": "openai",
    "openai.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "anthropic.com": "anthropic",
    "amazonaws.com": "aws.bedrock",
    "googleapis.com": "gcp.gen_ai",
    "mistral.ai": "mistral_ai",
    "groq.com": "groq",
    "deepseek.com": "deepseek",
    "x.ai": "x_ai",
    "cohere.com": "cohere",
    "perplexity.ai": "perplexity",
}
"""The conventions' names of providers, by the end of their host. Others speak OpenAI's protocol: `openai`."""

PORTS = {"https": 443, "http": 80}

_NAME = re.compile(r"[\w.:/@|#+-]{1,128}", re.ASCII)


class OpenTelemetry:
    """:param provider: it is shut down with the tracer.
    :param address: of the model's server.
    """

    def __init__(self, provider: TracerProvider, address: str = "") -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("c1fn")
        self._xray = AwsXRayPropagator()
        self._server = _server(address)

    def begin(self, name: str, trace: str | None, thread: str = "") -> Span:
        parent = self._xray.extract({"X-Amzn-Trace-Id": trace} if trace else {})
        span = self._tracer.start_span(name, context=parent)
        return _Turn(self._tracer, span, self._server, thread)

    async def flush(self) -> None:
        await asyncio.to_thread(self._provider.force_flush, FLUSH_MS)

    async def aclose(self) -> None:
        await asyncio.to_thread(self._provider.shutdown)


class _Turn:
    def __init__(self, tracer: OtelTracer, span: OtelSpan, server: Told, thread: str) -> None:
        self._tracer = tracer
        self._span = span
        self._server = server
        self._conversation: Told = {"gen_ai.conversation.id": thread} if thread else {}

    @contextmanager
    def part(
        self, name: str, kind: SpanKind = SpanKind.INTERNAL, told: Told | None = None
    ) -> Iterator[OtelSpan]:
        # An exception's text may quote a prompt: only that there was one is told.
        with self._tracer.start_as_current_span(
            name,
            context=set_span_in_context(self._span),
            kind=kind,
            attributes=told,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield span

    @contextmanager
    def asks(self, model: str) -> Iterator[Asked]:
        told: Told = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": model,
            "gen_ai.request.stream": True,
        }
        with self.part(
            f"chat {model}", SpanKind.CLIENT, {**told, **self._server, **self._conversation}
        ) as span:
            try:
                yield _Call(span)
            except BaseException as error:
                _fail(span, error.code if isinstance(error, C1fnError) else type(error).__name__)
                raise

    @contextmanager
    def runs(self, tool: str, call_id: str) -> Iterator[Fails]:
        told = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "gen_ai.tool.type": "function",
        }
        told |= {"gen_ai.tool.call.id": call_id} if _NAME.fullmatch(call_id) else {}
        with self.part(f"execute_tool {tool}", told=told) as span:
            yield lambda: _fail(span, "tool_failed")

    def end(self, told: Told) -> None:
        self._span.set_attributes(dict(told))
        if "error.type" in told:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class _Call:
    def __init__(self, span: OtelSpan) -> None:
        self._span = span
        self._begun = time.monotonic()

    def hears(self) -> None:
        self._span.set_attribute("gen_ai.response.time_to_first_chunk", time.monotonic() - self._begun)

    def ends(self, ended: Ended) -> None:
        told: dict[str, str | int | tuple[str, ...]] = {
            "gen_ai.usage.input_tokens": ended.usage.input_tokens,
            "gen_ai.usage.output_tokens": ended.usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": ended.usage.cached_tokens,
        }
        if _NAME.fullmatch(ended.reason):
            told["gen_ai.response.finish_reasons"] = (ended.reason,)
        if _NAME.fullmatch(ended.model):
            told["gen_ai.response.model"] = ended.model
        self._span.set_attributes({name: value for name, value in told.items() if value})


def _fail(span: OtelSpan, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def _server(address: str) -> Told:
    """Which server, as the conventions tell it."""
    url = urlsplit(address)
    host = url.hostname or ""
    found = (name for end, name in PROVIDERS.items() if host == end or host.endswith(f".{end}"))
    told = {"gen_ai.provider.name": next(found, "openai")}
    return {**told, "server.address": host, "server.port": url.port or PORTS[url.scheme]} if host else told
