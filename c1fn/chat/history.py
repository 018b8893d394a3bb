"""Selects the earlier turns that the model gets: the newest that fit, cut in steps.

A provider caches the beginning of a request, and the cached part is useless when the first message changes.
So a history that is too long is cut to half of the limit, and then grows again: its beginning stays the same
for many turns. The place of a cut depends only on the turns themselves, so that every process cuts at the
same place.

A model's limit is learned from its errors. The size that was rejected on a thread is remembered for that
thread only, so that its history is cut before the next request.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import accumulate

from c1fn.stores import Claim
from c1fn.turn import Message, Turn
from c1fn.turn.transcript import estimated_tokens, for_model, kept

THREADS = 1_000
"""Number of threads whose rejected sizes are remembered, the newest; an entry takes about 300 bytes."""


class Histories:
    """The histories of one process' threads.

    :param turns: maximum number of earlier turns that the model gets.
    :param tokens: their estimated tokens, at most.
    """

    def __init__(self, turns: int, tokens: int) -> None:
        self._turns = turns
        self._tokens = tokens
        self._refused: OrderedDict[tuple[str, str], int] = OrderedDict()

    def of(self, claim: Claim, reply: Iterable[Message] = ()) -> Sequence[Turn]:
        """The earlier messages that fit before this claim's prompt and the messages after it."""
        earlier = claim.number - 1 - (claim.waiting is not None)
        turns = claim.history[_steps(earlier, len(claim.history), self._turns) :]
        limit = self._refused.get((claim.ask.owner, claim.ask.thread_id))
        asked = [estimated_tokens([turn.prompt]) for turn in turns[1:]]
        waiting = [claim.waiting] if claim.waiting else []
        asked.append(estimated_tokens([*for_model(waiting, claim.ask.prompt), *reply]))
        sizes = (estimated_tokens(kept(turn)) for turn in turns)
        until = list(accumulate(sizes, initial=0))
        start = 0
        for end, prompt in enumerate(asked[: len(turns)], 1):
            room = self._tokens if limit is None else min(self._tokens, limit - 1 - prompt)
            start = _cut(until, start, end, room)
        return turns[start:]

    def refused(self, claim: Claim, messages: Iterable[Message]) -> None:
        """These messages were too long for the model."""
        thread = (claim.ask.owner, claim.ask.thread_id)
        size = estimated_tokens(messages)
        self._refused[thread] = min(size, self._refused.pop(thread, size))
        if len(self._refused) > THREADS:
            self._refused.popitem(last=False)


def _steps(earlier: int, known: int, most: int) -> int:
    """How many of the known turns to leave out, so that at most so many of the earlier ones are left: none,
    or a multiple of half of them, counted from the thread's beginning.
    """
    step = max(1, most // 2)
    left_out = step * -(-max(0, earlier - most) // step)
    return max(0, left_out - (earlier - known))


def _cut(until: Sequence[int], start: int, end: int, room: int) -> int:
    """Where the turns from ``start`` to before ``end`` begin to fit: if they do not, the first whose rest
    takes half of the room, or the newest one that fits at all.

    :param until: the tokens of all turns before each.
    """
    if until[end] - until[start] <= room:
        return start
    while start < end and until[end] - until[start] > room // 2:
        if start == end - 1 and until[end] - until[start] <= room:
            break
        start += 1
    return start
