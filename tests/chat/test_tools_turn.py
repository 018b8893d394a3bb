"""A turn with tools from end to end: our HTTP side, the real openai package, the upstream server."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest

from c1fn.api.app import build_app
from c1fn.api.wires.c1 import think_item
from c1fn.chat.converse import Chat
from c1fn.chat.rounds import Limits
from c1fn.chat.tools import Tools
from c1fn.models.c1 import C1Model
from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import to_nobody
from c1fn.turn import State
from tests.asgi import Client, client_of
from tests.upstream import ROLE, Answer, Fault, Upstream, call, delta, refuse, say

LIMITS = Limits(history_turns=20, history_tokens=1000, max_answer=1000, max_seconds=300, max_rounds=8)


@dataclass
class Scene:
    client: Client
    upstream: Upstream
    store: MemoryStore

    async def ask(self, prompt: str = "hi", response_id: str = "r1") -> str:
        message = {"role": "user", "content": prompt}
        body = {"prompt": message, "threadId": "t", "responseId": response_id}
        return (await self.client.post("/api/chat", body)).body.decode()


met = asyncio.Barrier(2)


async def meet(name: str) -> str:
    """Wait for the other one."""
    await met.wait()
    return f"met by {name}"


def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@pytest.fixture
async def scene() -> AsyncGenerator[Scene, None]:
    async with Upstream() as upstream:
        store = MemoryStore()
        model = C1Model(api_key="k", base_url=upstream.url, model="m", max_retries=0)
        chat = Chat(store, model, Tools([meet, add]), LIMITS, to_nobody)
        async with client_of(build_app(lambda: chat, max_body=10_000)) as client:
            yield Scene(client, upstream, store)


ROUNDS = [
    call(("c1", "meet", '{"name":"a"}'), ("c2", "meet", '{"name":"b"}')),
    call(("c3", "add", '{"a":1,"b":2}')),
    call(("c4", "nope", "{}"), ("c5", "add", '{"a":"x"}')),
]


async def test_three_rounds_two_calls_at_once_one_stored_turn(scene: Scene) -> None:
    scene.upstream.queue(*ROUNDS, say("Hel", "lo"))
    working = [think_item("Working", f"Using {name}") for name in ("meet", "meet", "add", "nope", "add")]
    assert await scene.ask() == "".join(working) + "Hello"

    sent = [request.body["messages"] for request in scene.upstream.requests]
    assert [len(messages) for messages in sent] == [1, 4, 6, 9]
    assert [message["role"] for message in sent[3]] == (
        ["user", "assistant", "tool", "tool", "assistant", "tool", "assistant", "tool", "tool"]
    )
    assert [m["tool_call_id"] for m in sent[3] if m["role"] == "tool"] == ["c1", "c2", "c3", "c4", "c5"]
    assert [m["content"] for m in sent[3] if m["role"] == "tool"][:3] == ["met by a", "met by b", "3"]
    assert "There is no tool named 'nope'" in sent[3][7]["content"]

    (turn,) = await scene.store.threads.load("anybody", "t")
    assert (turn.state, turn.answer, len(turn.reply)) == (State.DONE, "Hello", 9)
    assert await scene.ask() == "Hello"
    assert scene.upstream.calls == 4


async def test_tools_are_offered_with_their_schema(scene: Scene) -> None:
    scene.upstream.queue(say("Hello"))
    await scene.ask()
    offered = scene.upstream.requests[0].body["tools"]
    assert [tool["function"]["name"] for tool in offered] == ["meet", "add"]
    assert offered[1]["function"]["parameters"]["required"] == ["a", "b"]


@pytest.mark.parametrize("answered", range(4))
@pytest.mark.parametrize(
    "end",
    [refuse(500), Answer((ROLE, delta("par"), Fault.RESET)), Answer((ROLE, Fault.CLOSE))],
    ids=["500", "reset", "close"],
)
async def test_whatever_ends_it_the_model_never_sees_a_call_without_its_result(
    scene: Scene, answered: int, end: Answer
) -> None:
    """The upstream server is as strict as the real one: a dangling call would be a 400."""
    scene.upstream.queue(*ROUNDS[:answered], end, say("well"))
    assert await scene.ask()
    assert (await scene.store.threads.load("anybody", "t"))[0].state is State.FAILED
    assert await scene.ask("next", "r2") == "well"
    assert [m["content"] for m in scene.upstream.requests[-1].body["messages"]] == ["next"]


async def test_a_model_that_calls_for_ever_is_ended_kindly(scene: Scene) -> None:
    scene.upstream.queue(*[ROUNDS[1]] * 8, say("well"))
    assert "The model did not come to an answer" in await scene.ask()
    assert await scene.ask("next", "r2") == "well"
