"""Whether a refused call is tried again, without a network."""

import pytest

from c1fn.models.retries import give_up
from tests.models.bodies import Body, response


@pytest.mark.parametrize(
    ("status", "body", "again"),
    [
        (429, b'{"error": {"code": "rate_limit_exceeded"}}', True),
        (429, b'{"error": {"code": "insufficient_quota"}}', False),
        (500, b"", True),
        (500, b'{"error": {"message": "Context size has been exceeded."}}', False),
        (503, b"overloaded", True),
    ],
)
async def test_another_try_is_made_only_where_it_can_help(status: int, body: bytes, again: bool) -> None:  # noqa: FBT001 - a row of the table
    refused = response(Body([body]), status)
    await give_up(refused)
    assert (refused.headers.get("x-should-retry") is None) is again


async def test_a_success_is_left_alone() -> None:
    body = Body([b"x"])
    await give_up(response(body, 200))
    assert (body.taken, body.closed) == (0, False)
