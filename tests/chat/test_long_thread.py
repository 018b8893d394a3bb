"""A conversation of 60 turns with a model that takes 8,000 tokens: it never stops, and its beginning is kept.

A provider reads a request's beginning from its cache if that is the same as in the request before.
"""

import json
from typing import Any

from c1fn.chat.converse import Chat
from c1fn.chat.rounds import Limits
from c1fn.chat.tools import Tools
from c1fn.models.c1 import C1Model
from c1fn.stores.memory import MemoryStore
from c1fn.turn import Ask, Message, State
from tests.models.strict import complaint
from tests.upstream import Answer, Request, Upstream, refuse, say

CONTEXT, TURNS = 8_000, 60
PROMPT, ANSWER = "Tell me more of it. " * 10, "It goes on like this, in plain words. " * 40
"""50 tokens and 380, at four characters a token."""


def tokens(messages: list[dict[str, Any]]) -> int:
    return sum(len(message["content"]) for message in messages) // 4


class Small:
    """A server with a small context, that says so in the words of llama.cpp's."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refused = 0

    def __call__(self, request: Request) -> Answer:
        messages = request.body["messages"]
        assert complaint(messages) is None
        if tokens(messages) > CONTEXT:
            self.refused += 1
            return refuse(400, message="the request exceeds the available context size, try increasing it")
        self.taken.append(json.dumps(messages)[1:-1])
        return say(ANSWER)

    @property
    def kept(self) -> int:
        """Requests whose beginning is at least 90 % of the one before."""
        pairs = zip(self.taken, self.taken[1:], strict=False)
        return sum(after.startswith(before[: len(before) * 9 // 10]) for before, after in pairs)


async def converse(**limits: int) -> tuple[Small, list[State]]:
    server = Small()
    given = {"history_turns": 20, "history_tokens": 100_000, **limits}
    async with Upstream(server) as upstream:
        model = C1Model(api_key="k", base_url=upstream.url, model="m", max_retries=0)
        chat = Chat(
            MemoryStore(),
            model,
            Tools(),
            Limits(max_answer=100_000, max_seconds=300, max_rounds=1, waits=False, **given),
            lambda _: None,
        )
        for number in range(TURNS):
            reply = await chat.begin(Ask("o", "t", f"r{number}", Message("user", f"{number}. {PROMPT}")))
            while not reply.ended:
                await reply.take(60)
        states = [turn.state for turn in await chat.store.threads.load("o", "t")]
        await chat.aclose()
    return server, states


async def test_every_prompt_is_answered_and_most_requests_begin_as_the_one_before() -> None:
    server, states = await converse()
    assert states == [State.DONE] * TURNS
    assert server.refused <= 2
    assert server.kept >= 50, server.kept


async def test_so_it_is_where_as_many_turns_are_allowed_as_the_model_takes_many_times() -> None:
    server, states = await converse(history_turns=1000)
    assert states == [State.DONE] * TURNS
    assert server.refused <= 2
    assert server.kept >= 53, server.kept
