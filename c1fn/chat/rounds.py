"""The rounds of one turn: a model call, the tools that it requests, and the next model call with their
results.

All text is recorded in the draft as it arrives, so that a turn can end at any point.
"""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import assert_never

from c1fn.chat import resuming
from c1fn.chat.draft import Draft
from c1fn.chat.event_queue import EventQueue
from c1fn.chat.history import Histories
from c1fn.chat.tools import Tools
from c1fn.errors import AnswerEmpty, ContextTooLong, ModelError, TooManyRounds
from c1fn.events import Called, Delta, Ended, Returned
from c1fn.models import Model
from c1fn.turn import Ask, Message, ToolCall, ToolSpec, Usage
from c1fn.turn.transcript import REFUSED, for_model, result


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings of the same names: counts, tokens, bytes (`max_answer`), seconds.

    ``waits``: a prompt waits for a busy thread.
    """

    history_turns: int
    history_tokens: int
    max_answer: int
    max_seconds: float
    max_rounds: int
    waits: bool = False


class Rounds:
    """Answers prompts, with the model, the tools and the limits of this process."""

    def __init__(self, model: Model, tools: Tools, limits: Limits) -> None:
        self._model = model
        self._tools = tools
        self._limits = limits
        self._histories = Histories(limits.history_turns, limits.history_tokens)

    async def answer(self, draft: Draft, queue: EventQueue) -> None:
        """Call the model until it requests no more tools, or one that waits for a person's approval or for
        the client: the turn then ends with it. Its text goes to the draft and to the queue.

        :raises ModelError: the model fails, or its answer is empty or too long.
        """
        try:
            await self._answer(draft, queue)
        finally:
            self._tools.servers.end(draft.claim.ask)

    async def _answer(self, draft: Draft, queue: EventQueue) -> None:
        draft.messages += await resuming.results(
            draft.claim, self._tools, lambda calls: self._run(calls, draft, queue)
        )
        refused = resuming.Refused(draft.claim, self._tools)
        while calls := await self._fitting_round(draft, queue):
            if draft.rounds >= self._limits.max_rounds:
                raise TooManyRounds
            draft.grow((call.arguments for call in calls), self._limits.max_answer)
            waits = {tool.name for tool in self._of_the_client(draft.claim.ask)}
            again = [call for call in calls if call in refused]
            others = [call for call in calls if call not in again and call.name not in waits]
            made = await self._run([c for c in others if not self._tools.asks(c)], draft, queue)
            draft.close_round(calls, [*made, *(result(call, REFUSED) for call in again)])
            if draft.waits:
                return

    def _of_the_client(self, ask: Ask) -> list[ToolSpec]:
        """The client's own tools: a call of one is the client's to make. None has the name of one of ours."""
        return [tool for tool in ask.tools if tool.name not in self._tools]

    async def _run(self, calls: Sequence[ToolCall], draft: Draft, queue: EventQueue) -> list[Message]:
        if not calls:
            return []
        queue.say(Called(tuple(calls)))
        results = await self._tools.run(calls, draft.claim.ask, queue.say, draft.watch.working)
        draft.grow((result.content for result in results), self._limits.max_answer)
        queue.say(Returned(tuple(call.id for call in calls)))
        return results

    async def _fitting_round(self, draft: Draft, queue: EventQueue) -> tuple[ToolCall, ...]:
        """One round. If the model rejects the length, the history is halved until it accepts; only a prompt
        that is too long without any history fails.
        """
        while True:
            history = self._histories.of(draft.claim, draft.messages)
            waiting = [draft.claim.waiting] if draft.claim.waiting else []
            messages = for_model([*history, *waiting], draft.claim.ask.prompt, draft.messages)
            try:
                return await self._round(messages, draft, queue)
            except ContextTooLong:
                if not history or draft.text:
                    raise
                self._histories.refused(draft.claim, messages)

    async def _round(self, messages: list[Message], draft: Draft, queue: EventQueue) -> tuple[ToolCall, ...]:
        calls: tuple[ToolCall, ...] = ()
        usage, asked, heard = Usage(), True, False
        tools = (*await self._tools.specs(), *self._of_the_client(draft.claim.ask))
        try:
            with draft.watch.asking(self._model.name) as call:
                async with aclosing(self._model.stream(messages, tools)) as events:
                    async for event in events:
                        if not heard:
                            heard = True
                            call.hears()
                        match event:
                            case Delta(text):
                                draft.hear(text, self._limits.max_answer)
                                queue.say(event)
                            case Called():
                                calls = event.calls
                            case Ended(_, usage, error, opaque):
                                call.ends(event)
                                draft.keep(opaque, self._limits.max_answer)
                                if error:
                                    raise error
                            case _:
                                assert_never(event)
        except ModelError:
            asked = heard  # a model that did not begin takes nothing
            raise
        finally:
            if asked:
                draft.usage += usage if usage.tokens else draft.estimate(messages, calls)
        draft.rounds += 1
        if not calls and not draft.text.strip():
            raise AnswerEmpty
        return calls
