"""`make mutants` takes one condition at a time out of the store: each of its texts stands where it says."""

import ast

import pytest

from scripts.mutants import MUTANTS, ROOT, STORE, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_one_place_and_is_python(mutant: Mutant) -> None:
    text = (ROOT / STORE / f"{mutant.module}.py").read_text("utf-8")
    assert text.count(mutant.old) == 1
    ast.parse(text.replace(mutant.old, mutant.new))
