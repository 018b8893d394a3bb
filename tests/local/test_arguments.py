"""What the command line takes."""

import argparse

import pytest

from c1fn.local.arguments import Run, parser
from c1fn.local.ports import MAX_PORT

NAMES = ("serve", "chat", "lambda", "package", "table", "thread", "owner")


def done(_: argparse.Namespace) -> int:
    return 0


RUN: dict[str, Run] = dict.fromkeys(NAMES, done)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["serve"], "serve"),
        (["chat", "--url", "http://127.0.0.1:1/"], "chat"),
        (["lambda", "--port", "0"], "lambda"),
        (["package", "--arch", "x86_64"], "package"),
        (["table", "create"], "table"),
        (["thread", "list", "--owner", "o"], "thread"),
        (["thread", "restore", "t", "--owner", "o", "--from", "recovered"], "thread"),
        (["owner", "verify", "--owner", "o"], "owner"),
    ],
)
def test_a_command_tells_the_function_that_carries_it_out(arguments: list[str], name: str) -> None:
    def mine(_: argparse.Namespace) -> int:
        return 7

    assert parser({**RUN, name: mine}).parse_args(arguments).run is mine


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["serve", "--port", str(MAX_PORT + 1)],
        ["serve", "--port", "-1"],
        ["serve", "--port", "\u0663x"],
        ["table", "empty"],
        ["thread", "list"],
        ["thread", "delete", "--owner", "o"],
        ["thread", "delete", "--owner", "o", "--all", "t"],
        ["thread", "restore", "--owner", "o", "--all"],
        ["thread", "restore", "--owner", "o", "--from", "recovered"],
        ["owner", "export"],
        ["owner", "forget", "--owner", "o"],
        ["owner", "erase", "--owner", ""],
    ],
)
def test_what_no_command_takes_is_refused_with_a_reason(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser(RUN).parse_args(arguments)
    assert "error:" in capsys.readouterr().err


def test_the_largest_port_is_one() -> None:
    assert parser(RUN).parse_args(["serve", "--port", str(MAX_PORT)]).port == MAX_PORT
