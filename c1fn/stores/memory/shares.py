"""Shared links in memory."""

from collections.abc import Callable, Sequence

from c1fn.errors import NotFound, ShareUsedUp, TooManyShares
from c1fn.stores import DAY, kilobytes
from c1fn.stores.memory.state import Link, Memory
from c1fn.stores.shares import SHARES, VIEWS, Share
from c1fn.turn import ANSWERED, Turn


class MemoryShares:
    """``Shares`` in memory."""

    def __init__(self, memory: Memory, token: Callable[[], str]) -> None:
        self._memory = memory
        self._token = token

    async def create(self, owner: str, thread_id: str, seconds: float) -> Share:
        thread, now = self._memory.get(owner, thread_id), self._memory.clock()
        if len(self._of(owner)) >= SHARES:
            raise TooManyShares
        self._memory.write(owner, kilobytes(thread.title))
        answered = (turn.number for turn in reversed(thread.turns) if turn.state in ANSWERED)
        token = self._token() + self._token()
        share = Share(token, thread_id, thread.title, next(answered, 0), now, now + seconds)
        self._memory.links[token] = Link(owner, thread, share)
        return share

    async def list(self, owner: str) -> tuple[Share, ...]:
        mine = [link.share for link in self._of(owner) if self._is_there(link)]
        return tuple(sorted(mine, key=lambda share: (share.created, share.token), reverse=True))

    async def revoke(self, owner: str, token: str) -> None:
        link = self._memory.links.get(token)
        if link is None or link.owner != owner or not self._is_valid(link):
            raise NotFound("There is no such link.")
        del self._memory.links[token]

    async def view(self, token: str, *, before: int | None, limit: int) -> tuple[Share, tuple[Turn, ...]]:
        link = self._memory.links.get(token)
        if link is None or not self._is_valid(link):
            raise NotFound("There is no such link.")
        today = int(self._memory.clock() // DAY)
        if link.day != today:
            link.day, link.views = today, 0
        if link.views >= VIEWS:
            raise ShareUsedUp(retry_after=DAY - self._memory.clock() % DAY)
        link.views += 1
        share = link.share
        if not self._is_there(link):
            raise NotFound("There is no such link.")
        end = share.last if before is None else min(share.last, before - 1)
        return share, tuple(link.thread.turns[max(0, end - limit) : max(0, end)])

    def _of(self, owner: str) -> Sequence[Link]:
        links = self._memory.links.values()
        return [link for link in links if link.owner == owner and self._is_valid(link)]

    def _is_there(self, link: Link) -> bool:
        """Whether its thread is still the one that was shared."""
        return self._memory.find(link.owner, link.share.thread_id) is link.thread

    def _is_valid(self, link: Link) -> bool:
        return link.share.expires > self._memory.clock()
