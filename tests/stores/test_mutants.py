"""`make mutants` takes one condition at a time out of the store: each of its texts stands where it says."""

import ast
import re

import pytest

from scripts.mutants import MUTANTS, ROOT, STORE, Mutant

MIXINS = ("contract", "forks", "owning", "reserving", "sharing", "waiting")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_one_place_and_is_python(mutant: Mutant) -> None:
    text = (ROOT / STORE / f"{mutant.module}.py").read_text("utf-8")
    assert text.count(mutant.old) == 1
    ast.parse(text.replace(mutant.old, mutant.new))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_test_that_is_to_notice_a_mutant_is_there(mutant: Mutant) -> None:
    file, *_, name = mutant.test.split("::")
    tests = [
        (ROOT / path).read_text("utf-8") for path in (file, *(f"tests/stores/{name}.py" for name in MIXINS))
    ]
    assert any(re.search(rf"^ *(async )?def {name}\(", text, re.MULTILINE) for text in tests)
