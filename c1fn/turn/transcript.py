"""What the model sees of a thread: the messages of its turns, in order, and an estimate of their tokens.

A model's server rejects a tool call without its result, and a result without its call. So the calls of a
waiting turn are followed by their results in every case: those of the turn that resumed it, or a sentence.
"""

import json
from collections.abc import Iterable, Sequence
from itertools import takewhile

from c1fn.turn import Message, State, ToolCall, Turn

NOT_APPROVED = "This call was not made: nobody approved it, or its result never came."
REFUSED = "The person refused this call, so it was not made. Do not make it again."
UNKNOWN = "This call was approved, and it is not known whether it was made. It was not made again."


def for_model(history: Iterable[Turn], prompt: Message | None = None) -> list[Message]:
    """The messages that the model may see, oldest first: of earlier turns, and the prompt after them.

    Failed, interrupted and running turns are left out, but for the results that a failed one brought; a
    stopped one counts if it said something.
    """
    messages: list[Message] = []
    waiting: Turn | None = None
    for turn in history:
        if waiting is not None:
            messages += brought_by(turn, waiting)
        messages += _said(turn, has_results=_resumes(turn.prompt, waiting))
        waiting = turn if turn.pending else None
    if prompt is None or not _resumes(prompt, waiting):
        messages += [] if waiting is None else [result(call, NOT_APPROVED) for call in waiting.pending]
        messages += [] if prompt is None else [prompt]
    return messages


def brought_by(after: Turn, waiting: Turn) -> list[Message]:
    """The results of a waiting turn's calls, as the turn ``after`` it leaves them."""
    resume = after.prompt.resume
    if resume is None or not _resumes(after.prompt, waiting):
        return [result(call, NOT_APPROVED) for call in waiting.pending]
    brought = _brought(after)
    if [message.tool_call_id for message in brought] == [call.id for call in waiting.pending]:
        return brought
    return [result(call, UNKNOWN if resume.approves(call) else NOT_APPROVED) for call in waiting.pending]


def result(call: ToolCall, problem: str) -> Message:
    """The result of a call that was not made."""
    return Message("tool", json.dumps({"error": problem}), tool_call_id=call.id)


def kept(turn: Turn) -> Sequence[Message]:
    """The messages of one turn that may be sent to the model with later prompts, at most."""
    return (turn.prompt, *turn.reply) if _counts(turn) else _brought(turn)


def _said(turn: Turn, *, has_results: bool) -> Sequence[Message]:
    """A turn's messages, without the results that it brought. With them its prompt is said."""
    if not _counts(turn):
        return ()
    rest = turn.reply[len(_brought(turn)) :]
    return rest if has_results else (turn.prompt, *rest)


def _counts(turn: Turn) -> bool:
    return turn.state in (State.DONE, State.WAITING) or (turn.state is State.STOPPED and turn.answer != "")


def _brought(turn: Turn) -> list[Message]:
    """The results with which a turn begins that resumed another one."""
    return list(takewhile(lambda message: message.role == "tool", turn.reply))


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
