"""The command line: c1fn serve · chat · lambda · package · table · thread · owner."""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING

from c1fn import __version__
from c1fn.errors import C1fnError, SettingsError, StoreUnavailable
from c1fn.local import owners, package, ports, threads
from c1fn.local.arguments import CHAT_KEY, CHAT_TOKEN, Run, parser
from c1fn.local.progress import Progress

if TYPE_CHECKING:
    from c1fn.settings import Settings
    from c1fn.stores import Store

ROOT = Path(__file__).parent.parent

IN_ONE_PROCESS = 16
"""Invocations at once in the one process that keeps threads in memory: more than one developer causes."""

PROCESSES = 10
"""At once, otherwise: each takes one invocation, as on Lambda."""

EXTRAS = {
    **dict.fromkeys(
        ["boto3", "dotenv", "fastapi", "openai", "prompt_toolkit", "pydantic", "rich", "uvicorn"], "local"
    ),
    "h11": "runtime",
    "opentelemetry": "otel",
}
"""Which extra of c1fn brings a package to a developer's machine."""

_FOR_THE_FUNCTION = ("C1FN_", "THESYS_API_KEY", "AWS_", "HOME")
"""Of this environment, what an emulated function gets: its settings, and the way to AWS credentials."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; Ctrl-C ends it cleanly."""
    options = parser(COMMANDS).parse_args(arguments)
    run: Run = options.run
    try:
        return run(options)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # whoever read the output has gone; nothing more can be told
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (SettingsError, C1fnError) as error:
        print(f"c1fn: {error}", file=sys.stderr)
        return 2
    except ports.NoPort as error:
        print(f"c1fn: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        print(f"c1fn: this needs {package}: pip install 'c1fn[{EXTRAS[package]}]'", file=sys.stderr)
        return 2


def serve(options: argparse.Namespace) -> int:
    """The local server."""
    from c1fn import compose
    from c1fn.api.pages import Site
    from c1fn.compose.authentication import OFFLINE, OFFLINE_OPENUI
    from c1fn.local import page_config
    from c1fn.local.page_build import PAGES, Beside
    from c1fn.local.server import Server
    from c1fn.local.turn_lines import for_output

    settings = compose.settle(_settings(options), {})
    if options.page == "openui" and settings.model == OFFLINE:
        settings = replace(settings, model=OFFLINE_OPENUI)  # which that page shows
    signing_in = page_config.read(options.page_config) if options.page_config else page_config.NONE
    # The port first: two servers of one port have one file too, and another port is the way out.
    with ports.listen(options.port, ports.elsewhere("serve", options.port, os.environ)) as listener:
        threads = _persistent(settings, options.persist)
        asyncio.run(_look_at(settings))
        where = f"http://{ports.HOST}:{listener.getsockname()[1]}/"
        print(f"{_summary(settings, options.persist if threads else None)} · {where}", flush=True)
        site = Site(compose.image_hosts(settings), signing_in.text, signing_in.origins)
        app = compose.web_app(settings, site, for_output(), threads=threads)
        web = PAGES[options.page or "c1"]
        app.add_middleware(Beside, site=site, say=_tell, build=options.page is not None, web=web)
        Server(app).run(sockets=[listener])
    return 0


def _persistent(settings: "Settings", path: Path | None) -> "Store | None":
    """Threads in memory and in this file. DynamoDB keeps them anyway."""
    from c1fn import compose

    if path is None:
        return None
    if settings.store != "memory":
        print(f"c1fn: C1FN_STORE is {settings.store}, so --persist is not used.", file=sys.stderr, flush=True)
        return None
    return compose.persistent(settings, path)


async def _look_at(settings: "Settings") -> None:
    """Say it now if the store does not answer, and not at the first prompt. It may do so yet.

    :raises StoreUnavailable: it cannot even be called.
    """
    from c1fn import compose

    async with contextlib.aclosing(compose.store(settings)) as store:
        try:
            await store.ready()
        except StoreUnavailable as error:
            print(f"c1fn: {error}", file=sys.stderr, flush=True)


def chat(options: argparse.Namespace) -> int:
    """A conversation in the terminal, with a service elsewhere or with one of its own."""
    from c1fn import compose
    from c1fn.local import terminal
    from c1fn.local.terminal.endpoint import Endpoint, EndpointError, is_function_url
    from c1fn.local.terminal.local import serving
    from c1fn.telemetry import log

    told = _everything(options)
    key, token = options.key or told.get(CHAT_KEY), options.token or told.get(CHAT_TOKEN)
    aloud = sys.stdin.isatty() and sys.stdout.isatty() and not options.json
    with contextlib.ExitStack() as stack:
        if options.url is None:
            settings = compose.settle(_settings(options), {})
            what = _summary(settings)
            url = stack.enter_context(serving(compose.web_app(settings, log=log.to_nobody)))
        else:
            url = what = options.url
        try:
            signed = options.sigv4 or (key is None and token is None and is_function_url(url))
            endpoint = stack.enter_context(Endpoint(url, key=key, token=token, signed=signed))
        except EndpointError as error:
            print(f"c1fn: {error}", file=sys.stderr)
            return 2
        if aloud:
            print(fill(f"{what} · /help · Ctrl-D ends", get_terminal_size().columns), flush=True)
        return terminal.converse(endpoint, as_json=options.json, thread_id=options.thread)


def emulate(options: argparse.Namespace) -> int:
    """The same endpoint, or any ASGI app, through the Lambda emulator."""
    # Looked at first: from inside the emulator an OSError may have other causes.
    ports.listen(options.port, ports.elsewhere("lambda", options.port, os.environ)).close()
    if options.app:
        return _emulate_app(options)
    from c1fn import compose  # before the emulator: the extra that brings this brings that too

    settings = compose.settle(_settings(options), {})
    asyncio.run(_emulated(settings, _environ(options), options.port))
    return 0


def _emulate_app(options: argparse.Namespace) -> int:
    from c1fn.local import any_app

    try:
        asyncio.run(any_app.serve(options.app, options.port, os.environ))
    except any_app.NoApp as error:
        print(f"c1fn: {error}", file=sys.stderr)
        return 2
    return 0


async def _emulated(settings: "Settings", environ: Mapping[str, str], port: int) -> None:
    from c1fn.runtime.emulator import Emulator

    own = {name: value for name, value in environ.items() if name.startswith(_FOR_THE_FUNCTION)}
    if settings.tools != type(settings).tools:
        own["PYTHONPATH"] = str(Path.cwd())
    alone = settings.store == "memory"  # processes share no memory: then one takes all invocations
    async with Emulator(
        task_root=ROOT,
        environ={**own, "C1FN_MODEL": settings.model, "C1FN_AUTH": settings.auth or "none"},
        port=port,
        concurrency=1 if alone else PROCESSES,
        managed=IN_ONE_PROCESS if alone else 1,
    ) as emulator:
        print(f"{_summary(settings)}\n{emulator}", flush=True)
        await asyncio.Event().wait()


def table(options: argparse.Namespace) -> int:
    """Create, describe or delete the DynamoDB table."""
    from c1fn.stores.dynamodb import connect
    from c1fn.stores.dynamodb import table as tables

    settings = _settings(options)
    client, name = connect(settings.dynamodb_endpoint), settings.table
    match options.action:
        case "create":
            tables.create(client, name)
            print(f"{name} is ready.")
        case "describe":
            found = tables.describe(client, name)
            print(
                f"{name}: {found['TableStatus']}, {found['ItemCount']} rows, {found['TableSizeBytes']} bytes"
            )
            protected = "on" if found.get("DeletionProtectionEnabled") else "off"
            versions = ", ".join(map(str, tables.versions(client, name))) or "none"
            print(
                f"{name}: time to live {tables.time_to_live(client, name).lower()}, "
                f"point-in-time recovery {tables.recovery(client, name).lower()}, "
                f"deletion protection {protected}, versions of rows {versions}"
            )
            for difference in (wrong := tables.differences(found)):
                print(f"{name}: {difference}")
            return 1 if wrong else 0
        case "retention":
            return _retention(settings, options)
        case _:
            if not (options.yes or input("Type the table's name to delete all that is in it: ") == name):
                print("Nothing was deleted.")
                return 1
            tables.delete(client, name)
            print(f"{name} is deleted.")
    return 0


def _retention(settings: "Settings", options: argparse.Namespace) -> int:
    """Give old rows the expiry of a retention that changed."""
    from c1fn.stores.dynamodb import service
    from c1fn.stores.dynamodb.aging import age

    days, name = settings.retention_days, settings.table
    what = f"what is older than {days} days expires" if days else "nothing expires any more"
    question = f"In {name}, {what}. Type the table's name: "
    if not (options.yes or input(question) == name):
        print("Nothing was changed.")
        return 1
    done = asyncio.run(age(service(settings.dynamodb_endpoint), name, days, Progress()))
    print(f"{name}: {done.changed} rows changed, of {done.threads} threads with {done.turns} turns.")
    return 0


def thread(options: argparse.Namespace) -> int:
    """An owner's threads, for support."""
    return asyncio.run(_operate(_with_a_table(options), options, threads.COMMANDS))


def owner(options: argparse.Namespace) -> int:
    """All that one owner has, for who asks for it, or asks to be forgotten."""
    return asyncio.run(_operate(_with_a_table(options), options, owners.COMMANDS))


def _with_a_table(options: argparse.Namespace) -> "Settings":
    """The settings of a table that can be used.

    :raises StoreUnavailable: it cannot, or is another program's.
    """
    from c1fn.stores.dynamodb import connect, table

    settings, source = _settings(options), getattr(options, "source", None)
    if settings.store == "memory":
        raise SettingsError(
            "C1FN_STORE is memory, which keeps threads in the server alone. Set it to dynamodb."
        )
    if source == settings.table:
        raise SettingsError(f"--from {source}: that is the table to restore to. Name the recovered one.")
    with contextlib.closing(connect(settings.dynamodb_endpoint)) as client:
        for name in [settings.table, *([source] if source else [])]:
            for wrong in table.differences(table.describe(client, name))[:1]:
                raise StoreUnavailable(f"{name} is not a table of c1fn: {wrong}. Name c1fn's (C1FN_TABLE).")
    return settings


async def _operate(
    settings: "Settings", options: argparse.Namespace, commands: Mapping[str, owners.Command]
) -> int:
    from c1fn import compose

    async with contextlib.aclosing(compose.store(settings)) as store:
        if options.action != "restore":
            return await commands[options.action](store, options)
        recovered = compose.store(replace(settings, table=options.source))
        async with contextlib.aclosing(recovered) as source:
            return await threads.restore(store, source, options)


def _settings(options: argparse.Namespace) -> "Settings":
    from c1fn.settings import Settings

    settings = Settings.read(_environ(options))
    if settings.tools != type(settings).tools:
        sys.path.append(str(Path.cwd()))  # where a person's own tools are; last, so that it hides nothing
    return settings


def _environ(options: argparse.Namespace) -> Mapping[str, str]:
    """What the service is set up by."""
    return {name: value for name, value in _everything(options).items() if name not in (CHAT_KEY, CHAT_TOKEN)}


def _everything(options: argparse.Namespace) -> Mapping[str, str]:
    from c1fn.local import environment

    return environment.read(os.environ, Path(), trusted=options.trust_dotenv)


def _tell(line: str) -> None:
    print(line, flush=True)


def _summary(settings: "Settings", persisted: Path | None = None) -> str:
    why = " (no THESYS_API_KEY)" if settings.api_key is None else ""
    return f"c1fn {__version__} · model {settings.model}{why} · store {_kept(settings, persisted)}"


def _kept(settings: "Settings", persisted: Path | None) -> str:
    """Where conversations are, and for how long."""
    if persisted:
        return f"{persisted}, until deleted"
    if settings.store == "memory":
        return "memory, until it ends"
    days = f"{settings.retention_days} days" if settings.retention_days else "until deleted"
    return f"{settings.store}, table {settings.table}, {days}"


COMMANDS: Mapping[str, Run] = {
    "serve": serve,
    "chat": chat,
    "lambda": emulate,
    "package": package.run,
    "table": table,
    "thread": thread,
    "owner": owner,
}


if __name__ == "__main__":
    sys.exit(main())
