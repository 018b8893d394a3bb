"""Tracing of turns: the port, and a tracer that does nothing. ``otel`` is OpenTelemetry's tracer.

OpenTelemetry is switched on by its own variable, ``OTEL_EXPORTER_OTLP_ENDPOINT`` (or the one for traces), and
configured by its other variables. It is imported only then, and is not in the package: the extra ``otel``
adds it. A turn becomes part of the trace in X-Ray's header. No trace data is sent to the model, because its
provider is another company. Spans contain names and codes, no text.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from c1fn.events import Ended

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

Told = Mapping[str, str | bool | int | float | Sequence[str]]
Fails = Callable[[], None]
"""Tells that a tool has failed."""


class Asked(Protocol):
    """One call of a model."""

    def hears(self) -> None:
        """Its first event is there."""
        ...

    def ends(self, ended: Ended) -> None:
        """The round has ended."""
        ...


class Span(Protocol):
    """One turn."""

    def part(self, name: str) -> AbstractContextManager[object]:
        """A part of it."""
        ...

    def asks(self, model: str) -> AbstractContextManager[Asked]:
        """One call of a model. Whoever leaves it by an exception marks it as failed."""
        ...

    def runs(self, tool: str, call_id: str) -> AbstractContextManager[Fails]:
        """One call of a tool."""
        ...

    def end(self, told: Told) -> None:
        """The turn has ended. ``told`` are the fields of its line in the log."""
        ...


class Tracer(Protocol):
    """Makes a span of each turn."""

    def begin(self, name: str, trace: str | None, thread: str = "") -> Span:
        """:param trace: X-Ray's header, if there was one.
        :param thread: the id of the conversation.
        """
        ...

    async def flush(self) -> None:
        """Send what ended, before the process may be frozen."""
        ...

    async def aclose(self) -> None:
        """Send what is left."""
        ...


class Untraced:
    """Nobody's tracer, nobody's span, and nobody's call of a model."""

    def begin(self, name: str, trace: str | None, thread: str = "") -> Span:
        del name, trace, thread
        return self

    def part(self, name: str) -> AbstractContextManager[object]:
        del name
        return nullcontext()

    def asks(self, model: str) -> AbstractContextManager[Asked]:
        del model
        return nullcontext(self)

    def runs(self, tool: str, call_id: str) -> AbstractContextManager[Fails]:
        del tool, call_id
        return nullcontext(self.hears)

    def hears(self) -> None:
        """Nobody is told."""

    def ends(self, ended: Ended) -> None:
        """Nobody is told."""

    def end(self, told: Told) -> None:
        """Nobody is told."""

    async def flush(self) -> None:
        """Nothing is left to send."""

    async def aclose(self) -> None:
        """Nothing is held."""


UNTRACED = Untraced()


def connect(environ: Mapping[str, str], address: str = "") -> Tracer:
    """OpenTelemetry's tracer where the environment asks for it and the library is there.

    :param address: of the model's server.
    """
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or not any(map(environ.get, ENDPOINTS)):
        return UNTRACED
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from c1fn.telemetry.otel import OpenTelemetry

        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return OpenTelemetry(provider, address)
    except ImportError as error:
        log.warning("%s is set, but there will be no spans: %s. Install c1fn[otel].", ENDPOINTS[0], error)
        return UNTRACED
