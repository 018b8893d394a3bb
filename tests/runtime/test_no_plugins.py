"""The function's process tells pydantic not to look for plugins, unless somebody else has decided."""

import subprocess
import sys

import pytest

SCRIPT = """
import os
from c1fn.runtime.__main__ import main
try:
    main()
except ValueError:  # there is no Runtime API here
    print(os.environ.get("PYDANTIC_DISABLE_PLUGINS"))
"""


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, "__all__"),
        ({"PYDANTIC_DISABLE_PLUGINS": "mine"}, "mine"),
        ({"C1FN_PLAIN_START": "1"}, "None"),
    ],
)
def test_plugins_are_searched_where_somebody_wants_it(environ: dict[str, str], told: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environ, stdout=subprocess.PIPE, text=True, check=True
    )
    assert ran.stdout.strip() == told
