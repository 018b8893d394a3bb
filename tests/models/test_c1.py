"""The C1 model: the real openai package against a real server on loopback."""

import asyncio
import gzip
import logging
import socket
import traceback
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

import httpx2
import openai
import pytest

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
from c1fn.events import Called, Delta, Ended
from c1fn.models.c1 import C1Model, Timeouts, translate
from c1fn.models.retries import RETRY_WAIT
from c1fn.models.sse import LIMIT
from c1fn.turn import Message, ToolCall, Usage
from tests.models.contract import GET_TIME, Contract, heard, user
from tests.upstream import (
    COMMENT,
    DONE,
    END,
    FAULTS,
    ROLE,
    Answer,
    Fault,
    Request,
    Upstream,
    by_prompt,
    call,
    chunk,
    crlf,
    delta,
    finish,
    joined,
    only_bytes,
    refuse,
    say,
    split,
    tool,
    usage,
)

KEY = "sk-planted-key"
SECRET = "planted prompt"
SOON = Timeouts(connect=10.0, read=1.0, total=60.0)
"""For servers that hang: nothing else than the read timeout can end them."""


def respond(request: Request) -> Answer:
    if request.body.get("tools") and request.body["messages"][-1]["role"] == "user":
        return call(("call_7", "get_time", '{"zone": "UTC"}'))
    return by_prompt(request)


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream, None]:
    async with Upstream(respond, key=KEY) as server:
        yield server


def model_at(upstream: Upstream, **settings: Any) -> C1Model:
    given: dict[str, Any] = {"max_retries": 0, **settings}
    return C1Model(api_key=KEY, base_url=upstream.url, model="c1-test", **given)


@pytest.fixture
async def model(upstream: Upstream) -> AsyncGenerator[C1Model, None]:
    model = model_at(upstream)
    yield model
    await model.aclose()


@pytest.fixture
async def hasty(upstream: Upstream) -> AsyncGenerator[C1Model, None]:
    model = model_at(upstream, timeouts=SOON)
    yield model
    await model.aclose()


@pytest.fixture
async def stubborn(upstream: Upstream) -> AsyncGenerator[C1Model, None]:
    model = model_at(upstream, max_retries=2)
    yield model
    await model.aclose()


class TestC1(Contract):
    @pytest.fixture
    async def model(self, upstream: Upstream) -> AsyncGenerator[C1Model, None]:
        model = model_at(upstream)
        yield model
        await model.aclose()


# What is asked


async def test_messages_go_in_the_form_of_openai_and_without_the_ids_of_the_client(
    upstream: Upstream, model: C1Model
) -> None:
    asked = ToolCall("call_1", "get_time", '{"zone": "UTC"}')
    history = [
        Message("user", "<content>hi</content>", id="74f25709"),
        Message("assistant", "", id="eeb2d7d2", tool_calls=(asked,)),
        Message("tool", "12:00", tool_call_id="call_1"),
        Message("assistant", "noon", id="d251ea5b"),
        Message("user", "thanks", id="0f81472f"),
    ]
    await heard(model, *history)
    function = {"name": "get_time", "arguments": '{"zone": "UTC"}'}
    assert upstream.requests[0].body == {
        "model": "c1-test",
        "messages": [
            {"role": "user", "content": "<content>hi</content>"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
            },
            {"role": "tool", "content": "12:00", "tool_call_id": "call_1"},
            {"role": "assistant", "content": "noon"},
            {"role": "user", "content": "thanks"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_tools_are_offered_as_functions(upstream: Upstream, model: C1Model) -> None:
    await heard(model, user("hi"), tools=[GET_TIME])
    function = {
        "name": "get_time",
        "description": "The time of day.",
        "parameters": {"type": "object", "properties": {}},
    }
    assert upstream.requests[0].body["tools"] == [{"type": "function", "function": function}]


async def test_the_settings_of_the_model_go_with_every_request(upstream: Upstream) -> None:
    model = model_at(
        upstream,
        system="Be brief.",
        temperature=0.0,
        max_tokens=99,
        metadata_thesys='{"c1_custom_actions": []}',
    )
    await heard(model, user("hi"))
    await model.aclose()
    body = upstream.requests[0].body
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]
    assert (body["temperature"], body["max_tokens"]) == (0.0, 99)
    assert body["metadata"] == {"thesys": '{"c1_custom_actions": []}'}


async def test_no_compression_is_asked_for(upstream: Upstream, model: C1Model) -> None:
    """A compressed stream holds deltas back until a block is full."""
    await heard(model, user("hi"))
    assert upstream.requests[0].headers["accept-encoding"] == "identity"


async def test_half_a_character_in_a_history_is_sent_as_a_replacement(
    upstream: Upstream, model: C1Model
) -> None:
    await heard(model, user("a\ud83d\ude00 b\ud83d"))
    assert upstream.requests[0].body["messages"] == [{"role": "user", "content": "a😀 b\ufffd"}]


@pytest.mark.parametrize("key", ["", " ", "sk-ключ", "sk-\n", "sk-1\r\nx: y"])
def test_a_key_that_no_header_can_carry_is_refused_at_once_and_not_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII") as caught:
        C1Model(api_key=key, base_url="http://127.0.0.1", model="m")
    assert caught.value.args == ("The model's key must be printable ASCII.",)


async def test_a_prompt_goes_to_the_configured_address_alone(upstream: Upstream, model: C1Model) -> None:
    async with Upstream() as elsewhere:
        location = f"{elsewhere.url}chat/completions"
        upstream.queue(refuse(307, headers={"location": location}))
        with pytest.raises(ModelRejected):
            await heard(model, user("hi"))
        assert elsewhere.calls == 0


# How it streams


async def test_a_delta_is_heard_while_the_model_is_held_at_a_gate(upstream: Upstream, model: C1Model) -> None:
    gate = asyncio.Event()
    upstream.queue(Answer((ROLE, delta("Hel"), gate, delta("lo"), *END)))
    async with aclosing(model.stream([user("hi")])) as events:
        assert await anext(events) == Delta("Hel")
        gate.set()
        assert [event async for event in events] == [Delta("lo"), Ended("stop", Usage(3, 2))]


async def test_closing_the_answer_closes_the_connection(upstream: Upstream, model: C1Model) -> None:
    upstream.queue(Answer((ROLE, delta("Hel"), asyncio.Event())))
    events = model.stream([user("hi")])
    await anext(events)
    await events.aclose()
    await upstream.requests[0].left.wait()


@pytest.mark.parametrize(
    "answer", [Answer(before=(Fault.HANG,)), FAULTS["hang"]], ids=["before the head", "midway"]
)
async def test_cancelling_the_reader_closes_the_connection(
    upstream: Upstream, model: C1Model, answer: Answer
) -> None:
    upstream.queue(answer)
    reader = asyncio.create_task(heard(model, user("hi")))
    request = await upstream.arrived(1)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await request.left.wait()


async def test_a_connection_is_used_again(upstream: Upstream, model: C1Model) -> None:
    for _ in range(3):
        await heard(model, user("hi"))
    assert upstream.connections == 1


async def test_answers_at_the_same_time_do_not_mix(model: C1Model) -> None:
    answers = await asyncio.gather(*(heard(model, user(f"number {n}")) for n in range(16)))
    assert [f"number {n}" in text for n, (text, _) in enumerate(answers)] == [True] * 16


TOLD = say("Hel", "lo 😀", " <b>", "\n")
SHAPES = {
    "whole": TOLD,
    "split at every byte": split(TOLD),
    "in one segment": joined(TOLD),
    "CRLF": crlf(TOLD),
    "CRLF, split at every byte": split(crlf(TOLD)),
    "with comments": replace(TOLD, steps=tuple(part for step in TOLD.steps for part in (COMMENT, step))),
    "201": replace(TOLD, status=201),
    "empty deltas": replace(TOLD, steps=(chunk({"content": ""}), chunk({"content": None}), *TOLD.steps)),
    "no role": replace(TOLD, steps=TOLD.steps[1:]),
    "without [DONE]": replace(TOLD, steps=TOLD.steps[:-1]),
    "end and reason in one event": Answer((*TOLD.steps[:-4], chunk({"content": "\n"}, "stop"), *END[1:])),
    "no space after data:": Answer(
        tuple(step.replace(b"data: ", b"data:") for step in TOLD.steps if isinstance(step, bytes))
    ),
    "silence after the end": replace(TOLD, steps=(*TOLD.steps[:-1], Fault.HANG)),
    "reset after the end": replace(TOLD, steps=(*TOLD.steps[:-1], Fault.RESET)),
    "a connection left open after [DONE]": replace(TOLD, steps=(*TOLD.steps, Fault.HANG)),
}


@pytest.mark.parametrize("answer", SHAPES.values(), ids=SHAPES.keys())
async def test_the_same_answer_is_heard_however_it_is_sent(
    upstream: Upstream, hasty: C1Model, answer: Answer
) -> None:
    upstream.queue(answer)
    assert await heard(hasty, user("hi")) == ("Hello 😀 <b>\n", [Ended("stop", Usage(3, 2))])


async def test_halves_of_a_character_in_two_deltas_become_one(upstream: Upstream, model: C1Model) -> None:
    upstream.queue(say("a\ud83d", "\ude00b"))
    async with aclosing(model.stream([user("hi")])) as events:
        deltas = [event.text async for event in events if isinstance(event, Delta)]
    assert deltas == ["a", "😀b"]


async def test_without_a_count_of_tokens_there_are_none(upstream: Upstream, model: C1Model) -> None:
    upstream.queue(Answer((delta("Hi"), finish(), DONE)))
    assert await heard(model, user("hi")) == ("Hi", [Ended("stop", Usage(0, 0))])


async def test_several_calls_come_in_the_order_of_their_index(upstream: Upstream, model: C1Model) -> None:
    steps = (
        ROLE,
        delta("Let me see."),
        tool(1, id="b", name="two"),
        tool(0, id="a", name="one", arguments='{"x'),
        tool(1, arguments='{"y"'),
        tool(0, arguments='": 1}'),
        tool(1, arguments=": 2}"),
        finish("tool_calls"),
        usage(3, 2),
        DONE,
    )
    upstream.queue(split(Answer(steps)))
    text, events = await heard(model, user("hi"))
    assert text == "Let me see."
    assert events == [
        Called((ToolCall("a", "one", '{"x": 1}'), ToolCall("b", "two", '{"y": 2}'))),
        Ended("tool_calls", Usage(3, 2)),
    ]


# How it fails

ENDINGS: dict[str, tuple[str, type[ModelError] | str]] = {
    "429": ("", ModelBusy),
    "context": ("", ContextTooLong),
    "400": ("", ModelRejected),
    "401": ("", ModelKeyRejected),
    "403": ("", ModelKeyRejected),
    "404": ("", ModelRejected),
    "413": ("", ContextTooLong),
    "500": ("", ModelUnavailable),
    "reset-early": ("", ModelUnavailable),
    "hang-early": ("", ModelTimeout),
    "reset": ("Hel", AnswerCut),
    "close": ("Hel", AnswerCut),
    "hang": ("Hel", ModelTimeout),
    "no-finish": ("Hel", AnswerCut),
    "empty": ("", AnswerCut),
    "garbled": ("Hel", AnswerGarbled),
    "error-event": ("Hel", ModelUnavailable),
    "no-done": ("Hello", "stop"),
    "201": ("Hello", "stop"),
    "split": ("Hello", "stop"),
    "length": ("Hel", "length"),
    "filter": ("Hel", "content_filter"),
}
"""What is heard before the end, and the end: an error or a reason."""

SILENT = {"hang", "hang-early"}
"""Only these end by the read timeout: the others may take their time on a busy machine."""


def test_every_fault_of_the_server_has_its_ending() -> None:
    assert ENDINGS.keys() == FAULTS.keys()


@pytest.mark.parametrize("fault", ENDINGS)
async def test_a_fault_ends_as_told(hasty: C1Model, model: C1Model, fault: str) -> None:
    asked = hasty if fault in SILENT else model
    said, reason = "", ""
    kind: object = None
    try:
        async with aclosing(asked.stream([user(f"fault:{fault}")])) as events:
            async for event in events:
                if isinstance(event, Delta):
                    said += event.text
                if isinstance(event, Ended):
                    reason = event.reason
    except ModelError as error:
        kind = type(error)
    assert (said, kind or reason) == ENDINGS[fault]


@pytest.mark.parametrize("fault", ENDINGS)
async def test_after_a_fault_the_next_answer_is_whole(hasty: C1Model, model: C1Model, fault: str) -> None:
    asked = hasty if fault in SILENT else model
    with suppress(ModelError):
        await heard(asked, user(f"fault:{fault}"))
    text, _ = await heard(asked, user("hello"))
    assert "You said: hello" in text


async def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        model = C1Model(api_key=KEY, base_url=nowhere, model="m", max_retries=0)
        with pytest.raises(ModelUnavailable):
            await heard(model, user("hi"))
        await model.aclose()


async def test_the_time_for_the_whole_answer_is_bounded(upstream: Upstream) -> None:
    """A model that drips for ever never falls silent; the total ends it when the next bytes arrive."""
    model = model_at(upstream, timeouts=Timeouts(total=0.0))
    upstream.queue(Answer((delta("drip"), delta("drop"), asyncio.Event())))
    with pytest.raises(ModelTimeout):
        await heard(model, user("hi"))
    await model.aclose()


@pytest.mark.parametrize("seconds", [0.5, 5.0, 60.0])
async def test_the_longest_silence_is_the_one_that_was_set(upstream: Upstream, seconds: float) -> None:
    """The package takes a transport's 5 s for its default, and would put 600 s in their place."""
    model = model_at(upstream, timeouts=Timeouts(read=seconds))
    assert model._client.timeout == openai.Timeout(seconds, connect=5.0)
    await model.aclose()


async def test_an_event_without_end_is_garbled(upstream: Upstream, model: C1Model) -> None:
    upstream.queue(Answer((b"data: " + b"x" * (LIMIT // 2), b"x" * (LIMIT // 2), *END)))
    with pytest.raises(AnswerGarbled):
        await heard(model, user("hi"))


async def test_a_web_page_instead_of_a_stream_is_garbled(upstream: Upstream, model: C1Model) -> None:
    """A wrong base URL often answers 200."""
    upstream.queue(Answer((b"<!doctype html>\n\n<p>Welcome",), headers=(("content-type", "text/html"),)))
    with pytest.raises(AnswerGarbled, match="something other than a stream of events"):
        await heard(model, user("hi"))


async def test_a_body_that_is_compressed_unasked_is_heard(upstream: Upstream, model: C1Model) -> None:
    steps = (gzip.compress(b"".join(only_bytes(say("Hel", "lo")))),)
    upstream.queue(Answer(steps, headers=(("content-encoding", "gzip"),)))
    assert (await heard(model, user("hi")))[0] == "Hello"


async def test_a_body_that_cannot_be_decompressed_is_garbled(upstream: Upstream, model: C1Model) -> None:
    upstream.queue(Answer((b"not gzip",), headers=(("content-encoding", "gzip"),)))
    with pytest.raises(AnswerGarbled):
        await heard(model, user("hi"))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("context_length_exceeded", "No."),
        (None, "This model's maximum context length is 128000 tokens."),
        (None, "prompt is too long: 208310 tokens > 199999 maximum"),
        (None, "Input is too long for requested model."),
        (None, "The input exceeds the context window of this model."),
    ],
)
async def test_a_400_about_the_context_is_told_as_such(
    upstream: Upstream, model: C1Model, code: str | None, message: str
) -> None:
    upstream.queue(refuse(400, code=code, message=message))
    with pytest.raises(ContextTooLong):
        await heard(model, user("hi"))


async def test_a_prompt_that_a_refusal_repeats_changes_nothing_for_others(upstream: Upstream) -> None:
    """One caller's prompt could take the operator's limit out of every later request of the process."""
    model = model_at(upstream, max_tokens=99, temperature=0.0)
    echo = "Cannot read {'content': 'max_tokens and temperature', 'stream_options': 1}"
    upstream.queue(refuse(400, message=echo), refuse(400, message=echo), say("Hello"))
    with pytest.raises(ModelRejected):
        await heard(model, user("max_tokens and temperature"))
    await heard(model, user("hi"))
    body = upstream.requests[-1].body
    assert (body["max_tokens"], body["temperature"]) == (99, 0.0)
    assert "stream_options" in body
    await model.aclose()


async def test_other_refusals_tell_their_status(upstream: Upstream, model: C1Model) -> None:
    upstream.queue(refuse(422))
    with pytest.raises(ModelRejected, match="status 422"):
        await heard(model, user("hi"))


# When it is tried again


async def test_before_the_first_byte_a_failure_is_tried_again(upstream: Upstream, stubborn: C1Model) -> None:
    quick = {"retry-after-ms": "1"}
    upstream.queue(refuse(500, headers=quick), refuse(429, headers=quick), say("Hello"))
    text, _ = await heard(stubborn, user("hi"))
    assert (text, upstream.calls) == ("Hello", 3)


async def test_a_connection_that_breaks_before_the_head_is_tried_again(
    upstream: Upstream, stubborn: C1Model
) -> None:
    upstream.queue(FAULTS["reset-early"], say("Hello"))
    text, _ = await heard(stubborn, user("hi"))
    assert (text, upstream.calls) == ("Hello", 2)


@pytest.mark.parametrize("fault", ["reset", "close", "no-finish", "garbled", "error-event", "empty"])
async def test_after_the_head_nothing_is_tried_again(
    upstream: Upstream, stubborn: C1Model, fault: str
) -> None:
    with pytest.raises(ModelError):
        await heard(stubborn, user(f"fault:{fault}"))
    assert upstream.calls == 1


async def test_a_hang_before_the_head_ends_by_the_read_timeout_with_all_its_tries(upstream: Upstream) -> None:
    model = model_at(upstream, max_retries=2, timeouts=SOON)
    await heard(model, user("hello"))  # what it imports and connects with is there: only the server is slow
    with pytest.raises(ModelTimeout):
        await heard(model, user("fault:hang-early"))
    await model.aclose()
    assert upstream.calls == 2


DATED = {"date": "Tue, 24 Nov 2026 04:00:00 GMT", "retry-after": "Tue, 24 Nov 2026 04:01:30 GMT"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "5.5"}, 5.5),
        ({"retry-after-ms": "6500", "retry-after": "99"}, 6.5),
        (DATED, 90.0),
    ],
)
async def test_a_long_wait_is_told_and_not_waited_for(
    upstream: Upstream, stubborn: C1Model, headers: dict[str, str], seconds: float
) -> None:
    upstream.queue(refuse(429, headers=headers))
    with pytest.raises(ModelBusy) as caught:
        await heard(stubborn, user("hi"))
    assert (caught.value.retry_after, upstream.calls) == (seconds, 1)
    assert seconds > RETRY_WAIT


@pytest.mark.parametrize("value", ["soon", "-1", "inf", "nan", "1e999", "Tue, 24 Nov 2026 04:01:30 GMT", ""])
async def test_a_wait_that_makes_no_sense_is_replaced(upstream: Upstream, model: C1Model, value: str) -> None:
    upstream.queue(refuse(429, headers={"retry-after": value}))
    with pytest.raises(ModelBusy) as caught:
        await heard(model, user("hi"))
    assert caught.value.retry_after == {"-1": 0.0}.get(value, ModelBusy.retry_after)


# What must not leak


async def failed(model: C1Model, prompt: str) -> ModelError | None:
    try:
        await heard(model, user(prompt))
    except ModelError as error:
        return error
    return None


@pytest.mark.parametrize("fault", [*FAULTS, "echo"])
async def test_no_error_or_log_carries_the_prompt_or_the_key(
    upstream: Upstream, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    """Even when the server repeats both in its refusal, and everything is logged."""
    caplog.set_level(logging.DEBUG)
    upstream.queue(*([refuse(400, message=f"bad: {SECRET}", code=KEY)] if fault == "echo" else []))
    model = model_at(upstream, timeouts=SOON, max_retries=0)
    failure = await failed(model, f"{SECRET} fault:{fault}")
    told = ""
    if failure is not None:
        told = "".join([str(failure), repr(failure), *traceback.format_exception(failure)])
        assert failure.__suppress_context__ or failure.__context__ is None
        assert failure.__cause__ is None
    await model.aclose()
    for text in (told, caplog.text):
        assert SECRET not in text
        assert KEY not in text


async def test_the_package_writes_nothing_into_the_log(
    stubborn: C1Model, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """A turn is one line in the log: not one for each request, nor for each retry."""
    caplog.set_level(logging.DEBUG)
    upstream.queue(refuse(500, headers={"retry-after-ms": "1"}), say("Hello"))
    await heard(stubborn, user("hi"))
    loud = {"openai", "httpx2", "httpcore2"}
    assert [record for record in caplog.records if record.name.partition(".")[0] in loud] == []


# Every exception of the package

MAPPED: dict[str, type[ModelError]] = {
    "OpenAIError": ModelUnavailable,
    "APIError": ModelUnavailable,
    "APIStatusError": ModelRejected,
    "APIResponseValidationError": ModelUnavailable,
    "APIConnectionError": ModelUnavailable,
    "APITimeoutError": ModelTimeout,
    "AuthenticationError": ModelKeyRejected,
    "OAuthError": ModelKeyRejected,
    "PermissionDeniedError": ModelKeyRejected,
    "BadRequestError": ModelRejected,
    "NotFoundError": ModelRejected,
    "ConflictError": ModelRejected,
    "UnprocessableEntityError": ModelRejected,
    "RateLimitError": ModelBusy,
    "InternalServerError": ModelUnavailable,
    "LengthFinishReasonError": ModelUnavailable,
    "ContentFilterFinishReasonError": ModelUnavailable,
    "SubjectTokenProviderError": ModelUnavailable,
    "WebSocketConnectionClosedError": ModelUnavailable,
    "WebSocketQueueFullError": ModelUnavailable,
    "StreamAlreadyConsumed": ModelUnavailable,
    "MutuallyExclusiveAuthError": ModelUnavailable,
    "APIRemovedInV1": ModelUnavailable,
    "_AmbiguousModuleClientUsageError": ModelUnavailable,
}
STATUS = {"OAuthError": 401, "APIStatusError": 418, "InternalServerError": 500}
BROKEN: dict[str, type[ModelError]] = {
    "TransportError": AnswerCut,
    "TimeoutException": ModelTimeout,
    "ConnectTimeout": ModelTimeout,
    "ReadTimeout": ModelTimeout,
    "WriteTimeout": ModelTimeout,
    "PoolTimeout": ModelTimeout,
    "NetworkError": AnswerCut,
    "ConnectError": AnswerCut,
    "ReadError": AnswerCut,
    "WriteError": AnswerCut,
    "CloseError": AnswerCut,
    "ProtocolError": AnswerCut,
    "LocalProtocolError": AnswerCut,
    "RemoteProtocolError": AnswerCut,
    "ProxyError": AnswerCut,
    "UnsupportedProtocol": AnswerCut,
    "DecodingError": AnswerGarbled,
    "TooManyRedirects": AnswerCut,
    "SSEError": AnswerCut,
}


def tree(root: type[Exception]) -> Iterator[type[Exception]]:
    for branch in root.__subclasses__():
        yield branch
        yield from tree(branch)


def of_the_package(root: type[Exception], package: str) -> list[type[Exception]]:
    return [kind for kind in tree(root) if kind.__module__.partition(".")[0] == package]


def raised(kind: type[Exception]) -> Exception:
    """An instance as the package would raise it, as far as a translation can see."""
    error = kind.__new__(kind)
    if isinstance(error, openai.APIStatusError):
        error.status_code = STATUS.get(kind.__name__) or error.status_code
        error.response = httpx2.Response(error.status_code)
        error.message, error.code = "No.", None
    return error


@pytest.mark.parametrize("kind", [openai.OpenAIError, *of_the_package(openai.OpenAIError, "openai")])
def test_every_exception_of_the_package_is_translated_as_told(kind: type[Exception]) -> None:
    """One that a new version adds fails here until somebody says what it means."""
    assert type(translate(raised(kind))) is MAPPED[kind.__name__]


@pytest.mark.parametrize("kind", of_the_package(httpx2.RequestError, "httpx2"))
def test_every_exception_of_the_transport_is_translated_as_told(kind: type[Exception]) -> None:
    assert type(translate(raised(kind))) is BROKEN[kind.__name__]
