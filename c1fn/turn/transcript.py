"""What the model sees of a thread: the messages of its turns, in order, and an estimate of their tokens.

A model's server rejects a tool call without its result, and a result without its call. So the calls of a
waiting turn are followed by their results in every case: those of the turn that resumed it, or a sentence.
"""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby, takewhile

from c1fn.turn import Message, State, ToolCall, Turn

NOT_APPROVED = "This call was not made: nobody approved it, or its result never came."
REFUSED = "The person refused this call, so it was not made. Do not make it again."
UNKNOWN = "This call was approved, and it is not known whether it was made. It was not made again."


def for_model(
    history: Iterable[Turn], prompt: Message | None = None, reply: Sequence[Message] = ()
) -> list[Message]:
    """The messages that the model may see, oldest first: of earlier turns, and after them the prompt and what
    there is of its reply.

    Failed, interrupted and running turns are left out, but for the results that a failed one brought; a
    stopped one counts if it said something.
    """
    messages: list[Message] = []
    waiting: Turn | None = None
    for turn in history:
        messages += _results(waiting, turn.prompt, turn.reply)
        messages += _said(turn.prompt, turn.reply, waiting) if _counts(turn) else ()
        waiting = turn if turn.pending else None
    if prompt is None:
        messages += [] if waiting is None else [result(call, NOT_APPROVED) for call in waiting.pending]
    else:
        messages += [*_results(waiting, prompt, reply), *_said(prompt, reply, waiting)]
    return _in_order(messages)


def brought_by(after: Turn, waiting: Turn) -> list[Message]:
    """The results of a waiting turn's calls, as the turn ``after`` it leaves them."""
    return _results(waiting, after.prompt, after.reply)


def _results(waiting: Turn | None, prompt: Message, reply: Sequence[Message]) -> list[Message]:
    """The results of a waiting turn's calls, if one waits, as the prompt and reply after it leave them."""
    if waiting is None:
        return []
    resume = prompt.resume
    if resume is None or not _resumes(prompt, waiting):
        return [result(call, NOT_APPROVED) for call in waiting.pending]
    brought = _brought(reply)
    if [message.tool_call_id for message in brought] == [call.id for call in waiting.pending]:
        return brought
    return [result(call, UNKNOWN if resume.approves(call) else NOT_APPROVED) for call in waiting.pending]


def _in_order(messages: Iterable[Message]) -> list[Message]:
    """The results of a message's calls in the order of the calls, whoever made them, and when: a model whose
    chat template has no ids tells them apart by their places.
    """
    ordered: list[Message] = []
    for are_results, group in groupby(messages, lambda message: message.role == "tool"):
        several = [*group]
        if are_results and ordered:
            places = {call.id: at for at, call in enumerate(ordered[-1].tool_calls)}
            several.sort(key=lambda message: places.get(message.tool_call_id or "", len(places)))
        ordered += several
    return ordered


def result(call: ToolCall, problem: str) -> Message:
    """The result of a call that was not made."""
    return Message("tool", json.dumps({"error": problem}), tool_call_id=call.id)


def kept(turn: Turn) -> Sequence[Message]:
    """The messages of one turn that may be sent to the model with later prompts, at most."""
    return (turn.prompt, *turn.reply) if _counts(turn) else _brought(turn.reply)


def _said(prompt: Message, reply: Sequence[Message], waiting: Turn | None) -> Sequence[Message]:
    """A turn's messages, without the results that it brought. With them its prompt is said, unless it speaks
    to the model, too.
    """
    rest = reply[len(_brought(reply)) :]
    return (prompt, *rest) if prompt.speaks or not _resumes(prompt, waiting) else rest


def _counts(turn: Turn) -> bool:
    return turn.state in (State.DONE, State.WAITING) or (turn.state is State.STOPPED and turn.answer != "")


def _brought(reply: Iterable[Message]) -> list[Message]:
    """The results with which the reply of a turn begins that resumed another one."""
    return list(takewhile(lambda message: message.role == "tool", reply))


def _resumes(prompt: Message, waiting: Turn | None) -> bool:
    resume = prompt.resume
    return waiting is not None and resume is not None and resume.response_id == waiting.response_id


CHARACTERS_PER_TOKEN = 3
"""An estimate on the safe side: C1's escaped JSON takes about 3 characters a token, prose about 4."""


def estimated_tokens(messages: Iterable[Message]) -> int:
    """What these messages take, tool calls and opaque parts included: an estimate on the safe side."""
    texts = sum(
        len(m.content) + len(m.opaque or "") + sum(len(call.arguments) for call in m.tool_calls)
        for m in messages
    )
    return -(-texts // CHARACTERS_PER_TOKEN)
