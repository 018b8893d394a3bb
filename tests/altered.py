"""A memory store whose turns or threads do something else than they should, as one test needs it."""

import asyncio
import secrets
from typing import TypeVar

from c1fn.stores.memory import MemoryStore
from c1fn.stores.memory.turns import MemoryTurns

_T = TypeVar("_T", bound=MemoryTurns)


def altered(kind: type[_T]) -> tuple[MemoryStore, _T]:
    """A store with such turns, and these turns."""
    store = MemoryStore()
    turns = kind(store.memory, asyncio.sleep, lambda: secrets.token_urlsafe(12))
    store.turns = turns
    return store, turns
