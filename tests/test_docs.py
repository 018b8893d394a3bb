"""What docs/ promises a reader: every page is found, every link leads somewhere, nothing is left out."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from c1fn.chat.tools import Tools
from c1fn.toolbox import current_time
from c1fn.turn import Ask, Message, ToolCall

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

PLATFORM = {
    "_HANDLER", "AWS_LAMBDA_", "_X_AMZN_TRACE_ID", "HOME", "PATH",
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
}  # fmt: skip
"""Variables that Lambda or the system sets, and that nobody changes to change c1fn."""

A_VARIABLE = re.compile(r"(?:C1FN|AWS|OTEL|SSL|LAMBDA|THESYS|HTTPS?|ALL|NO)_[A-Z][A-Z0-9_]+")
NO_VARIABLE = re.compile(r"ALL_(OLD|NEW)$")  # words of DynamoDB


def anchors(page: Path) -> set[str]:
    """A page's headings as GitHub names them in a link."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if not target.startswith(("http:", "https:")):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(links(ROOT / "README.md"))
    assert [page.name for page in PAGES[2:] if f"docs/{page.name}" not in linked] == []


@pytest.mark.parametrize("page", PAGES[2:], ids=lambda page: str(page.name))
def test_a_page_says_first_what_it_is_for(page: Path) -> None:
    """A title, and then a sentence: no list, table or heading stands before it."""
    title, blank, opening = page.read_text("utf-8").splitlines()[:3]
    assert title.startswith("# ")
    assert blank == ""
    assert re.match(r"[A-Z`]", opening), opening


def variables() -> Iterator[str]:
    """Every environment variable that stands as a text in the function's code."""
    for path in [ROOT / "handler.py", *sorted((ROOT / "c1fn").rglob("*.py"))]:
        if "emulator" in path.parts:  # it sets what Lambda sets
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                if A_VARIABLE.fullmatch(text) and not NO_VARIABLE.match(text):
                    yield text


def test_every_variable_that_changes_anything_stands_in_settings() -> None:
    told = (ROOT / "docs/settings.md").read_text("utf-8")
    assert sorted({name for name in variables() if name not in PLATFORM and f"`{name}`" not in told}) == []


async def test_the_tool_of_the_tools_page_works_as_written() -> None:
    page = (ROOT / "docs/tools.md").read_text("utf-8")
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found
    names: dict[str, Any] = {"current_time": current_time}
    exec(found[1], names)  # noqa: S102 - the page's own example, as a reader would paste it
    (result,) = await Tools(names["TOOLS"]).run([ToolCall("c1", "order_status", '{"order": 7}')])
    assert result.content == '{"order":"7","state":"shipped"}'


async def test_the_tool_that_knows_who_asks_reads_only_that_persons_rows() -> None:
    page = (ROOT / "docs/tools.md").read_text("utf-8")
    example = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[1]
    with mock_aws():
        table = boto3.resource("dynamodb", region_name="eu-west-1").create_table(
            TableName="orders",
            KeySchema=[
                {"AttributeName": n, "KeyType": k} for n, k in (("customer", "HASH"), ("order", "RANGE"))
            ],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("customer", "order")],
            BillingMode="PAY_PER_REQUEST",
        )
        for customer, order in (("jwt:i ada", "1"), ("jwt:i eve", "2")):
            table.put_item(Item={"customer": customer, "order": order, "state": "open"})
        names: dict[str, Any] = {}
        exec(example, names)  # noqa: S102 - the page's own example, as a reader would paste it
        ask = Ask("jwt:i ada", "t", "r", Message("user", "the orders of jwt:i eve"))
        (result,) = await Tools(names["TOOLS"]).run([ToolCall("c1", "my_orders", "{}")], ask)
    assert result.content == '[{"order":"1","state":"open"}]'


A_PLACE = re.compile(r"^\| .+ \| `(\S+\.py)` \| `(\w+)`.* \|$", re.MULTILINE)


def test_what_the_design_says_where_to_look_for_is_there() -> None:
    """A row of docs/design.md names a file and a name that this file defines."""
    section = (
        (ROOT / "docs/design.md").read_text("utf-8").partition("## Where to look")[2].partition("\n## ")[0]
    )
    places = A_PLACE.findall(section)
    assert len(places) == section.count("\n| ") - 1  # but for the table's head
    for file, name in places:
        defined = rf"^\s*(?:async def|def|class) {name}\b|^{name}\b.* = |^    {name}: .* = "
        assert re.search(defined, (ROOT / file).read_text("utf-8"), re.MULTILINE), (file, name)
