"""The keys of the table's rows: rows.py tells which row has which.

An owner or an id is a part of a key, so its separator is escaped. Two names never make the same key.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from c1fn.errors import BadField
from c1fn.stores.dynamodb.items import Item, S

if TYPE_CHECKING:
    from c1fn.stores.dynamodb.rows import ThreadRow

KEY_BYTES = 1000
"""Bytes of an owner or a thread id in a key; DynamoDB allows 2,048 for both and 1,024 for the second."""


def _escaped(name: str) -> str:
    """A name without the separator, so that no two names make one key."""
    escaped = name.replace("%", "%25").replace("#", "%23")
    with suppress(UnicodeEncodeError):
        if 0 < len(escaped.encode()) <= KEY_BYTES:
            return escaped
    raise BadField(f"An id must have 1 to {KEY_BYTES} bytes of text.", field="threadId")


def unescaped(name: str) -> str:
    """The name that was escaped in a key."""
    return name.replace("%23", "#").replace("%25", "%")


def thread_key(owner: str, thread_id: str) -> Item:
    """Of a thread's row: all threads of an owner are in one partition.

    :raises BadField: no key can hold the id.
    """
    _escaped(thread_id)
    return {"pk": S(f"U#{_escaped(owner)}"), "sk": S(thread_id)}


def usage_key(owner: str) -> Item:
    """Of an owner's usage row."""
    return {"pk": S(f"Q#{_escaped(owner)}"), "sk": S("usage")}


OF_SHARES = "share#"
"""How the second keys of an owner's shared links begin."""


def share_key(owner: str, token: str) -> Item:
    """Of a link in its owner's list."""
    return usage_key(owner) | {"sk": S(f"{OF_SHARES}{token}")}


def link_key(token: str) -> Item:
    """Of the row that whoever has the link is led to."""
    return {"pk": S(f"H#{_escaped(token)}"), "sk": S("share")}


@dataclass(frozen=True, slots=True)
class ThreadKey:
    """One generation of one thread."""

    owner: str
    thread_id: str
    generation: int = 0

    @property
    def row(self) -> Item:
        """The key of the thread's row, the same in all generations."""
        return thread_key(self.owner, self.thread_id)

    @property
    def pk(self) -> str:
        """Where the rows of its turns are."""
        return f"T#{_escaped(self.owner)}#{_escaped(self.thread_id)}#{self.generation}"

    def of(self, row: "ThreadRow") -> "ThreadKey":
        """The generation that the thread's row tells of."""
        return ThreadKey(self.owner, self.thread_id, row.generation or 0)


def turn_sk(number: int) -> str:
    """The second key of a turn's row; turns sort by number."""
    return f"T#{number:010}"


def part_sk(token: str, index: int) -> str:
    """The second key of one part of a text that is too long for its row."""
    return f"P#{token}#{index:04}"


def checkpoint_sk(attempt: str, index: int) -> str:
    """The second key of one piece of a running answer."""
    return f"S#{attempt}#{index:06}"


def fence_of(attempt: str) -> str:
    """Who writes the interrupted turn of a dead attempt: always the same, so that two may do it at once."""
    return f"{attempt}!"


def row_key(key: ThreadKey, sk: str) -> Item:
    """The whole key of a row of this thread."""
    return {"pk": S(key.pk), "sk": S(sk)}
