"""What endpoints are given: who calls, before anything else, and the time for an answer."""

from typing import Any

import pytest
from fastapi import Request

from c1fn.api.context import DEADLINE_MARGIN, origin_of, time_left
from c1fn.errors import Unauthorized
from c1fn.identity.callers import Caller
from c1fn.telemetry.log import LOCAL, Origin
from tests.api.scene import Stage
from tests.scripted import says


class Context:
    """The part of Lambda's context that tells the time."""

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


def request(**scope: Any) -> Request:
    return Request({"type": "http", **scope})


@pytest.mark.parametrize(
    ("milliseconds", "seconds"), [(60_000, 60 - DEADLINE_MARGIN), (4_001, 0.001), (3_000, 0.001), (0, 0.001)]
)
def test_an_answer_ends_before_the_platforms_deadline(milliseconds: int, seconds: float) -> None:
    """Never at once: a turn that has begun can still be stored."""
    left = time_left(request(**{"aws.context": Context(milliseconds)}))
    assert left == pytest.approx(seconds)


def test_without_a_platform_there_is_no_deadline() -> None:
    assert time_left(request()) is None


def test_where_a_request_came_from_is_told_by_the_platform() -> None:
    here = Origin("r", "function-url", cold=True)
    assert origin_of(request(**{"c1fn.origin": here})) is here
    assert origin_of(request()) is LOCAL


async def test_a_stranger_learns_no_limit(stage: Stage) -> None:
    """Who calls is asked before the body is looked at."""

    async def nobody(_: object) -> Caller:
        raise Unauthorized("Say who you are.")

    scene = await stage(says("a"), max_body=10, identify=nobody)
    assert (await scene.client.post("/api/chat", b"x" * 11)).status == 401
