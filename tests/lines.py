"""A line of the log, for tests of what is made of it."""

from c1fn.telemetry.log import Origin, TurnLine, pseudonym
from c1fn.turn import State

ORIGIN = Origin("req-1", "function-url", True, "Root=1-2-3;Parent=4;Sampled=1")
TURN = TurnLine(
    origin=ORIGIN,
    owner=pseudonym("key:alice"),
    thread="t",
    response="r",
    state=State.DONE,
    error=None,
    model="m",
    first_ms=1.0,
    total_ms=9.5,
    model_ms=6.0,
    store_ms=3.0,
    rounds=1,
    bytes=3,
    input_tokens=10,
    output_tokens=5,
)
