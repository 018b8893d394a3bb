"""Spans of a turn: by OpenTelemetry's own reader, and over the wire to a collector of the test's own."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.errors import AnswerCut, Mismatch
from c1fn.events import Called, Ended
from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import LOCAL, Origin, to_nobody
from c1fn.telemetry.otel import OpenTelemetry
from c1fn.telemetry.tracing import ENDPOINTS, UNTRACED, connect
from c1fn.turn import Ask, Message, ToolCall, Usage
from tests.scripted import LIMITS, ScriptedModel, Step, says

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled="
CALLS = Called((ToolCall("c1", "planted_tool", "{}"),))


def ask(prompt: str = "planted") -> Ask:
    return Ask("o", "t", "r", Message("user", prompt))


async def traced(*rounds: list[Step], origin: Origin = LOCAL) -> tuple[ReadableSpan, ...]:
    """The spans of one turn, and of a second request for the same."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    chat = Chat(
        MemoryStore(), ScriptedModel(*rounds), Tools(), LIMITS, to_nobody, tracer=OpenTelemetry(provider)
    )
    await (await chat.begin(ask(), origin=origin)).over()
    await chat.settle()
    spans = kept.get_finished_spans()
    with pytest.raises(Mismatch):
        await chat.begin(ask("other"))
    assert [(span.name, dict(span.attributes or {})) for span in kept.get_finished_spans()[len(spans) :]] == [
        ("store.open", {}),
        ("turn", {"c1fn.outcome": "refused", "error.type": "response_id_mismatch"}),
    ]
    await chat.aclose(grace=0)
    return spans


async def test_a_turn_is_a_span_with_its_parts_in_order() -> None:
    spans = await traced([CALLS, Ended("tool_calls", Usage(1, 1))], says("a"))
    chat, tool = "chat scripted", "execute_tool (unknown)"
    assert [span.name for span in spans] == ["store.open", chat, tool, chat, "store.commit", "turn"]
    turn = spans[-1]
    assert turn.attributes == {"c1fn.outcome": "done"}
    assert turn.parent is None
    assert {span.parent.span_id for span in spans[:-1] if span.parent} == {turn.context.span_id}


async def test_a_failed_turns_span_tells_its_code_and_no_words() -> None:
    spans = await traced([AnswerCut("planted")])
    assert spans[-1].attributes == {"c1fn.outcome": "failed", "error.type": "answer_cut"}
    assert not spans[-1].status.is_ok
    assert "planted" not in "".join(span.to_json() for span in spans)


async def test_a_turn_joins_the_trace_that_the_platform_names() -> None:
    spans = await traced(says("a"), origin=Origin(trace=f"{TRACE}1"))
    parent = spans[-1].parent
    assert parent
    assert f"{parent.trace_id:x}" == "5759e988bd862e3fe1be46a994272793"
    assert f"{parent.span_id:x}" == "53995c3f42cd8ad8"


@pytest.mark.parametrize("trace", ["", "Root=1", "\x00", "Root=1-x-y;Parent=z;Sampled=1", "=;=;", "é" * 300])
async def test_a_malformed_trace_is_none(trace: str) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    OpenTelemetry(provider).begin("turn", trace).end({})
    (span,) = kept.get_finished_spans()
    assert span.parent is None


async def test_what_the_platform_does_not_sample_is_not_traced() -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    OpenTelemetry(provider).begin("turn", f"{TRACE}0").end({})
    assert kept.get_finished_spans() == ()


@pytest.mark.parametrize(
    "environ", [{}, {ENDPOINTS[0]: ""}, {ENDPOINTS[0]: "x", "OTEL_SDK_DISABLED": "true"}]
)
def test_who_does_not_ask_for_spans_gets_none(environ: dict[str, str]) -> None:
    assert connect(environ) is UNTRACED


def test_without_spans_the_library_is_not_imported() -> None:
    code = "import sys, c1fn.telemetry.tracing as t; t.connect({}); sys.exit('opentelemetry' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_library_is_told_and_costs_nobody_a_turn(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    assert connect({ENDPOINTS[0]: "http://127.0.0.1:1"}) is UNTRACED
    assert "Install c1fn[otel]" in caplog.text


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """A collector's URL, and the bodies that were posted to it."""
    bodies: list[bytes] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Not on stderr."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()
        thread.join()


async def test_the_spans_are_at_the_collector_once_the_turn_is_settled(
    collector: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, bodies = collector
    monkeypatch.setenv(ENDPOINTS[0], url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    tracer = connect({ENDPOINTS[0]: url})
    chat = Chat(MemoryStore(), ScriptedModel(says("a")), Tools(), LIMITS, to_nobody, tracer=tracer)
    await (await chat.begin(ask())).over()
    await chat.settle()
    names = [
        span.name
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert names == ["store.open", "chat scripted", "store.commit", "turn"]
    await chat.aclose(grace=0)


async def test_the_span_of_a_replayed_turn_ends() -> None:
    """A span that never ends is never sent: the second request would be missing from its trace."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    chat = Chat(
        MemoryStore(), ScriptedModel(says("a")), Tools(), LIMITS, to_nobody, tracer=OpenTelemetry(provider)
    )
    await (await chat.begin(ask())).over()
    kept.clear()
    await (await chat.begin(ask())).over()
    spans = kept.get_finished_spans()
    assert [(span.name, dict(span.attributes or {})) for span in spans] == [
        ("store.open", {}),
        ("turn", {"c1fn.outcome": "replayed"}),
    ]
    await chat.aclose(grace=0)
