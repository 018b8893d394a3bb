import pytest

from c1fn.errors import AnswerGarbled
from c1fn.models.values import of, whole


@pytest.mark.parametrize("empty", [None, "", [], {}, 0, False])
def test_whatever_is_empty_counts_as_the_empty_value(empty: object) -> None:
    assert (of(str, empty), of(list, empty), of(dict, empty)) == ("", [], {})


@pytest.mark.parametrize("value", ["x", 1, True, [1], {"a": 1}])
def test_what_says_something_in_another_form_is_garbled(value: object) -> None:
    assert of(type(value), value) is value
    with pytest.raises(AnswerGarbled):
        of(bytes, value)


def test_halves_of_a_character_that_meet_are_joined() -> None:
    assert (whole("a\ud83d\ude00"), whole("a\ud83d"), whole("é")) == ("a😀", "a\ufffd", "é")
