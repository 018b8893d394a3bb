"""Whether a prompt may resume a turn: the rule that all stores share."""

import pytest

from c1fn.errors import NotWaiting, Refused, WaitedTooLong
from c1fn.stores.resuming import check
from c1fn.turn import ANSWERABLE, Message, Resume, Source, State, ToolCall, Turn

CALLS = tuple(ToolCall(f"c{n}", "refund", "{}") for n in range(3))
RESULT = Message("tool", "done", tool_call_id="c0")
WAITING = Turn(
    3, "r1", State.WAITING, Message("user", "x"), 1000, (Message("assistant", "", tool_calls=CALLS), RESULT)
)


@pytest.mark.parametrize(
    "resume",
    [
        Resume("r1", None),
        Resume("r1", ()),
        Resume("r1", ("c2", "c1")),
        Resume("r1", ("c1",), (("c2", "text"),)),
    ],
)
def test_what_waits_is_resumed_until_its_time_is_over(resume: Resume) -> None:
    check(resume, WAITING, None, 1000 + ANSWERABLE - 0.001)
    check(resume, WAITING, Source("u", "r0"), 1000)
    with pytest.raises(WaitedTooLong):
        check(resume, WAITING, None, 1000 + ANSWERABLE)


@pytest.mark.parametrize(
    ("resume", "newest", "source"),
    [
        (Resume("r1", None), None, None),
        (Resume("r0", None), WAITING, None),
        (Resume("r1", None), Turn(3, "r1", State.DONE, WAITING.prompt, 1000, WAITING.reply), None),
        (Resume("r1", ("c0",)), WAITING, None),
        (Resume("r1", ("c1", "x")), WAITING, None),
        (Resume("r1", (), (("c0", ""),)), WAITING, None),
        (Resume("r1", None), WAITING, Source("u", "r1")),
    ],
)
def test_nothing_else_is_resumed(resume: Resume, newest: Turn | None, source: Source | None) -> None:
    with pytest.raises(Refused) as told:
        check(resume, newest, source, 1000)
    assert type(told.value) is NotWaiting
