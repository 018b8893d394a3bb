"""The rows of the table, and their conversion from and to plain data. Pure: no call is made here.

| row        | pk                         | sk                     | holds                                |
|------------|----------------------------|------------------------|--------------------------------------|
| thread     | ``U#<owner>``              | ``<thread>``           | title, times, newest turn, the lock  |
| turn       | ``T#<owner>#<thread>#<g>`` | ``T#0000000001``       | state, attempt, responseId, texts    |
| part       | same                       | ``P#<token>#0001``     | a slice of a text too large for one  |
| checkpoint | same                       | ``S#<attempt>#000001`` | a piece of a running answer          |
| usage      | ``Q#<owner>``              | ``usage``              | what an owner used today             |

``g`` is the thread's generation, a random number. A thread id that is used again gets a new one, so that the
new thread shows nothing of the old one, and late writes to the old one cannot reach it.

Every row has ``v``, the version of its format. A damaged row, or one of a newer format, is read as far as
possible: an unknown lock counts as held, an unknown text as empty.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

import hashlib
import math
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from c1fn.errors import BadField, DamagedRow
from c1fn.stores import LEASE
from c1fn.stores.dynamodb.pack import Packed, unpack_turn
from c1fn.turn import Ask, Message, Source, State, Thread, Turn, Until

Item = dict[str, Any]

VERSION = 2
"""The form of the rows that this code writes. Rows without ``v`` are of version 1 (c1fn 0.1.0)."""

KEY_BYTES = 1000
"""Bytes of an owner or a thread id in a key; DynamoDB allows 2,048 for both and 1,024 for the second."""

SLOT = 900
"""Seconds within which a thread's place in its owner's list stays: moving it costs two writes."""

TOMBSTONES = 86_400
"""Seconds for which a deleted thread's rows refuse late writers: no machine runs one turn for a day. By as
much a thread's row outlives the rows of its turns."""

GONE = "gone"
"""The state of a turn's row after its thread was deleted: it refuses whoever still wants to write there."""


def S(text: str) -> Item:  # noqa: N802 - DynamoDB's own name of the type, as N and B below
    return {"S": text}


def N(number: float) -> Item:  # noqa: N802
    return {"N": repr(number)}


def B(data: bytes) -> Item:  # noqa: N802
    return {"B": data}


YES = {"BOOL": True}

V = {"v": N(VERSION)}
"""What every new row says of its form."""


def text_of(item: Item, name: str) -> str | None:
    """The attribute, if it is a text."""
    value = item.get(name)
    text = value.get("S") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


def number_of(item: Item, name: str) -> float | None:
    """The attribute, if it is a number."""
    value = item.get(name)
    with suppress(TypeError, ValueError):
        return float(value["N"]) if isinstance(value, dict) and "N" in value else None
    return None


def _escaped(name: str) -> str:
    """A name without the separator, so that no two names make one key."""
    escaped = name.replace("%", "%25").replace("#", "%23")
    with suppress(UnicodeEncodeError):
        if 0 < len(escaped.encode()) <= KEY_BYTES:
            return escaped
    raise BadField(f"An id must have 1 to {KEY_BYTES} bytes of text.", field="threadId")


def thread_key(owner: str, thread_id: str) -> Item:
    _escaped(thread_id)
    return {"pk": S(f"U#{_escaped(owner)}"), "sk": S(thread_id)}


def usage_key(owner: str) -> Item:
    return {"pk": S(f"Q#{_escaped(owner)}"), "sk": S("usage")}


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
    return f"T#{number:010}"


def part_sk(token: str, index: int) -> str:
    return f"P#{token}#{index:04}"


def checkpoint_sk(attempt: str, index: int) -> str:
    return f"S#{attempt}#{index:06}"


def fence_of(attempt: str) -> str:
    """Who writes the interrupted turn of a dead attempt: always the same, so that two may do it at once."""
    return f"{attempt}!"


def prompt_hash(prompt: Message) -> bytes:
    """What makes a prompt the same: its role and text, not the id that the client gave the message."""
    text = f"{prompt.role}\n{prompt.content}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()


def names(*expressions: str) -> dict[str, str]:
    """ExpressionAttributeNames: every ``#name`` in the expressions stands for ``name``."""
    return {f"#{name}": name for text in expressions for name in re.findall(r"#(\w+)", text)}


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many seconds what is written is kept; 0 is for ever.

    What is past its time is not shown, whether it has an ``expires_at`` or was written before there was a
    retention: DynamoDB deletes late, and a command gives old rows their time.
    """

    seconds: float = 0

    def until(self, now: float) -> int | None:
        """When something that is written now expires."""
        return int(now + self.seconds) if self.seconds else None

    def row(self, now: float) -> int | None:
        """When a thread's row expires that is used now: later than all that this use can write."""
        return int(now + self.seconds + TOMBSTONES) if self.seconds else None

    def oldest(self, now: float) -> float:
        """What was used at this time or before is too old to be shown."""
        return now - self.seconds if self.seconds else -math.inf


def expiry(until: float | None) -> Item:
    return {} if until is None else {"expires_at": N(int(until))}


@dataclass(frozen=True, slots=True)
class Lock:
    """Who runs a turn on a thread, and until when: it stands in the thread's row, as ``run``.

    ``attempt`` is the fencing token; ``until`` ends the lease. ``replaces``: the attempt of the stored turn
    that is run again. ``followed``: somebody in another process wants to read the answer as it grows.
    """

    response_id: str
    attempt: str
    until: float
    started: float
    hash: bytes
    prompt: Packed | None
    replaces: str | None = None
    stop: bool = False
    followed: bool = False

    @classmethod
    def of(cls, ask: Ask, attempt: str, now: float, prompt: Packed) -> "Lock":
        return cls(ask.response_id, attempt, now + LEASE, now, prompt_hash(ask.prompt), prompt)

    @classmethod
    def read(cls, value: Item) -> "Lock":
        """Never fails: a lock that cannot be understood is held, for as long as it stands there."""
        try:
            run = value["M"]
            return cls(
                response_id=run["response"]["S"],
                attempt=run["attempt"]["S"],
                until=float(run["until"]["N"]),
                started=float(run["started"]["N"]),
                hash=bytes(run["hash"]["B"]),
                prompt=Packed.read_or_none(run["prompt"]),
                replaces=text_of(run, "replaces"),
                stop="stop" in run,
                followed="followed" in run,
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls("", "", math.inf, 0.0, b"", None)

    @property
    def value(self) -> Item:
        run = {
            "response": S(self.response_id),
            "attempt": S(self.attempt),
            "until": N(self.until),
            "started": N(self.started),
            "hash": B(self.hash),
        }
        if self.prompt is not None:
            run["prompt"] = self.prompt.value
        if self.replaces is not None:
            run["replaces"] = S(self.replaces)
        return {"M": run}


@dataclass(frozen=True, slots=True)
class Forked:
    """The fork that made a thread: it stands in the thread's row, as ``forked``. ``until`` is what was asked
    for, ``source`` what that came to.
    """

    source: Source
    until: Until

    @classmethod
    def read(cls, value: Item) -> "Forked | None":
        """Never fails: what cannot be understood was not there."""
        made = value.get("M", {})
        thread_id = text_of(made, "thread")
        if thread_id is None:
            return None
        until = Until(text_of(made, "until"), taken="before" not in made)
        return cls(Source(thread_id, text_of(made, "response")), until)

    @property
    def value(self) -> Item:
        told = {
            "thread": self.source.thread_id,
            "response": self.source.response_id,
            "until": self.until.response_id,
        }
        made = {name: S(text) for name, text in told.items() if text is not None}
        return {"M": made if self.until.taken else made | {"before": YES}}


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A thread's row. ``last`` is the attempt that wrote the turn number ``n``; both lag behind the turns
    by one while a committed turn is not released yet.

    ``generation``: None in rows of version 1 that were never deleted. ``draft``: the attempt whose lock made
    the row, as long as nobody else asked for the thread. ``sweep``: its deletion is not complete.
    ``named``: a random token of the last renaming. ``context``: the tokens of its last turn.
    ``importing``: its turns are being written, and until then they are not to be swept (hidden.py).
    """

    id: str
    title: str = ""
    created: float = 0
    updated: float = 0
    n: int = 0
    last: str | None = None
    generation: int | None = None
    lock: Lock | None = None
    draft: str | None = None
    gone: bool = False
    sweep: bool = False
    expires: float | None = None
    slot: int | None = None
    named: str | None = None
    context: int = 0
    importing: float | None = None
    forked: Forked | None = None

    @classmethod
    def read(cls, item: Item) -> "ThreadRow":
        """Never fails: what cannot be understood is left out."""
        generation, slot = number_of(item, "generation"), number_of(item, "slot")
        return cls(
            id=item["sk"]["S"],
            title=text_of(item, "title") or "",
            created=number_of(item, "created") or 0.0,
            updated=number_of(item, "updated") or 0.0,
            n=int(number_of(item, "n") or 0),
            last=text_of(item, "last"),
            generation=None if generation is None else int(generation),
            lock=Lock.read(item["run"]) if "run" in item else None,
            draft=text_of(item, "draft"),
            gone="gone" in item,
            sweep="sweep" in item,
            expires=number_of(item, "expires_at"),
            slot=None if slot is None else int(slot),
            named=text_of(item, "named"),
            context=int(number_of(item, "context") or 0),
            importing=number_of(item, "importing"),
            forked=Forked.read(item["forked"]) if "forked" in item else None,
        )

    def is_there(self, now: float, retention: Retention) -> bool:
        """Whether people may see it: DynamoDB takes days to delete what has expired."""
        expired = self.expires is not None and self.expires <= now
        return not (self.gone or expired or self.updated <= retention.oldest(now))

    def is_imported(self, now: float) -> bool:
        """Whether its turns are being written: then it is shown."""
        return self.sweep and self.importing is not None and self.importing > now

    @property
    def running_number(self) -> int:
        """The number of the turn that runs: the next one, or the newest one again."""
        return self.n if self.lock and self.lock.replaces else self.n + 1

    def alive(self, now: float) -> Lock | None:
        """The lock, if its lease is not over."""
        return self.lock if self.lock and self.lock.until > now else None

    def noun(self, now: float) -> Thread:
        running = self.alive(now) is not None
        source = self.forked.source if self.forked else None
        return Thread(self.id, self.title, self.created, self.updated, running, source)


@dataclass(frozen=True, slots=True)
class TurnRow:
    """A turn's row, its texts still packed. ``state`` is None where the row cannot be understood.

    ``saved``: a random token of the last revision.
    """

    number: int
    response_id: str
    attempt: str
    state: State | None
    started: float
    hash: bytes
    body: Packed
    revised: Packed | None = None
    error: str | None = None
    detail: str | None = None
    saved: str | None = None
    expires: float | None = None

    @classmethod
    def read(cls, item: Item) -> "TurnRow":
        """Never fails: a row that is damaged or newer than this version is read as far as it can be."""
        number, started = int(item["sk"]["S"][2:]), number_of(item, "started") or 0.0
        expires = number_of(item, "expires_at")
        try:
            return cls(
                number=number,
                response_id=item["response"]["S"],
                attempt=item["attempt"]["S"],
                state=State(item["state"]["S"]),
                started=started,
                hash=bytes(item["hash"]["B"]),
                body=Packed.read(item["body"]),
                revised=Packed.read_or_none(item["revised"]) if "revised" in item else None,
                error=text_of(item, "error"),
                detail=text_of(item, "detail"),
                saved=text_of(item, "saved"),
                expires=expires,
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            response, attempt = text_of(item, "response") or "", text_of(item, "attempt") or ""
            return cls(number, response, attempt, None, started, b"", Packed(), expires=expires)

    @property
    def value(self) -> Item:
        """The row's attributes, without its key."""
        assert self.state is not None
        row = {
            "response": S(self.response_id),
            "attempt": S(self.attempt),
            "state": S(self.state),
            "started": N(self.started),
            "hash": B(self.hash),
            "body": self.body.value,
        }
        why = {"error": self.error, "detail": self.detail}
        return V | row | expiry(self.expires) | {name: S(text) for name, text in why.items() if text}

    @property
    def answered(self) -> bool:
        """Whether this responseId must not reach the model again; what cannot be read may be an answer."""
        return self.state in (State.DONE, State.STOPPED, None)

    def noun(self, body: bytes, revised: str | None) -> Turn:
        """:raises DamagedRow: the turn cannot be read."""
        if self.state is None:
            raise DamagedRow
        prompt, reply, usage = unpack_turn(body)
        return Turn(
            self.number,
            self.response_id,
            self.state,
            prompt,
            self.started,
            reply,
            usage,
            self.error,
            revised,
            self.detail,
        )

    def damaged(self) -> Turn:
        """What is shown in the place of a turn that cannot be read."""
        nothing = Message("user", "")
        code = DamagedRow.code
        return Turn(self.number, self.response_id, State.FAILED, nothing, self.started, error=code)

    def same_writing(self, other: "TurnRow") -> bool:
        """Whether both are the same write: its reply was lost, and it was sent again."""
        ours, theirs = (
            (row.attempt, row.state, row.error, row.body.token or row.body.data) for row in (self, other)
        )
        return ours == theirs
