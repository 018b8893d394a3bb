"""Names that every model's API takes, and that stay the same."""

import re

import pytest

from c1fn.chat.mcp.names import LONGEST, name_of

TAKEN = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def test_a_name_that_is_taken_as_it_is_stays() -> None:
    assert name_of("docs", "search-files_2") == "docs__search-files_2"


@pytest.mark.parametrize(
    "tool", ["", "a.b", "a b", "查询", "x" * 200, "x" * 57, "\ud800", "a/b\n", "__proto__", "é" * 90]
)
def test_every_other_name_becomes_one_that_openai_takes(tool: str) -> None:
    assert TAKEN.fullmatch(name_of("server-with-a-name-0", tool))
    assert name_of("s", tool) == name_of("s", tool)


def test_two_tools_never_get_one_name() -> None:
    tools = ["a.b", "a_b", "a b", "查询", "查问", *("x" * n for n in range(55, 80)), "x" * 54 + "y" * 20]
    assert len({name_of("server", tool) for tool in tools}) == len(tools)
    assert max(len(name_of("server", tool)) for tool in tools) == LONGEST
