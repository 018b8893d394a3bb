"""Events as AG-UI's, judged by the protocol's own schemas (PyPI's ag-ui-protocol)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c1fn.api.wires.agui import STILL_RUNNING, Wire
from c1fn.errors import AnswerCut, Busy, C1fnError, Internal
from c1fn.events import Called, Delta, Event, Failed, Finished, Returned, Working
from c1fn.turn import State, ToolCall, Usage
from tests.agui import Seen, events_of, seen

DONE = Finished(State.DONE)
ADD = ToolCall("c1", "add", '{"a":1}')
NOW = ToolCall("c2", "now", "{}")


def wire(**options: Any) -> Wire:
    return Wire("t", "r1", **options)


def sent(*events: Event, **options: Any) -> Seen:
    """Each event in a piece of its own."""
    by_one = wire(**options)
    return seen(b"".join(by_one.encode([event]) for event in events), known=options.get("had", ()))


def kinds(body: bytes) -> list[str]:
    return [event.type.value for event in events_of(body)]


def test_an_answer_is_a_run_with_one_message_of_the_runs_id() -> None:
    run = sent(Delta("a"), Delta('größe "\n\u2028😀'), DONE)
    assert run.messages == {"r1": 'agröße "\n\u2028😀'}
    assert (run.end.outcome, run.end.usage) == (None, None)


def test_a_run_begins_with_the_first_byte_and_once() -> None:
    one = wire()
    assert kinds(one.keep_alive()) == ["RUN_STARTED"]
    assert one.keep_alive() == b": keep-alive\n\n"
    assert kinds(one.encode([Delta("a")])) == ["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT"]


def test_texts_that_come_together_are_one_event() -> None:
    body = wire().encode([Delta("a"), Delta("b"), DONE])
    assert [event.delta for event in events_of(body) if hasattr(event, "delta")] == ["ab"]


def test_half_a_character_cannot_break_the_stream() -> None:
    assert sent(Delta("a\ud83d"), DONE).text == "a?"


def test_a_stop_is_the_runs_outcome() -> None:
    assert sent(Delta("a"), Finished(State.STOPPED)).end.outcome.type == "cancelled"


def test_the_end_tells_what_the_model_used() -> None:
    for end in (Finished(State.DONE, Usage(10, 5, 3)), Failed(AnswerCut(), Usage(10, 5))):
        (usage,) = sent(Delta("a"), end).end.usage
        assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (10, 5, 15)


@pytest.mark.parametrize("error", [AnswerCut(), Busy("Wait."), Internal()])
def test_a_failure_midway_is_the_runs_error_after_the_text(error: C1fnError) -> None:
    run = sent(Delta("a"), Failed(error))
    assert (run.text, run.code, run.end.message) == ("a", error.code, str(error))


def test_a_call_is_told_with_its_result_which_says_nothing() -> None:
    run = sent(Delta("Wait. "), Called((ADD, NOW)), Returned(("c1", "c2")), Delta("3"), DONE)
    assert run.messages == {"r1": "Wait. ", "r1#2": "3"}
    assert list(run.calls.values()) == ["add", "now"]
    assert run.returned == list(run.calls)
    assert set(run.arguments.values()) == {"{}"}


def test_what_a_tool_is_called_with_is_told_where_the_setting_says_so() -> None:
    run = sent(Called((ADD,)), Returned(("c1",)), Delta("3"), DONE, arguments=True)
    assert list(run.arguments.values()) == ['{"a":1}']


def test_a_models_id_that_comes_again_in_another_round_is_another_call() -> None:
    """Some servers number their calls anew in each answer."""
    run = sent(Called((ADD,)), Returned(("c1",)), Called((ADD,)), Returned(("c1",)), Delta("3"), DONE)
    assert len(run.calls) == len(run.returned) == 2


def test_progress_is_a_step_that_ends_with_the_next_thing() -> None:
    run = sent(Called((ADD,)), Working("add", "half"), Working("add"), Returned(("c1",)), Delta("3"), DONE)
    assert run.steps == ["half", "Using add"]
    for end in (Delta("3"), Failed(AnswerCut()), Finished(State.STOPPED)):
        assert sent(Working("add", "half"), end, *([DONE] if isinstance(end, Delta) else [])).steps == [
            "half"
        ]


def test_a_response_that_ends_before_its_run_says_so() -> None:
    one = wire()
    run = seen(one.encode([Delta("a")]) + one.unfinished())
    assert (run.text, run.code) == ("a", STILL_RUNNING)
    assert seen(wire().unfinished()).code == STILL_RUNNING


@pytest.mark.parametrize("cut", range(7))
@pytest.mark.parametrize("pieces", [["abcdef"], ["ab", "cdef"], list("abcdef")])
def test_a_client_that_sends_its_run_again_gets_the_rest(cut: int, pieces: list[str]) -> None:
    run = sent(*map(Delta, pieces), DONE, had=[("r1", "abcdef"[:cut])])
    assert run.messages == {"r1": "abcdef"}


def test_the_rest_goes_on_in_the_message_that_the_client_has_last() -> None:
    run = sent(Delta("Wait. 3 it is"), DONE, had=[("r1", "Wait. "), ("r1#2", "3")])
    assert run.messages == {"r1": "Wait. ", "r1#2": "3 it is"}


@pytest.mark.parametrize(
    ("had", "answer"),
    [("abX", ["abc", "d"]), ("abX", ["a", "b", "cd"]), ("abcdX", ["ab", "cd"]), ("X", ["abcd"])],
)
def test_a_client_that_has_another_text_gets_all_of_it_as_a_further_message(
    had: str, answer: list[str]
) -> None:
    """The run failed and was run again; or the client made its text up."""
    assert sent(*map(Delta, answer), DONE, had=[("r1", had)]).messages == {"r1": had, "r1#2": "abcd"}


@pytest.mark.parametrize(
    ("had", "further"),
    [("r1#2", "r1#3"), ("r1#9", "r1#10"), ("r1#x", "r1#2"), ("r1#99999", "r1#2"), ("r1#²", "r1#2")],
)
def test_a_further_message_never_has_the_id_of_one_that_the_client_has(had: str, further: str) -> None:
    """The client may have no message of the first round: it called a tool and said nothing."""
    assert sent(Delta("abcd"), DONE, had=[(had, "X")]).messages == {had: "X", further: "abcd"}


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
CALLS = st.lists(st.sampled_from([ADD, NOW]), min_size=1, max_size=2, unique=True).map(tuple)
PROGRESS = st.builds(Working, st.sampled_from(["add", "now"]), st.text(max_size=5))
SAID = st.lists(st.builds(Delta, TEXT), max_size=4)


@st.composite
def rounds(draw: st.DrawFn) -> list[Event]:
    """A round with tools."""
    calls = draw(CALLS)
    working = draw(st.lists(PROGRESS, max_size=3))
    return [*draw(SAID), Called(calls), *working, Returned(tuple(call.id for call in calls))]


ENDS = st.one_of(
    st.builds(Finished, st.sampled_from([State.DONE, State.STOPPED])), st.builds(Failed, st.just(AnswerCut()))
)


@st.composite
def runs(draw: st.DrawFn) -> list[Event]:
    """What a turn may say: rounds with tools, an answer; cut anywhere, and then its end."""
    events: list[Event] = [event for said in draw(st.lists(rounds(), max_size=3)) for event in said]
    events += draw(SAID)
    return [*events[: draw(st.integers(0, len(events)))], draw(ENDS)]


@settings(max_examples=60, deadline=None)
@given(runs(), st.data())
def test_every_run_is_valid_and_says_the_answer_however_it_is_cut(events: list[Event], data: Any) -> None:
    answer = "".join(event.text for event in events if isinstance(event, Delta))
    one, body, rest = wire(), b"", events
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        body, rest = body + one.encode(rest[:size]), rest[size:]
    assert seen(body).text == answer

    had = data.draw(st.one_of(st.integers(0, len(answer)).map(lambda at: answer[:at]), TEXT))
    again = sent(Delta(answer), events[-1], had=[("r1", had)]) if answer else sent(events[-1])
    assert again.text == (answer if answer.startswith(had) or not answer else had + answer)
