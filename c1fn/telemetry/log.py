"""Writes one JSON log line per turn and per rejected request; on Lambda the line also contains metrics.

A line never contains a prompt, an answer or a key, and the owner only as a pseudonym. A line is ASCII with
every control character escaped, so a client cannot insert another line. On Lambda the same line is in
CloudWatch's embedded metric format: CloudWatch takes the figures from the log, no call is made.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from c1fn.turn import State

if TYPE_CHECKING:
    from c1fn.telemetry.rating import RatingLine

NAMESPACE = "c1fn"
"""Of the metrics."""

FUNCTION = "FunctionName"
"""The metrics' dimension, named as AWS's own: two stacks in one account stay apart. Beside it only an error's
code, of which there are about thirty: every new value of a dimension is a new metric, billed by the month.
A model, a door or an owner is asked of the log instead."""

UNITS = {
    "turns": "Count",
    "errors": "Count",
    "refusals": "Count",
    "foreign": "Count",
    "feedback_up": "Count",
    "feedback_down": "Count",
    "first_ms": "Milliseconds",
    "total_ms": "Milliseconds",
    "model_ms": "Milliseconds",
    "store_ms": "Milliseconds",
    "input_tokens": "Count",
    "output_tokens": "Count",
    "cached_tokens": "Count",
}
"""Every metric, by the name its figure has in the line."""

BY_CODE = ("errors", "refusals")
"""The metrics that are also counted for each error's code."""

PSEUDONYM = 16
"""Hexadecimal digits of an owner's pseudonym: 64 bits, so that two of a million owners meet by a chance
of one in thirty million."""

TRACE = 256
"""Characters of a trace id that are told; X-Ray's has about a hundred."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: what the platform tells of it.

    ``door`` is how it reached the function, ``cold`` whether its process had answered none before it, and
    ``trace`` is X-Ray's header.
    """

    request_id: str | None = None
    door: str = "local"
    cold: bool = False
    trace: str | None = None


LOCAL = Origin()
"""A request to a server of this machine."""


def pseudonym(owner: str) -> str:
    """An owner as the log names it, always the same: a plain digest, so that whoever knows the name can look
    for its lines (docs/operate.md). It keeps names out of the log; who can guess a name can confirm it.
    """
    return sha256(owner.encode("utf-8", "surrogatepass")).hexdigest()[:PSEUDONYM]


@dataclass(frozen=True, slots=True)
class TurnLine:
    """What one turn did. Times are in milliseconds: ``first_ms`` and ``total_ms`` since the request was
    understood, until the model's first word and until the turn was stored; ``model_ms`` from each call of the
    model to its last event, ``store_ms`` the opening and the commit. ``owner`` is a pseudonym; ``detail`` is
    the error's own sentence. ``cached_tokens`` are those of the input that the provider had in its cache;
    ``model_…`` is what the model's server said of a failure, never its text.
    """

    event: ClassVar[str] = "turn"
    origin: Origin
    owner: str
    thread: str
    response: str
    state: State
    error: str | None
    model: str
    first_ms: float | None
    total_ms: float
    model_ms: float
    store_ms: float
    rounds: int
    bytes: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    detail: str | None = None
    model_status: int | None = None
    model_code: str | None = None
    model_type: str | None = None
    model_field: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A request that was answered by an error, and did not become a turn. ``owner`` is a pseudonym, or None
    where nobody knew who called; ``route`` the path's pattern, never the path. ``detail`` is told where the
    fault is the service's: its operator can mend it.
    """

    event: ClassVar[str] = "refused"
    counted: ClassVar[str] = "refusals"
    origin: Origin
    owner: str | None
    method: str
    route: str | None
    status: int
    error: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignLine:
    """An event that was neither an HTTP request nor a chat: its invocation failed. ``detail`` names its keys,
    and quotes no value.
    """

    event: ClassVar[str] = "foreign"
    counted: ClassVar[str] = "foreign"
    origin: Origin
    detail: str
    error: str = "foreign_event"


Line: TypeAlias = "TurnLine | RefusedLine | ForeignLine | RatingLine"
Log = Callable[[Line], None]


def to_nobody(line: Line) -> None:
    """For a terminal, where the answer itself is what a person sees."""


class Lines:
    """Writes each line to stdout, where Lambda collects it.

    :param function: the function's name, with which a line carries metrics; None: it carries none.
    :param clock: seconds since the epoch.
    """

    def __init__(self, function: str | None = None, clock: Callable[[], float] = time.time) -> None:
        self._function = function
        self._clock = clock

    def __call__(self, line: Line) -> None:
        """A log that cannot be written is no reason to fail a turn."""
        now = self._clock()
        told = fields(line, now)
        if self._function and (counts := _counts(line)):
            told |= _metrics(counts, told, now, self._function)
        with suppress(OSError, ValueError):  # whoever read it has gone, or it is closed
            sys.stdout.write(json.dumps(told, separators=(",", ":")) + "\n")
            sys.stdout.flush()


def fields(line: Line, now: float) -> dict[str, Any]:
    """The line without metrics. Its first three fields are named as in Lambda's own lines."""
    told = asdict(line)
    origin = told.pop("origin")
    return {
        "timestamp": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
        "level": "INFO",
        "requestId": origin.pop("request_id"),
        "event": line.event,
        **origin,
        **told,
    }


def _counts(line: Line) -> dict[str, int]:
    """The metrics that count the line itself."""
    if isinstance(line, TurnLine):
        return {"turns": 1, "errors": int(line.error is not None)}
    return {line.counted: 1} if line.counted else {}


def _metrics(counts: Mapping[str, int], told: Mapping[str, Any], now: float, function: str) -> dict[str, Any]:
    """What makes CloudWatch read metrics out of the line as it is told, and the counts among them."""
    figures = {**told, **counts}
    named = [name for name in UNITS if figures.get(name) is not None]
    directives = [_directive([FUNCTION], named)]
    if told.get("error") and (by_code := [name for name in BY_CODE if name in counts]):
        directives.append(_directive([FUNCTION, "error"], by_code))
    about = {"Timestamp": int(now * 1000), "CloudWatchMetrics": directives}
    return {FUNCTION: function, **counts, "_aws": about}


def _directive(dimensions: list[str], names: list[str]) -> dict[str, Any]:
    metrics = [{"Name": name, "Unit": UNITS[name]} for name in names]
    return {"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics}
