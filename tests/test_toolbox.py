import json
from datetime import UTC, datetime

import pytest

from c1fn.chat.tools import Tools
from c1fn.toolbox import TOOLS, current_time
from c1fn.turn import ToolCall


async def test_every_tool_can_be_told_to_a_model() -> None:
    for spec in await Tools(TOOLS).specs():
        assert spec.description
        assert spec.parameters["type"] == "object"
        assert json.dumps(spec.parameters)


def test_the_time_is_now_in_the_zone_that_was_asked_for() -> None:
    told = current_time("Asia/Kolkata")
    time = datetime.fromisoformat(told["time"])
    assert abs((datetime.now(UTC) - time).total_seconds()) < 60
    assert (time.strftime("%z"), told["timezone"]) == ("+0530", "Asia/Kolkata")
    assert told["weekday"] == time.strftime("%A")


@pytest.mark.parametrize(
    "timezone", ["Mars/Olympus", "../../etc/passwd", "", "/etc/localtime", "\0", "x" * 10_000]
)
async def test_a_zone_that_is_none_is_told_to_the_model(timezone: str) -> None:
    (message,) = await Tools(TOOLS).run([ToolCall("1", "current_time", json.dumps({"timezone": timezone}))])
    assert "There is no time zone named" in json.loads(message.content)["error"]
