"""schemathesis against a server of ours: every answer must be one that the OpenAPI document promises.

The server is a process of its own with a store in memory; its model is a scripted upstream. schemathesis has
an environment of its own (`make .cache/check/ready`): it brings some sixty packages.

https://schemathesis.readthedocs.io
"""

import asyncio
import json
import tempfile
from pathlib import Path

from scripts.fuzz.books import Books
from tests.processes import NO_LIMITS, Command, serving
from tests.upstream import Upstream

ROOT = Path(__file__).parents[2]
TOOL = ROOT / ".cache/check/bin/st"
PATIENCE = 30
"""Seconds for one answer: they take milliseconds, but three servers and three testers may share one core."""

NOT_ASKED = ("use_after_free", "ensure_resource_availability")
"""Checks that do not fit: clients choose the ids, so a prompt begins a deleted conversation anew, and an
id that holds a percent sign is put into the next path without being encoded."""

SERVERS = 3
"""At once, each with a schemathesis of its own: most of the time goes into waiting, and threads of one would
delete each other's conversations."""

EXAMPLES = 5000
"""Of one endpoint, at most; mostly the time ends them."""


async def run(seconds: int, cases: int, seed: int) -> Books:
    """:param cases: that must be had within the time."""
    books = Books("http", seed)
    await asyncio.gather(*(_server(books, seconds, seed + n) for n in range(SERVERS)))
    if books.cases < cases:
        books.fault(f"only {books.cases} cases of {cases} within {seconds} s", "")
    books.close()
    return books


async def _server(books: Books, seconds: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            Upstream() as upstream,
            serving(
                *("serve", "--port", "0"),
                folder=folder,
                THESYS_API_KEY="k",
                C1FN_BASE_URL=upstream.url,
                **NO_LIMITS,
            ) as server,
        ):
            reading = asyncio.create_task(_read(server))
            output = await _tested(f"{server.url}openapi.json", folder, seconds, seed)
            reading.cancel()
        report = json.loads((folder / "report.json").read_text())
    books.case(report["test_cases"]["generated"])
    wrong = report["test_cases"]["with_failures"] + report["test_cases"]["errored"]
    if wrong or report["errors"] or report["exit_code"]:
        books.wrong += max(1, wrong)
        print(f"seed {seed}:\n{output}", flush=True)


async def _read(server: Command) -> None:
    """Its log, so that it never waits for somebody who reads."""
    assert server.process.stdout
    while await server.process.stdout.readline():
        pass


async def _tested(url: str, folder: Path, seconds: int, seed: int) -> str:
    process = await asyncio.create_subprocess_exec(
        TOOL,
        *("--config-file", str(Path(__file__).parent / "schemathesis.toml"), "run", url),
        *("--seed", str(seed), "--max-time", str(seconds), "--max-examples", str(EXAMPLES)),
        *("--exclude-checks", ",".join(NOT_ASKED)),
        *("--continue-on-failure", "--no-color", "--request-timeout", str(PATIENCE)),
        *("--report", "json", "--report-json-path", str(folder / "report.json")),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode()
