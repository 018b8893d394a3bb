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

from dataclasses import dataclass

from c1fn.errors import DamagedRow
from c1fn.stores.dynamodb.forked import Forked
from c1fn.stores.dynamodb.items import B, Item, N, S, clean, expiry, number_of, text_of
from c1fn.stores.dynamodb.lock import Lock
from c1fn.stores.dynamodb.pack import Packed, unpack_turn
from c1fn.stores.dynamodb.place import Place
from c1fn.stores.dynamodb.retention import Retention
from c1fn.turn import ANSWERED, Feedback, Message, State, Thread, Turn

VERSION = 2
"""The form of the rows that this code writes. Rows without ``v`` are of version 1 (c1fn 0.1.0)."""

SLOT = 900
"""Seconds within which a thread's place in its owner's list stays: moving it costs two writes."""

GONE = "gone"
"""The state of a turn's row after its thread was deleted: it refuses whoever still wants to write there."""


V = {"v": N(VERSION)}
"""What every new row says of its form."""


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A thread's row. ``last`` is the attempt that wrote the turn number ``n``; both lag behind the turns
    by one while a committed turn is not released yet.

    ``generation``: None in rows of version 1 that were never deleted. ``draft``: the attempt whose lock made
    the row, as long as nobody else asked for the thread; ``earlier`` is the generation before such a draft.
    ``sweep``: its deletion is not complete.
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
    earlier: int | None = None
    gone: bool = False
    sweep: bool = False
    expires: float | None = None
    slot: int | None = None
    named: str | None = None
    context: int = 0
    importing: float | None = None
    forked: Forked | None = None
    next: Place | None = None

    @classmethod
    def read(cls, item: Item) -> "ThreadRow":
        """Never fails: what cannot be understood is left out."""
        generation, slot = number_of(item, "generation"), number_of(item, "slot")
        earlier = number_of(item, "earlier")
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
            earlier=None if earlier is None else int(earlier),
            gone="gone" in item,
            sweep="sweep" in item,
            expires=number_of(item, "expires_at"),
            slot=None if slot is None else int(slot),
            named=text_of(item, "named"),
            context=int(number_of(item, "context") or 0),
            importing=number_of(item, "importing"),
            forked=Forked.read(item["forked"]) if "forked" in item else None,
            next=Place.read(item["next"]) if "next" in item else None,
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

    def is_reserved(self, response_id: str, now: float) -> bool:
        """Whether another prompt waits for the next turn."""
        return self.next is not None and self.next.until > now and self.next.response_id != response_id

    def noun(self, now: float) -> Thread:
        """The thread as lists show it."""
        running = self.alive(now) is not None
        source = self.forked.source if self.forked else None
        return Thread(self.id, self.title, self.created, self.updated, running, source)


@dataclass(frozen=True, slots=True)
class TurnRow:
    """A turn's row, its texts still packed. ``state`` is None where the row cannot be understood.

    ``saved``, ``rated``: random tokens of the last revision, and of the last feedback.
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
    feedback: Feedback | None = None
    rated: str | None = None

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
                feedback=_feedback(item["feedback"]) if "feedback" in item else None,
                rated=text_of(item, "rated"),
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
        return self.state is None or self.state in ANSWERED

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
            self.feedback,
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


def _feedback(value: Item) -> Feedback | None:
    """Never fails: what cannot be understood was not given."""
    given = value.get("M", {})
    told, comment = text_of(given, "value"), text_of(given, "comment")
    return {"up": Feedback("up", comment), "down": Feedback("down", comment)}.get(told or "")


def feedback_value(feedback: Feedback) -> Item:
    """The attribute's value in the row."""
    comment = {} if feedback.comment is None else {"comment": S(clean(feedback.comment))}
    return {"M": {"value": S(feedback.value), **comment}}
