import re
from pathlib import Path

import pytest

from c1fn import errors
from c1fn.errors import Busy, C1fnError, Interrupted, NotFound, by_code

LEAVES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, C1fnError)]
TOLD = [kind for kind in LEAVES if "code" in kind.__dict__]


def test_every_code_is_its_own() -> None:
    assert len({kind.code for kind in TOLD}) == len(TOLD)


@pytest.mark.parametrize("kind", LEAVES)
def test_the_tree_in_the_docstring_is_the_tree(kind: type[C1fnError]) -> None:
    assert re.search(rf"\b{kind.__name__}\b", errors.__doc__ or "")


@pytest.mark.parametrize("kind", TOLD)
def test_every_error_has_a_true_status_and_a_title_for_people(kind: type[C1fnError]) -> None:
    assert 400 <= kind.status < 600
    assert kind.title[0].isupper()
    assert kind.title[-1] != "."


@pytest.mark.parametrize("kind", TOLD)
def test_a_stored_code_leads_back_to_its_error(kind: type[C1fnError]) -> None:
    assert type(by_code(kind.code)) is kind


def test_an_unknown_code_counts_as_interrupted() -> None:
    assert type(by_code(None)) is type(by_code("from_a_newer_version")) is Interrupted


def test_a_detail_and_a_retry_of_its_own_win() -> None:
    assert (str(Busy("because")), Busy().retry_after, Busy(retry_after=7).retry_after) == ("because", 2, 7)


@pytest.mark.parametrize("kind", TOLD)
def test_every_code_is_documented(kind: type[C1fnError]) -> None:
    told = (Path(__file__).parent.parent / "docs/http.md").read_text("utf-8")
    assert f"| `{kind.code}` | {kind.status} | {kind.title} |" in told


def test_what_is_not_there_is_said_in_a_sentence() -> None:
    assert str(NotFound())
