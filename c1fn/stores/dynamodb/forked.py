"""What a thread's row says of the fork that made it. Pure: no call is made here."""

from dataclasses import dataclass

from c1fn.stores.dynamodb.items import YES, Item, S, text_of
from c1fn.turn import Source, Until


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
        """As the thread's row has it."""
        told = {
            "thread": self.source.thread_id,
            "response": self.source.response_id,
            "until": self.until.response_id,
        }
        made = {name: S(text) for name, text in told.items() if text is not None}
        return {"M": made if self.until.taken else made | {"before": YES}}
