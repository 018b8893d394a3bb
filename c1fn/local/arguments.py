"""The commands of the command line and their options."""

import argparse
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from c1fn import __version__
from c1fn.local import package, ports

TRUSTED = "--trust-dotenv"

CHAT_KEY, CHAT_TOKEN = "C1FN_CHAT_KEY", "C1FN_CHAT_TOKEN"
"""Variables with what `c1fn chat` sends: a caller's, not settings of the service."""

OWNER_BYTES = 1_000
"""Bytes of an owner's name, at most: it is a part of keys."""

Run = Callable[[argparse.Namespace], int]
"""Carries a command out; its result is the exit code."""

_ACTIONS = {
    "list": "each thread's id and times",
    "show": "how each turn of a thread went",
    "delete": "a thread, or all of them",
    "import": "threads out of JSON documents, as c1fn owner export writes them",
    "restore": "a thread, or all of them, out of another table",
}

_OWNER_ACTIONS = {
    "export": "all threads, one JSON document a line",
    "erase": "delete all that there is of this owner",
    "verify": "name all that is left of this owner, and when it goes; reads the whole table",
}

_OWNER_HELP = "as callers are known: key:<name>, iam:<arn>"


def parser(run: Mapping[str, Run]) -> argparse.ArgumentParser:
    """The parser of the whole command line; what it reads tells by ``run`` which function carries it out.

    :param run: the function of each command, by its name.
    """
    files = argparse.ArgumentParser(add_help=False)
    files.add_argument(
        TRUSTED, action="store_true", help="let .env and .env.local send keys and files anywhere"
    )
    whole = argparse.ArgumentParser("c1fn", description="A chat backend for generative UI.")
    whole.add_argument("--version", action="version", version=f"c1fn {__version__}")
    commands = whole.add_subparsers(title="commands", required=True)

    _serve_arguments(
        commands.add_parser("serve", parents=[files], help="serve on this machine"), run["serve"]
    )

    command = commands.add_parser("lambda", parents=[files], help="serve through an emulated Lambda function")
    command.add_argument("--port", type=_port, default=9000, help="of the function URL (default: 9000)")
    command.add_argument("--app", metavar="MODULE:NAME", help="another ASGI app than c1fn: main:app")
    command.set_defaults(run=run["lambda"])

    command = commands.add_parser("package", help="build the function's zip, for Lambda")
    package.add_arguments(command)
    command.set_defaults(run=run["package"])

    command = commands.add_parser("table", parents=[files], help="the DynamoDB table that C1FN_TABLE names")
    command.add_argument(
        "action",
        choices=["create", "describe", "retention", "delete"],
        help="retention: give old rows the expiry that C1FN_RETENTION_DAYS asks for now",
    )
    command.add_argument("--yes", action="store_true", help="without asking")
    command.set_defaults(run=run["table"])

    command = commands.add_parser("thread", help="an owner's threads, for whoever operates the service")
    actions = command.add_subparsers(title="actions", dest="action", required=True)
    for name, what in _ACTIONS.items():
        action = actions.add_parser(name, parents=[files], help=what)
        action.add_argument("--owner", type=_owner, required=True, help=_OWNER_HELP)
        action.set_defaults(run=run["thread"])
    show, delete, restore = (actions.choices[name] for name in ("show", "delete", "restore"))
    show.add_argument("id", help="of the thread")
    show.add_argument("--json", action="store_true", help="one JSON object")
    show.add_argument("--text", action="store_true", help="prompts and answers too: the owner has agreed")
    for action in (delete, restore):
        which = action.add_mutually_exclusive_group(required=True)
        which.add_argument("id", nargs="?", help="of one thread")
        which.add_argument("--all", action="store_true", help="all threads of the owner")
    delete.add_argument("--yes", action="store_true", help="without asking")
    restore.add_argument("--from", dest="source", metavar="TABLE", required=True, help="a recovered table")
    actions.choices["import"].add_argument("files", nargs="*", default=["-"], help="- or none: stdin")

    command = commands.add_parser("owner", help="all that one owner has, for whoever operates the service")
    actions = command.add_subparsers(title="actions", dest="action", required=True)
    for name, what in _OWNER_ACTIONS.items():
        action = actions.add_parser(name, parents=[files], help=what)
        action.add_argument("--owner", type=_owner, required=True, help=_OWNER_HELP)
        action.set_defaults(run=run["owner"])
    actions.choices["erase"].add_argument("--yes", action="store_true", help="without asking")

    command = commands.add_parser(
        "chat", parents=[files], help="talk in the terminal, or answer what is piped in"
    )
    command.add_argument("--url", help="of a service; without it, one of its own is started")
    command.add_argument("--key", help=f"the caller's key (or set {CHAT_KEY})")
    command.add_argument("--token", help=f"the caller's token, of an OpenID issuer (or set {CHAT_TOKEN})")
    command.add_argument("--sigv4", action="store_true", help="sign with AWS credentials")
    command.add_argument("--thread", metavar="ID", help="go on with this conversation")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command.set_defaults(run=run["chat"])
    return whole


def _serve_arguments(command: argparse.ArgumentParser, run: Run) -> None:
    command.add_argument("--port", type=_port, default=8000, help="0 lets the system choose (default: 8000)")
    command.add_argument(
        "--page",
        nargs="?",
        const="c1",
        choices=("c1", "openui"),
        help="build a client's page, with Node: C1's (c1, the default) or OpenUI's (openui)",
    )
    command.add_argument(
        "--persist", type=Path, metavar="FILE", help="keep conversations in this file, not in memory alone"
    )
    command.add_argument(
        "--page-config", type=Path, metavar="FILE", help="how people sign in to the page: its config.json"
    )
    command.set_defaults(run=run)


def _owner(text: str) -> str:
    with suppress(UnicodeEncodeError):
        if 0 < len(text.encode()) <= OWNER_BYTES:
            return text
    raise argparse.ArgumentTypeError(f"an owner's name has 1 to {OWNER_BYTES} bytes of text")


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= ports.MAX_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number from 0 to {ports.MAX_PORT}")
