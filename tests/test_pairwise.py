"""The rows are few, and hold every pair that is allowed."""

import itertools

from tests.pairwise import Row, pairwise

VALUES = {"a": ["1", "2", "3"], "b": ["1", "2"], "c": ["1", "2", "3"], "d": ["1", "2"]}


def test_every_two_values_meet() -> None:
    rows = pairwise(VALUES, lambda _: True)
    for one, other in itertools.combinations(VALUES, 2):
        assert {(row[one], row[other]) for row in rows} == set(itertools.product(VALUES[one], VALUES[other]))
    assert len(rows) < 18  # of 36


def test_what_is_not_allowed_is_in_no_row() -> None:
    def allowed(row: Row) -> bool:
        return row["a"] != row["b"]

    rows = pairwise(VALUES, allowed)
    assert all(map(allowed, rows))
    assert {(row["a"], row["b"]) for row in rows} == {("1", "2"), ("2", "1"), ("3", "1"), ("3", "2")}
