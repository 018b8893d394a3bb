"""Pieces of calls. Real streams are cases of the corpus; here are the rules."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c1fn.errors import AnswerGarbled
from c1fn.models.tool_calls import NAMED_LIMIT, Calls, is_object, unique


def piece(index: object, id_: object = None, name: object = None, arguments: object = None) -> dict[str, Any]:
    given = {"index": index, "id": id_, "function": {"name": name, "arguments": arguments}}
    return {key: value for key, value in given.items() if value is not None}


def called(*pieces: dict[str, Any]) -> list[tuple[str, str, str]]:
    calls = Calls()
    for each in pieces:
        calls.add(each)
    return [(call.id, call.name, call.arguments) for call in calls.called()]


@pytest.mark.parametrize("index", [0, "0", 0.0, None, "", "x", [], True])
def test_a_call_may_have_any_index_or_none(index: object) -> None:
    assert called(piece(index, "a", "f", '{"x":'), piece(index, None, None, "1}")) == [("a", "f", '{"x":1}')]


def test_without_an_index_the_id_tells_whose_piece_it_is() -> None:
    assert called(
        piece(None, "a", "f", '{"x":'),
        piece(None, "b", "g", '{"y":'),
        piece(None, "a", None, "1}"),
        piece(None, "b", None, "2}"),
    ) == [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')]


def test_a_new_id_under_a_known_index_begins_a_new_call() -> None:
    assert called(piece(0, "a", "f", "{}"), piece(0, "b", "f", '{"x":'), piece(0, None, None, "1}")) == [
        ("a", "f", "{}"),
        ("b", "f", '{"x":1}'),
    ]


def test_an_id_that_changes_in_the_middle_of_the_arguments_is_no_new_call() -> None:
    assert called(piece(0, "a", "f", '{"x":'), piece(0, "b", "f", "1}")) == [("a", "f", '{"x":1}')]


def test_without_ids_another_name_or_other_whole_arguments_begin_a_new_call() -> None:
    calls = called(piece(0, "", "f", "{}"), piece(0, "", "g", "{}"), piece(0, "", "g", '{"x":1}'))
    assert [call[1:] for call in calls] == [("f", "{}"), ("g", "{}"), ("g", '{"x":1}')]


def test_a_name_that_comes_with_each_piece_is_one_call() -> None:
    assert called(piece(0, "", "f", '{"x"'), piece(0, "", "f", ":1}"), piece(0, "", "f", ""))[0][1:] == (
        "f",
        '{"x":1}',
    )


def test_names_without_end_are_not_compared_without_end() -> None:
    """Each comparison reads all of the arguments."""
    calls = called(*[piece(0, "", "f", "x")] * (NAMED_LIMIT + 100))
    assert len(calls[0][2]) == NAMED_LIMIT + 100


@pytest.mark.parametrize(
    ("pieces", "arguments"),
    [
        ([None], "{}"),
        ([""], "{}"),
        ([" \n"], "{}"),
        (["null"], "{}"),
        ([{}], "{}"),
        ([{"x": 1}], '{"x": 1}'),
        ([{"x": "é"}], '{"x": "é"}'),
        (["{}", '{"x":', "1}"], '{"x":1}'),
        (['{"x"', ":1}", '{"x":1}'], '{"x":1}'),
        (['{"x"', '"broken', '{"x":1}'], '{"x":1}'),
        (['{"x":1}', "}"], '{"x":1}'),
        ([json.dumps('{"x":1}')], '{"x":1}'),
        (['{"x": '], '{"x": '),
        (["[1]"], "[1]"),
        (['"text"'], '"text"'),
    ],
)
def test_arguments_are_an_object_where_one_can_be_found(pieces: list[Any], arguments: str) -> None:
    assert called(piece(0, "a", "f"), *(piece(0, None, None, text) for text in pieces))[0][2] == arguments


def test_ids_are_made_up_and_made_unique() -> None:
    ids = [
        id_
        for id_, _, _ in called(piece(0, "", "f"), piece(1, "a", "f"), piece(2, "a", "g"), piece(3, " ", "f"))
    ]
    assert ids[1] == "a"
    assert len(set(ids)) == 4
    assert all(id_ == "a" or (id_.isalnum() and len(id_) == 9) for id_ in ids)


def test_a_made_up_id_is_nobody_elses() -> None:
    taken: set[str] = {"call00001"}
    assert unique("", taken) not in {"call00001", ""}


def test_a_call_that_names_nothing_is_garbled() -> None:
    with pytest.raises(AnswerGarbled):
        called(piece(0, "a"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
)


@given(st.dictionaries(st.text(), JSON), st.integers(1, 9))
def test_whole_arguments_come_out_as_they_went_in_however_they_are_cut(
    value: dict[str, Any], size: int
) -> None:
    text = json.dumps(value)
    cut = [text[at : at + size] for at in range(0, len(text), size)]
    assert called(piece(0, "a", "f"), *(piece(0, None, None, part) for part in cut))[0][2] == text
    assert is_object(text)
