"""What stands in the table, and how it becomes nouns again. Pure: no call is made here.

| row        | pk                         | sk                     | holds                               |
|------------|----------------------------|------------------------|-------------------------------------|
| thread     | ``U#<owner>``              | ``<thread>``           | title, times, the last turn, the run|
| turn       | ``T#<owner>#<thread>#<g>`` | ``T#0000000001``       | state, attempt, responseId, texts   |
| part       | same                       | ``P#<token>#0001``     | a slice of a text too large for one |
| checkpoint | same                       | ``S#<attempt>#000001`` | a piece of a running answer         |
| usage      | ``Q#<owner>``              | ``usage``              | what an owner used today            |

``g`` is the thread's generation: an id that is used again after a deletion starts a new one, so that
nothing of the old thread, and no machine that still writes to it, can reach the new.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from c1fn.errors import BadField, DamagedRow
from c1fn.stores import LEASE
from c1fn.stores.dynamodb.pack import Packed, unpack_turn
from c1fn.turn import Ask, Message, State, Thread, Turn

Item = dict[str, Any]

KEY_BYTES = 1000
"""Bytes of an owner or a thread id in a key; DynamoDB allows 2,048 for both and 1,024 for the second."""

SLOT = 900
"""Seconds within which a thread's place in its owner's list stays: moving it costs two writes."""

TOMBSTONES = 86_400
"""Seconds for which a deleted thread's rows refuse late writers: no machine runs one turn for a day."""

GONE = "gone"
"""The state of a turn's row after its thread was deleted: it refuses whoever still wants to write there."""


def S(text: str) -> Item:  # noqa: N802 - DynamoDB's own name of the type, as N and B below
    return {"S": text}


def N(number: float) -> Item:  # noqa: N802
    return {"N": repr(number)}


def B(data: bytes) -> Item:  # noqa: N802
    return {"B": data}


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
class Spot:
    """One life of one thread."""

    owner: str
    thread_id: str
    generation: int = 0

    @property
    def key(self) -> Item:
        """The key of the thread's row, the same in all its lives."""
        return thread_key(self.owner, self.thread_id)

    @property
    def pk(self) -> str:
        """Where the rows of its turns are."""
        return f"T#{_escaped(self.owner)}#{_escaped(self.thread_id)}#{self.generation}"


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
class Run:
    """The turn that runs on a thread, as its row tells. ``replaces``: the attempt it overwrites."""

    response_id: str
    attempt: str
    until: float
    started: float
    hash: bytes
    prompt: Packed
    replaces: str | None = None
    stop: bool = False

    @classmethod
    def of(cls, ask: Ask, attempt: str, now: float, prompt: Packed) -> "Run":
        return cls(ask.response_id, attempt, now + LEASE, now, prompt_hash(ask.prompt), prompt)

    @classmethod
    def read(cls, value: Item) -> "Run":
        run = value["M"]
        return cls(
            response_id=run["response"]["S"],
            attempt=run["attempt"]["S"],
            until=float(run["until"]["N"]),
            started=float(run["started"]["N"]),
            hash=bytes(run["hash"]["B"]),
            prompt=Packed.read(run["prompt"]),
            replaces=run["replaces"]["S"] if "replaces" in run else None,
            stop="stop" in run,
        )

    @property
    def value(self) -> Item:
        run = {
            "response": S(self.response_id),
            "attempt": S(self.attempt),
            "until": N(self.until),
            "started": N(self.started),
            "hash": B(self.hash),
            "prompt": self.prompt.value,
        }
        if self.replaces is not None:
            run["replaces"] = S(self.replaces)
        return {"M": run}


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A thread's row. ``last`` is the attempt that wrote the turn number ``n``; both lag behind the turns
    by one while a committed turn is not released yet. ``spent``: the tokens of all its turns that were
    released, in all its lives. ``sweep``: its deletion is not complete.
    """

    id: str
    title: str = ""
    created: float = 0
    updated: float = 0
    n: int = 0
    last: str | None = None
    generation: int = 0
    run: Run | None = None
    gone: bool = False
    sweep: bool = False
    expires: float | None = None
    slot: int | None = None
    spent: int = 0

    @classmethod
    def read(cls, item: Item) -> "ThreadRow":
        return cls(
            id=item["sk"]["S"],
            title=item["title"]["S"] if "title" in item else "",
            created=_number(item, "created"),
            updated=_number(item, "updated"),
            n=int(_number(item, "n")),
            last=item["last"]["S"] if "last" in item else None,
            generation=int(_number(item, "generation")),
            run=Run.read(item["run"]) if "run" in item else None,
            gone="gone" in item,
            sweep="sweep" in item,
            expires=_number(item, "expires_at") if "expires_at" in item else None,
            slot=int(_number(item, "slot")) if "slot" in item else None,
            spent=int(_number(item, "spent")),
        )

    def is_there(self, now: float) -> bool:
        """Whether people may see it: DynamoDB takes days to delete what has expired."""
        return not self.gone and (self.expires is None or self.expires > now)

    @property
    def running_number(self) -> int:
        """The number of the turn that runs: the next one, or the newest one again."""
        return self.n if self.run and self.run.replaces else self.n + 1

    def alive(self, now: float) -> Run | None:
        """The run, if its lease is not over."""
        return self.run if self.run and self.run.until > now else None

    def noun(self, now: float) -> Thread:
        return Thread(self.id, self.title, self.created, self.updated, self.alive(now) is not None)


def _number(item: Item, name: str) -> float:
    return float(item[name]["N"]) if name in item else 0.0


@dataclass(frozen=True, slots=True)
class TurnRow:
    """A turn's row, its texts still packed. ``state`` is None where the row cannot be understood."""

    number: int
    response_id: str
    attempt: str
    state: State | None
    started: float
    hash: bytes
    body: Packed
    revised: Packed | None = None
    error: str | None = None

    @classmethod
    def read(cls, item: Item) -> "TurnRow":
        """Never fails: a row that is damaged or newer than this version is read as far as it can be."""
        number = int(item["sk"]["S"][2:])
        try:
            return cls(
                number=number,
                response_id=item["response"]["S"],
                attempt=item["attempt"]["S"],
                state=State(item["state"]["S"]),
                started=_number(item, "started"),
                hash=bytes(item["hash"]["B"]),
                body=Packed.read(item["body"]),
                revised=Packed.read(item["revised"]) if "revised" in item else None,
                error=item["error"]["S"] if "error" in item else None,
            )
        except (KeyError, TypeError, ValueError):
            response = item.get("response", {}).get("S", "")
            attempt = item.get("attempt", {}).get("S", "")
            return cls(number, response, attempt, None, _number(item, "started"), b"", Packed())

    @property
    def value(self) -> Item:
        """The row's attributes, without its key."""
        assert self.state is not None  # noqa: S101 - what cannot be read is never written back
        row = {
            "response": S(self.response_id),
            "attempt": S(self.attempt),
            "state": S(self.state),
            "started": N(self.started),
            "hash": B(self.hash),
            "body": self.body.value,
        }
        return row if self.error is None else row | {"error": S(self.error)}

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
        )

    def damaged(self) -> Turn:
        """What is shown in the place of a turn that cannot be read."""
        nothing = Message("user", "")
        code = DamagedRow.code
        return Turn(self.number, self.response_id, State.FAILED, nothing, self.started, error=code)

    def same_writing(self, other: "TurnRow") -> bool:
        """Whether both are the same write: its reply was lost, and it was sent again."""
        return replace(self, body=_mark(self.body)) == replace(other, body=_mark(other.body))


def _mark(body: Packed) -> Packed:
    return Packed(token=body.token, count=body.count) if body.count else body
