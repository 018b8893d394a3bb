"""The place behind a running turn: it stands in the thread's row, as ``next``. Pure: no call is made here."""

from dataclasses import dataclass

from c1fn.stores.dynamodb.items import Item, N, S, number_of, text_of


@dataclass(frozen=True, slots=True)
class Place:
    """For which prompt the next turn is reserved, and until when."""

    response_id: str
    until: float

    @classmethod
    def read(cls, value: Item) -> "Place | None":
        """Never fails: what cannot be understood reserves nothing."""
        place = value.get("M", {})
        response_id, until = text_of(place, "response"), number_of(place, "until")
        return None if response_id is None or until is None else cls(response_id, until)

    @property
    def value(self) -> Item:
        """As the thread's row has it."""
        return {"M": {"response": S(self.response_id), "until": N(self.until)}}


OPEN = "(attribute_not_exists(#next) OR #next.#until <= :now OR #next.#response = :response)"
"""The condition that the next turn is not reserved for another prompt."""
