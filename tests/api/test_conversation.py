"""Answers are rated through HTTP, by two owners, on the memory store and on DynamoDB."""

import pytest

from c1fn.telemetry.rating import RatingLine
from tests.api.owners import ANN, BOB, Meet, Owners
from tests.scripted import says

RATED = "/t/messages/r1/feedback"


async def shown(scene: Owners, who: dict[str, str] = ANN) -> object:
    messages = (await scene.call("GET", "/t/messages", who=who)).json
    return messages[1].get("feedback")


async def test_an_answer_is_rated(meet: Meet) -> None:
    scene = await meet(says("one"))
    await scene.say("t", "r1", "first")
    assert await shown(scene) is None
    for body, kept in (
        (
            {"value": "down", "comment": " Not what I asked. "},
            {"value": "down", "comment": "Not what I asked."},
        ),
        ({"value": "up"}, {"value": "up"}),
        ({"value": "up", "comment": " \n"}, {"value": "up"}),
        ({"value": None}, None),
    ):
        assert (await scene.call("PUT", RATED, body)).status == 204
        assert await shown(scene) == kept


async def test_the_log_tells_the_value_and_never_the_comment(meet: Meet) -> None:
    scene = await meet(says("one"))
    await scene.say("t", "r1", "first")
    scene.lines.clear()
    await scene.call("PUT", RATED, {"value": "down", "comment": "a secret"})
    await scene.call("PUT", RATED, {"value": None})
    assert [(line.value, line.commented) for line in scene.lines if isinstance(line, RatingLine)] == [
        ("down", True),
        (None, False),
    ]
    assert "secret" not in str(scene.lines)
    assert "ann" not in str(scene.lines)


async def test_two_owners_rate_their_own(meet: Meet) -> None:
    scene = await meet(says("hers"), says("his"))
    await scene.say("t", "r1", "ann asks")
    assert (await scene.call("PUT", RATED, {"value": "up"}, BOB)).status == 404
    await scene.say("t", "r1", "bob asks", BOB)
    await scene.call("PUT", RATED, {"value": "up"})
    await scene.call("PUT", RATED, {"value": "down"}, BOB)
    assert (await shown(scene), await shown(scene, BOB)) == ({"value": "up"}, {"value": "down"})


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        (RATED, {}, 422, "value"),
        (RATED, {"value": "great"}, 422, "value"),
        (RATED, {"value": 1}, 422, "value"),
        (RATED, {"value": "up", "comment": "x" * 2_001}, 422, "comment"),
        (RATED, {"value": None, "comment": "x"}, 422, "comment"),
        (RATED, b"", 400, None),
        ("/t/messages/r2/feedback", {"value": "up"}, 404, None),
        ("/x/messages/r1/feedback", {"value": "up"}, 404, None),
    ],
)
async def test_what_cannot_be_rated(
    meet: Meet,
    path: str,
    body: object,
    status: int,
    field: str | None,
) -> None:
    scene = await meet(says("one"))
    await scene.say("t", "r1", "first")
    refused = await scene.call("PUT", path, body)
    assert (refused.status, refused.json.get("field")) == (status, field), refused.json
    assert await shown(scene) is None
