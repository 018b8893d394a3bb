"""Which earlier turns the model sees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c1fn.chat.history import THREADS, Histories
from c1fn.stores import Claim
from c1fn.turn import Ask, Message, State, Turn
from c1fn.turn.transcript import estimated_tokens, for_model

TOKENS = 3  # characters of one, as they are estimated


def turn(number: int, size: int = 10) -> Turn:
    """A turn of this many tokens, its prompt of one among them."""
    answer = Message("assistant", "x" * TOKENS * (size - 1))
    return Turn(number, f"r{number}", State.DONE, Message("user", "ask"), 0.0, (answer,))


def claim(sizes: list[int], known: int = 1000, thread: str = "t") -> Claim:
    """The claim after turns of these sizes, of which so many are known."""
    turns = tuple(turn(number, size) for number, size in enumerate(sizes, 1))
    return Claim(
        Ask("o", thread, "r", Message("user", "now")),
        len(sizes) + 1,
        "a",
        0.0,
        turns[-known:] if known else (),
    )


def seen(histories: Histories, sizes: list[int], known: int = 1000) -> list[int]:
    return [turn.number for turn in histories.of(claim(sizes, known))]


def test_all_turns_that_fit_are_seen() -> None:
    assert seen(Histories(20, 1000), [10] * 20, 20) == list(range(1, 21))


def test_beyond_the_allowed_turns_half_of_them_are_left_and_the_history_grows_again() -> None:
    histories = Histories(20, 100_000)
    firsts = [seen(histories, [10] * earlier, 20)[0] for earlier in range(1, 61)]
    assert firsts == [1] * 20 + [11] * 10 + [21] * 10 + [31] * 10 + [41] * 10


def test_beyond_the_allowed_tokens_half_of_them_are_left_and_the_history_grows_again() -> None:
    histories = Histories(1000, 100)
    firsts = [seen(histories, [10] * earlier)[0] for earlier in range(1, 31)]
    assert firsts == [1] * 10 + [7] * 6 + [13] * 6 + [19] * 6 + [25] * 2


def test_a_turn_that_fits_is_kept_also_if_it_takes_more_than_half() -> None:
    assert seen(Histories(20, 100), [10, 10, 90]) == [3]
    assert seen(Histories(20, 100), [10, 10, 101]) == []


def test_where_one_turn_is_allowed_it_is_the_newest() -> None:
    assert [seen(Histories(1, 1000), [10] * earlier, 1) for earlier in (1, 2, 3)] == [[1], [2], [3]]


def test_a_prompt_larger_than_what_was_rejected_before_comes_alone() -> None:
    histories = Histories(20, 1000)
    histories.refused(claim([]), [Message("user", "x" * TOKENS * 5)])
    large = Claim(
        Ask("o", "t", "r", Message("user", "x" * TOKENS * 9)), 4, "a", 0.0, (turn(1), turn(2), turn(3))
    )
    assert histories.of(large) == ()


@pytest.mark.parametrize(("turns", "tokens"), [(0, 1000), (20, 0)])
def test_no_history_may_be_allowed(turns: int, tokens: int) -> None:
    assert seen(Histories(turns, tokens), [10] * 5, turns) == []


def test_what_was_refused_is_never_asked_again_on_this_thread_and_is_cut_to_half() -> None:
    histories = Histories(1000, 100_000)
    asked = claim([10] * 20)
    messages = [*for_model(histories.of(asked)), asked.ask.prompt]
    assert estimated_tokens(messages) == 201
    histories.refused(asked, messages)
    assert [turn.number for turn in histories.of(asked)] == list(range(12, 21))
    assert seen(histories, [10] * 21)[0] == 12
    other = claim([10] * 20, thread="another")
    assert len(histories.of(other)) == 20


def test_by_halves_it_comes_down_to_the_prompt_alone() -> None:
    histories = Histories(20, 100_000)
    asked, tries = claim([10] * 20, 20), 0
    while history := histories.of(asked):
        histories.refused(asked, [*for_model(history), asked.ask.prompt])
        tries += 1
    assert tries == 5


def test_calls_and_results_of_the_running_turn_take_room_too() -> None:
    histories = Histories(20, 100_000)
    asked = claim([10] * 10)
    histories.refused(asked, [Message("user", "x" * 150 * TOKENS)])
    assert len(histories.of(asked)) == 10
    assert len(histories.of(asked, [Message("tool", "x" * 100 * TOKENS, tool_call_id="a")])) == 2


def test_so_many_threads_are_remembered_and_no_more() -> None:
    histories = Histories(20, 100_000)
    for number in range(THREADS + 10):
        histories.refused(claim([10], thread=f"t{number}"), [Message("user", "x")])
    assert len(histories._refused) == THREADS


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60), st.integers(1, 25), st.integers(1, 200))
def test_what_is_seen_is_the_newest_and_within_both_limits(sizes: list[int], turns: int, tokens: int) -> None:
    numbers = seen(Histories(turns, tokens), sizes, turns)
    assert numbers == list(range(len(sizes) - len(numbers) + 1, len(sizes) + 1))
    assert len(numbers) <= turns
    assert sum(sizes[number - 1] for number in numbers) <= tokens
