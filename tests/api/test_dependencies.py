"""What endpoints are given: a body within its limits."""

import pytest

from tests.api.scene import Stage
from tests.scripted import says


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_not_read(stage: Stage, declared: bool) -> None:  # noqa: FBT001 - a case
    scene = await stage(says("a"), max_body=1024)
    size = {"content-length": "999999"} if declared else {}
    answer = await scene.client.post("/api/chat", b"x" * (10 if declared else 1025), headers=size)
    assert (answer.status, answer.json["code"]) == (413, "too_large")
    assert answer.json["detail"] == "The body may have 1024 bytes at most. Send less at once."


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_bug(stage: Stage) -> None:
    scene = await stage(says("a"))
    exchange = scene.client.request("POST", "/api/chat", b'{"pro', whole=False)
    exchange.leave()
    assert (await exchange.whole()).json["code"] == "bad_request"
    assert scene.model.asked == []


async def test_a_length_that_is_no_number_any_more_is_too_large(stage: Stage) -> None:
    scene = await stage(says("a"))
    answer = await scene.client.post("/api/chat", b"{}", headers={"content-length": "9" * 5000})
    assert answer.status == 413
