"""How a turn begins that resumes a waiting one: with the results of the calls that wait.

A call that was approved is made once, with the arguments that were stored when the person was asked. If this
turn is run again after a failure, the call is not made again: its result was stored, or it is not known.
"""

import json
from collections.abc import Awaitable, Callable, Sequence

from c1fn.chat.tools import Tools
from c1fn.stores import Claim
from c1fn.turn import Message, Resume, ToolCall
from c1fn.turn.transcript import NOT_APPROVED, REFUSED, brought_by, result

Run = Callable[[Sequence[ToolCall]], Awaitable[list[Message]]]


async def results(claim: Claim, tools: Tools, run: Run) -> list[Message]:
    """The results of all pending calls, in their order; none if this turn resumes no other.

    :param run: makes calls.
    """
    waiting, resume = claim.waiting, claim.ask.prompt.resume
    if waiting is None or resume is None:
        return []
    if claim.earlier:
        return brought_by(claim.earlier, waiting)
    made = await run([call for call in waiting.pending if resume.approves(call) and call.name in tools])
    known = {message.tool_call_id: message for message in made} | _clients(resume, waiting.pending, tools)
    refused = _refused(claim, tools)
    return [
        known.get(call.id) or result(call, REFUSED if call in refused else NOT_APPROVED)
        for call in waiting.pending
    ]


def _refused(claim: Claim, tools: Tools) -> list[ToolCall]:
    """The calls that the person was asked about and did not approve. Who typed a prompt did not answer."""
    waiting, resume = claim.waiting, claim.ask.prompt.resume
    if waiting is None or resume is None or claim.ask.prompt.speaks:
        return []
    return [call for call in waiting.pending if call.name in tools and not resume.approves(call)]


class Refused:
    """The calls that the person has just refused. A model may ask for them again at once: nobody is asked
    about the same call twice in one turn.
    """

    def __init__(self, claim: Claim, tools: Tools) -> None:
        self._calls = [_meaning(call) for call in _refused(claim, tools)]

    def __contains__(self, call: ToolCall) -> bool:
        return bool(self._calls) and _meaning(call) in self._calls


def _meaning(call: ToolCall) -> tuple[str, object]:
    """What a call asks for, however its JSON is written."""
    try:
        return call.name, json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return call.name, call.arguments


def _clients(resume: Resume, pending: Sequence[ToolCall], tools: Tools) -> dict[str | None, Message]:
    """What the client's own tools returned. It has no say about ours."""
    texts = dict(resume.results)
    return {
        call.id: Message("tool", texts[call.id], tool_call_id=call.id)
        for call in pending
        if call.id in texts and call.name not in tools
    }
