"""The log line of a rated answer, in a module of its own because most processes never write one."""

from dataclasses import dataclass
from typing import ClassVar

from c1fn.telemetry.log import Origin
from c1fn.turn import Value


@dataclass(frozen=True, slots=True)
class RatingLine:
    """A person rated an answer, or took that back (``value`` is None). ``owner`` is a pseudonym. The comment
    is never told, only whether there is one.
    """

    event: ClassVar[str] = "feedback"
    error: ClassVar[None] = None
    origin: Origin
    owner: str
    thread: str
    response: str
    value: Value | None
    commented: bool

    @property
    def counted(self) -> str | None:
        """The metric that counts it."""
        return f"feedback_{self.value}" if self.value else None
