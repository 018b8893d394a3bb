"""What real servers sent (tests/models/corpus), each as a whole turn, and the prompt after it.

Each case is served on loopback to the adapter as it is: in one piece, byte by byte, and event by event. Then
the thread must go on: the next prompt is answered, and the strictest server takes every request.
Where the openai package's own accumulation understands a stream, the same text and the same calls are heard.
"""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState

from c1fn.chat.converse import Chat
from c1fn.chat.rounds import Limits
from c1fn.chat.tools import Tools
from c1fn.errors import ModelError
from c1fn.events import Called, Delta, Ended
from c1fn.models import responses
from c1fn.models.c1 import C1Model, Timeouts
from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import Line, TurnLine
from c1fn.turn import Ask, Message, State, Turn
from tests.models.cases import CASES, CUTS, Case, parsed
from tests.models.contract import user
from tests.models.strict import FIELDS, complaint
from tests.upstream import Answer, Request, Upstream, say

KIND = 3
"""Cases of each kind, at least: one that was reported, and its siblings."""

LIMITS = Limits(history_turns=20, history_tokens=100_000, max_answer=100_000, max_seconds=300, max_rounds=3)


def get_time(zone: str = "UTC") -> str:
    """The time of day."""
    return f"12:00 {zone}"


def say_nothing() -> str:
    """Nothing."""
    return ""


TOOLS = Tools([get_time, say_nothing])


class Scene:
    """A whole chat before a server that answers by the case, and "Done." from then on."""

    def __init__(self, case: Case, upstream: Upstream) -> None:
        self.case, self.upstream = case, upstream
        self.lines: list[TurnLine] = []
        self.store = MemoryStore()
        self.model = C1Model(
            api_key="k",
            base_url=upstream.url,
            model="m",
            timeouts=Timeouts(read=20),
            max_retries=case.expected.get("retries", 0),
            **case.expected.get("options", {}),
        )
        self.chat = Chat(self.store, self.model, TOOLS, LIMITS, self._log)

    def _log(self, line: Line) -> None:
        assert isinstance(line, TurnLine)
        self.lines.append(line)

    async def ask(self, number: int) -> Turn:
        reply = await self.chat.begin(Ask("o", "t", f"r{number}", Message("user", f"prompt {number}")))
        while not reply.ended:
            await reply.take(60)
        await reply.over()
        return (await self.store.threads.load("o", "t"))[number - 1]

    @property
    def fields(self) -> frozenset[str]:
        """What a message may have at this server: what it sent itself, too."""
        told = ("returns", "returns_call")
        sent = {name for field in told for name in json.loads(self.case.expected.get(field, "{}"))}
        return FIELDS | sent | {self.case.expected.get("learned", "role")}

    def strict(self, _request: Request) -> Answer:
        return say("Done.")


def called(turn: Turn) -> list[list[object]]:
    return [[call.name, parsed(call.arguments)] for message in turn.reply for call in message.tool_calls]


@pytest.fixture(autouse=True)
def little_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that never end are few, and five seconds each are many."""
    monkeypatch.setattr(responses, "GRACE", 0.1)


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}/{case.name}")
async def test_of_what_a_server_sent_comes_what_must_and_the_thread_goes_on(
    case: Case, cut: Callable[[Answer], Answer]
) -> None:
    expected = case.expected
    history = expected.get("history", 0)
    async with Upstream() as upstream:
        scene = Scene(case, upstream)
        upstream.respond, upstream.fields = scene.strict, scene.fields
        for number in range(1, history + 1):
            await scene.ask(number)
        upstream.queue(*map(cut, case.answers))
        turn = await scene.ask(history + 1)
        after = len(upstream.requests)
        again = await scene.ask(history + 2)
        await scene.chat.aclose()

    assert (turn.answer, turn.error) == (_says(expected), expected.get("error"))
    assert called(turn) == [[name, parsed(arguments)] for name, arguments in expected.get("calls", [])]
    assert turn.state is (State.FAILED if "error" in expected else State.DONE)
    _check_log(scene.lines[history], expected)
    assert len(upstream.requests) - history - 1 == expected.get("asks", after - history)
    _check_request(upstream.requests[after - 1].body, expected)
    assert (again.state, again.answer) == (State.DONE, "Done.")
    for request in upstream.requests:
        refused = complaint(request.body["messages"], scene.fields)
        assert refused is None, refused
    _check_returned(upstream.requests[-1].body["messages"], expected)


def _says(expected: Any) -> str:
    return str(expected.get("says", "Done." if expected.get("calls") else ""))


def _check_log(line: TurnLine, expected: Any) -> None:
    told = {
        "status": line.model_status,
        "code": line.model_code,
        "type": line.model_type,
        "field": line.model_field,
    }
    assert {name: told[name] for name in expected.get("evidence", {})} == expected.get("evidence", {})
    if "tokens" in expected:
        assert [line.input_tokens, line.output_tokens, line.cached_tokens] == expected["tokens"]


def _check_request(body: Any, expected: Any) -> None:
    assert not set(expected.get("without", [])) & body.keys()
    sends = json.loads(expected.get("sends", "{}"))
    assert {name: body.get(name) for name in sends} == sends


def _check_returned(messages: list[Any], expected: Any) -> None:
    answers = [message for message in messages if message["role"] == "assistant"]
    if wanted := json.loads(expected.get("returns", "{}")):
        assert any(wanted.items() <= message.items() for message in answers), answers
    if wanted := json.loads(expected.get("returns_call", "{}")):
        calls = [call for message in answers for call in message.get("tool_calls", ())]
        assert any(wanted.items() <= call.items() for call in calls), calls


# The package as the other reader


async def ours(upstream: Upstream) -> tuple[str, list[Any], bool]:
    """The text, the calls, and whether the round ended well."""
    model = C1Model(api_key="k", base_url=upstream.url, model="m", max_retries=0)
    text, calls, well = "", list[Any](), False
    try:
        async for event in model.stream([user("hi")]):
            match event:
                case Delta(piece):
                    text += piece
                case Called(found):
                    calls = [[call.name, parsed(call.arguments)] for call in found]
                case Ended(error=error):
                    well = error is None
    except ModelError:
        well = False
    await model.aclose()
    return text, calls, well


async def theirs(upstream: Upstream) -> tuple[str, list[Any]] | None:
    """What the package makes of the stream; None: it does not understand it."""
    plain = openai.DefaultAsyncHttpxClient(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # no TLS here
    client = openai.AsyncOpenAI(
        api_key="k", base_url=upstream.url, max_retries=0, timeout=0.5, http_client=plain
    )
    state = ChatCompletionStreamState()
    try:
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        async with asyncio.timeout(2):  # some streams never end
            async for chunk in stream:
                state.handle_chunk(chunk)
        message = state.current_completion_snapshot.choices[0].message
        calls = [[call.function.name, parsed(call.function.arguments)] for call in message.tool_calls or ()]
        return str(message.content or ""), calls
    except Exception:  # noqa: BLE001 - whatever it raises: it does not understand the stream
        return None
    finally:
        await client.close()


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.is_one_stream], ids=lambda case: f"{case.kind}/{case.name}"
)
async def test_what_the_package_understands_is_heard_as_it_hears_it(case: Case) -> None:
    """A case that differs says why, and does differ: a version of the package that learns it is noticed."""
    async with Upstream() as upstream:
        upstream.queue(*case.answers, *case.answers)
        text, calls, well = await ours(upstream)
        heard = await theirs(upstream)
    if heard is None:
        return
    same = heard[0] == text and (heard[1] == calls or not well)
    assert same is ("differs" not in case.expected), (heard, text, calls)


def test_each_kind_has_its_siblings_and_each_case_its_source() -> None:
    counts = Counter(case.kind for case in CASES)
    assert len(CASES) >= 100
    assert min(counts.values()) >= KIND + 1, counts
    assert all(case.expected["source"] for case in CASES)
