"""A turn while it is being written: its text so far, what is stored of it, and the tokens it used.

The rules of a turn are in converse. This module only records what has happened, so that a turn that ends at
any point can be stored.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from c1fn.errors import AnswerTooLong, C1fnError, Evidence, ModelError
from c1fn.stores import Claim
from c1fn.telemetry.log import Origin, TurnLine, pseudonym
from c1fn.telemetry.timings import Watch
from c1fn.turn import Message, State, ToolCall, Turn, Usage
from c1fn.turn.transcript import estimated_tokens

if TYPE_CHECKING:
    from c1fn.chat.titles import Title

UTF_8 = ("utf-8", "surrogatepass")
"""A model may say half a character, which stays what it is."""


@dataclass(slots=True)
class Draft:
    """The turn of one claim."""

    claim: Claim
    origin: Origin
    watch: Watch
    messages: list[Message] = field(default_factory=list)
    # The text of all rounds, in UTF-8: as a string for each delta it would take fifteen times as much.
    _said: bytearray = field(default_factory=bytearray, init=False)
    _begun: int = field(default=0, init=False)  # where this round's text begins in it
    size: int = 0  # of all rounds, in bytes
    kept: int = 0  # what is to be stored, in bytes: the answer, what tools were asked, and what they said
    opaque: str | None = None  # of this round: what goes back to the model with it
    waits: bool = False  # its last calls have no results yet: the turn ends with them
    rounds: int = 0
    usage: Usage = field(default_factory=Usage)
    title: "Title | None" = None  # of a thread that begins, while it is made

    def hear(self, text: str, limit: int) -> None:
        """:raises AnswerTooLong: see ``grow``. Earlier text is kept."""
        self.size += self.grow((text,), limit)
        self.watch.hears()
        self._said += text.encode(*UTF_8)

    @property
    def said(self) -> str:
        """The text of all rounds."""
        return self._said.decode(*UTF_8)

    @property
    def text(self) -> str:
        """This round's."""
        return self._said[self._begun :].decode(*UTF_8)

    def grow(self, texts: Iterable[str], limit: int) -> int:
        """Add the bytes of these texts.

        :raises AnswerTooLong: the turn would be longer than ``limit`` bytes.
        """
        size = sum(map(_size, texts))
        if self.kept + size > limit:
            raise AnswerTooLong
        self.kept += size
        return size

    def keep(self, opaque: str | None, limit: int) -> None:
        """Keep what must be sent back to the model with this round's message, if there is room; it is not
        part of the answer.
        """
        with suppress(AnswerTooLong):
            self.grow((opaque or "",), limit)
            self.opaque = opaque

    def close_round(self, calls: tuple[ToolCall, ...], results: Sequence[Message]) -> None:
        """:param results: of the calls; those without one are pending."""
        self.messages += (
            Message("assistant", self.text, tool_calls=calls, opaque=self.opaque),
            *results,
        )
        self._begun, self.opaque = len(self._said), None
        self.waits = len(results) < len(calls)

    def estimate(self, messages: Sequence[Message], calls: tuple[ToolCall, ...]) -> Usage:
        """Estimate this round's tokens, if the model did not report them or its stream ended early."""
        said = Message("assistant", self.text, tool_calls=calls)
        return Usage(estimated_tokens(messages), estimated_tokens([said]))

    def turn(self, state: State, error: C1fnError | None) -> Turn:
        """The turn as it is stored. Text of a round that did not end is its last message."""
        text = self.text
        partial = (Message("assistant", text, opaque=self.opaque),) if text else ()
        return Turn(
            number=self.claim.number,
            response_id=self.claim.ask.response_id,
            state=state,
            prompt=self.claim.ask.prompt,
            started=self.claim.started,
            reply=(*self.messages, *partial),
            usage=self.usage,
            error=error.code if error else None,
            detail=str(error) if error and str(error) != error.detail else None,
        )

    def line(self, model: str, state: State, error: C1fnError | None) -> TurnLine:
        """The log line of this turn with this outcome.

        :param model: name of the model that was called.
        """
        ask, watch = self.claim.ask, self.watch
        evidence = error.evidence if isinstance(error, ModelError) else Evidence()
        return TurnLine(
            origin=self.origin,
            owner=pseudonym(ask.owner),
            thread=ask.thread_id,
            response=ask.response_id,
            state=state,
            error=error.code if error else None,
            model=model,
            first_ms=watch.first_ms,
            total_ms=watch.total_ms,
            model_ms=watch.model_ms,
            store_ms=watch.store_ms,
            rounds=self.rounds,
            bytes=self.size,
            input_tokens=self.usage.input_tokens,
            output_tokens=self.usage.output_tokens,
            cached_tokens=self.usage.cached_tokens,
            detail=str(error) if error else None,
            model_status=evidence.status,
            model_code=evidence.code,
            model_type=evidence.type,
            model_field=evidence.field,
        )


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
