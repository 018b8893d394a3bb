"""What of a client's messages is for a turn that waits; test_client_tools has the whole way."""

from typing import Any

import pytest

from c1fn.api.resumes import Answer, brought_by_prompt, resume_of
from c1fn.errors import BadField, TooLarge
from c1fn.turn import Resume

USER = {"id": "p", "role": "user", "content": "hi"}


def result(call: str, content: Any = "done") -> dict[str, Any]:
    return {"id": call, "role": "tool", "toolCallId": call, "content": content}


def yes(interrupt: str) -> Answer:
    return Answer(interruptId=interrupt, status="resolved", payload={"approved": True})


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [USER],
        [result("r1##a"), USER],
        [result("r1##a"), {"id": "r1", "role": "assistant", "content": "red"}],
        [USER, result("r1#1#a", "")],
        [USER, {"role": "tool"}],
        [USER, {"role": "tool", "toolCallId": 7, "content": None}],
    ],
)
def test_without_results_at_the_end_nothing_is_resumed(messages: list[dict[str, Any]]) -> None:
    assert resume_of(messages, [], "r9") is None


def test_the_results_at_the_end_are_for_the_run_of_the_last_one() -> None:
    messages = [USER, result("r0##x"), result("r1##a", "1"), result("r1#1#b", ""), result("r1##c", "3")]
    assert resume_of(messages, [], "r9") == Resume("r1", (), (("a", "1"), ("c", "3")))


def test_a_calls_id_may_hold_the_mark() -> None:
    assert resume_of([result("r1##a##b")], [], "r9") == Resume("r1", (), (("a##b", "done"),))


def test_results_are_for_the_turn_that_is_answered() -> None:
    """CopilotKit also puts its answers into the history, as results."""
    messages = [USER, result("r1##a"), result("r1~2##b", "2")]
    assert resume_of(messages, [yes("r1~2##b")], "r1") == Resume("r1~2", ("b",), (("b", "2"),))
    assert resume_of(messages[:2], [yes("r1~2##b")], "r1") == Resume("r1~2", ("b",))


SAID = {"id": "r2", "role": "assistant", "content": "red"}
OLD, NEW = Resume("r1", (), (("a", "done"),)), True


@pytest.mark.parametrize(
    ("messages", "brought"),
    [
        ([USER], (None, NEW)),
        ([result("r1##a"), USER], (OLD, NEW)),
        ([result("r1##a"), USER, USER], (OLD, NEW)),
        ([USER, result("r1##a"), USER], (OLD, NEW)),
        ([result("r0##x"), result("r1##a"), USER], (OLD, NEW)),
        ([result("r1##a"), SAID, USER], (None, NEW)),
        ([result("r1##a"), {**SAID, "id": "r9"}, USER], (OLD, NEW)),
        ([result("r1##a"), USER, {**SAID, "id": "r9#2"}], (OLD, NEW)),
        ([result("r1##a"), USER, SAID], (OLD, not NEW)),
        ([USER, SAID], (None, not NEW)),
    ],
)
def test_results_before_the_newest_prompt_count_until_an_answer_follows_them(
    messages: list[dict[str, Any]], brought: tuple[Resume | None, bool]
) -> None:
    assert brought_by_prompt(messages, "r9") == brought


def test_answers_approve_or_refuse_calls_of_one_run() -> None:
    no = Answer(interruptId="r1##b", status="cancelled")
    assert resume_of([USER, result("r1##c")], [yes("r1##a"), no], "r9") == Resume(
        "r1", ("a",), (("c", "done"),)
    )
    with pytest.raises(BadField, match="no interrupt of this run"):
        resume_of([], [yes("r1##a"), yes("r2##b")], "r9")


def test_an_answer_does_not_come_with_a_prompt() -> None:
    """The words would be lost."""
    with pytest.raises(BadField, match="answer first"):
        resume_of([USER], [yes("r1##a")], "r9")


@pytest.mark.parametrize("content", [None, 7, {"a": 1}])
def test_a_result_is_a_text(content: Any) -> None:
    with pytest.raises(BadField) as raised:
        resume_of([USER, result("r1##a", content)], [], "r9")
    assert raised.value.field == "messages.1.content"


def test_a_result_has_a_limit() -> None:
    with pytest.raises(TooLarge):
        resume_of([result("r1##a", "x" * 100_001)], [], "r9")
