"""Spans by OpenTelemetry's conventions for generative AI: names, ids, counts and times, and no word.

Each attribute's name is compared with the conventions' own package.
"""

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import (
    error_attributes,
    gen_ai_attributes,
    server_attributes,
)
from opentelemetry.trace import SpanKind

from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.errors import AnswerCut
from c1fn.events import Called, Delta, Ended
from c1fn.models.c1 import C1Model
from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import to_nobody
from c1fn.telemetry.otel import PROVIDERS, OpenTelemetry
from c1fn.turn import Ask, Message, ToolCall, Usage
from tests.scripted import LIMITS, ScriptedModel, Step, says
from tests.upstream import Upstream, say

KNOWN = {
    value
    for module in (gen_ai_attributes, error_attributes, server_attributes)
    for value in vars(module).values()
    if isinstance(value, str)
}
ADDRESS = "https://api.thesys.dev/v1/embed/"


def planted(word: str) -> str:
    """A tool that says a secret."""
    if word == "fail":
        raise RuntimeError("planted-error")
    return f"planted-result {word}"


async def spans_of(
    *rounds: list[Step], model: Any = None, address: str = ADDRESS, prompt: str = "planted-prompt"
) -> tuple[ReadableSpan, ...]:
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    chat = Chat(
        MemoryStore(),
        model or ScriptedModel(*rounds),
        Tools([planted]),
        LIMITS,
        to_nobody,
        tracer=OpenTelemetry(provider, address),
    )
    await (await chat.begin(Ask("o", "t", "r", Message("user", prompt)))).over()
    await chat.aclose(grace=0)
    spans = kept.get_finished_spans()
    assert "planted-" not in "".join(span.to_json() for span in spans)
    return spans


def told(span: ReadableSpan) -> Mapping[str, Any]:
    assert set(span.attributes or {}) <= KNOWN
    return dict(span.attributes or {})


async def test_a_call_of_the_model_is_told_by_the_conventions() -> None:
    ended = Ended("stop", Usage(10, 5, 8), model="c1/nightly-2026")
    span = (await spans_of([Delta("planted-answer"), ended]))[1]
    assert (span.name, span.kind) == ("chat scripted", SpanKind.CLIENT)
    found = dict(told(span))
    assert found.pop("gen_ai.response.time_to_first_chunk") >= 0
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "thesys",
        "gen_ai.request.model": "scripted",
        "gen_ai.request.stream": True,
        "gen_ai.conversation.id": "t",
        "gen_ai.response.model": "c1/nightly-2026",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 8,
        "server.address": "api.thesys.dev",
        "server.port": 443,
    }


async def test_a_real_stream_tells_which_model_answered() -> None:
    async with Upstream() as upstream:
        upstream.queue(say("planted-answer"))
        model = C1Model(api_key="planted-key", base_url=upstream.url, model="m", max_retries=0)
        span = (await spans_of(model=model, address=upstream.url))[1]
    found = told(span)
    assert found["gen_ai.response.model"] == "test"
    assert found["gen_ai.usage.input_tokens"] > 0
    assert found["gen_ai.provider.name"] == "openai"


async def test_a_call_of_a_tool_is_told_without_its_words() -> None:
    calls = Called(
        (
            ToolCall("call_1", "planted", '{"word": "planted-argument"}'),
            ToolCall("planted call", "planted", '{"word": "fail"}'),
            ToolCall("c3", "planted-name", "{}"),
        )
    )
    spans = await spans_of([calls, Ended("tool_calls", Usage(1, 1))], says("a"))
    tools = [span for span in spans if span.name.startswith("execute_tool")]
    assert sorted((span.name, span.status.is_ok) for span in tools) == [
        ("execute_tool (unknown)", False),
        ("execute_tool planted", False),
        ("execute_tool planted", True),
    ]
    (good,) = (span for span in tools if span.status.is_ok)
    assert told(good) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "planted",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "call_1",
    }
    assert {told(span).get("error.type") for span in tools} == {None, "tool_failed"}


@pytest.mark.parametrize("reason", ["planted-reason of the server's own", "x" * 1000, "\n"])
async def test_what_a_server_writes_freely_is_not_told(reason: str) -> None:
    span = (await spans_of([Delta("a"), Ended(reason, Usage(1, 1), model=reason)]))[1]
    assert {"gen_ai.response.finish_reasons", "gen_ai.response.model"} & set(told(span)) == set()


async def test_a_failed_call_tells_its_code() -> None:
    span = (await spans_of([AnswerCut("planted-detail")]))[1]
    assert told(span)["error.type"] == "answer_cut"
    assert not span.status.is_ok


@pytest.mark.parametrize(
    ("address", "provider", "port"),
    [
        *((f"https://api.{host}/v1", name, 443) for host, name in PROVIDERS.items()),
        ("http://127.0.0.1:8080/v1", "openai", 8080),
        ("https://notopenai.com/", "openai", 443),
    ],
)
async def test_the_provider_is_known_by_its_host(address: str, provider: str, port: int) -> None:
    found = told((await spans_of(says("a"), address=address))[1])
    assert (found["gen_ai.provider.name"], found["server.port"]) == (provider, port)
