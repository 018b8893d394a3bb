"""Tracing of turns: the port, a tracer that does nothing, and OpenTelemetry's tracer.

OpenTelemetry is switched on by its own variable, ``OTEL_EXPORTER_OTLP_ENDPOINT`` (or the one for traces), and
configured by its other variables. It is imported only then, and is not in the package: the extra ``otel``
adds it. A turn becomes part of the trace in X-Ray's header. No trace data is sent to the model, because its
provider is another company. Spans contain names and codes, no text.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import Tracer as OtelTracer

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

FLUSH_MS = 1000
"""For sending a turn's spans before the process may be frozen: a collector beside it takes a few."""

Told = Mapping[str, str | int | float | bool]


class Span(Protocol):
    """One turn."""

    def part(self, name: str) -> AbstractContextManager[object]:
        """A span within it; whoever leaves by an exception marks it as failed."""
        ...

    def end(self, told: Told) -> None: ...


class Tracer(Protocol):
    def begin(self, name: str, trace: str | None) -> Span:
        """:param trace: X-Ray's header, if there was one."""
        ...

    async def flush(self) -> None:
        """Send what ended, before the process may be frozen."""
        ...

    async def aclose(self) -> None: ...


class Untraced:
    """Nobody's tracer, and nobody's span."""

    def begin(self, name: str, trace: str | None) -> Span:
        del name, trace
        return self

    def part(self, name: str) -> AbstractContextManager[object]:
        del name
        return nullcontext()

    def end(self, told: Told) -> None:
        """Nobody is told."""

    async def flush(self) -> None:
        """Nothing is left to send."""

    async def aclose(self) -> None:
        """Nothing is held."""


UNTRACED = Untraced()


def connect(environ: Mapping[str, str]) -> Tracer:
    """OpenTelemetry's tracer where the environment asks for it and the library is there."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or not any(map(environ.get, ENDPOINTS)):
        return UNTRACED
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return OpenTelemetry(provider)
    except ImportError as error:
        log.warning("%s is set, but there will be no spans: %s. Install c1fn[otel].", ENDPOINTS[0], error)
        return UNTRACED


class OpenTelemetry:
    """:param provider: it is shut down with the tracer."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.propagators.aws import AwsXRayPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("c1fn")
        self._xray = AwsXRayPropagator()

    def begin(self, name: str, trace: str | None) -> Span:
        parent = self._xray.extract({"X-Amzn-Trace-Id": trace} if trace else {})
        return _Turn(self._tracer, self._tracer.start_span(name, context=parent))

    async def flush(self) -> None:
        await asyncio.to_thread(self._provider.force_flush, FLUSH_MS)

    async def aclose(self) -> None:
        await asyncio.to_thread(self._provider.shutdown)


class _Turn:
    def __init__(self, tracer: "OtelTracer", span: "OtelSpan") -> None:
        self._tracer = tracer
        self._span = span

    def part(self, name: str) -> AbstractContextManager[object]:
        from opentelemetry.trace import set_span_in_context

        # An exception's text may quote a prompt: only that there was one is told.
        return self._tracer.start_as_current_span(
            name,
            context=set_span_in_context(self._span),
            record_exception=False,
            set_status_on_exception=False,
        )

    def end(self, told: Told) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_attributes(dict(told))
        if "error.type" in told:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()
