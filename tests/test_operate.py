"""docs/operate.md tells what the code does: the line's fields, the metrics, the alarms, each error's code."""

import re
from pathlib import Path

import pytest

from c1fn import errors
from c1fn.telemetry.log import LOCAL, UNITS, RefusedLine, TurnLine, fields, pseudonym
from c1fn.turn import State
from tests import cloudformation

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/operate.md").read_text("utf-8")
TURN = fields(TurnLine(LOCAL, "o", "t", "r", State.DONE, None, "m", 1, 1, 1, 1, 1, 1, 1, 1), 0)
REFUSED = fields(RefusedLine(LOCAL, None, "GET", None, 404, "not_found"), 0)

QUERIES = re.findall(r"```logs\n(.*?)```", PAGE, re.DOTALL)

LAMBDAS = {"@timestamp", "type", "record.requestId", "record.metrics.initDurationMs"}
"""Fields that CloudWatch and Lambda's own lines bring.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
"""

LANGUAGE = set("filter stats display sort limit by as and or in like desc asc count sum pct bin".split())  # noqa: SIM905 - words
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html"""


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    part = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([\w-]+)`", cell)


def test_every_field_of_a_line_is_explained() -> None:
    for kinds, line in ({"both", "turn"}, TURN), ({"both", "refused"}, REFUSED):
        told = [name for row in rows("The log line") if row[1] in kinds for name in codes(row[0])]
        assert sorted(told) == sorted(line)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_names_only_fields_that_there_are(query: str) -> None:
    named = set(re.findall(r"[@a-zA-Z][\w.]*", re.sub(r'"[^"]*"|/[^/]*/|\b\d+\w*', " ", query)))
    own = set(re.findall(r"\bas (\w+)", query))
    assert named - own - LANGUAGE - LAMBDAS <= TURN.keys() | REFUSED.keys()


def test_every_metric_is_named() -> None:
    part = PAGE.split("\n## Metrics\n")[1]
    assert [name for name in UNITS if f"`{name}`" not in part] == []


def test_every_alarm_is_explained() -> None:
    resources = cloudformation.read(ROOT / "template.yaml")["Resources"]
    alarms = [name for name, found in resources.items() if found["Type"] == "AWS::CloudWatch::Alarm"]
    assert sorted(name for row in rows("Metrics") for name in codes(row[0])) == sorted(alarms)


def test_every_error_has_its_row_in_the_runbook_and_no_other() -> None:
    told = [code for row in rows("The runbook") for code in codes(row[0])]
    assert sorted(told) == sorted(errors._CODES)


def test_an_owners_pseudonym_is_what_the_page_computes() -> None:
    """The command itself was run: it prints these."""
    assert "printf %s 'key:alice' | sha256sum | cut -c1-16" in PAGE
    assert pseudonym("key:alice") == "ce597ac46d430f16"
