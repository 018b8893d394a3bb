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
from tests.processes import serving
from tests.upstream import Upstream

ROOT = Path(__file__).parents[2]
TOOL = ROOT / ".cache/check/bin/st"
WORKERS = 2
EXAMPLES = 2000
"""Of one endpoint, at most; mostly the time ends them."""


async def run(seconds: int, cases: int, seed: int) -> Books:
    """:param cases: that must be had within the time."""
    books = Books("http", seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            Upstream() as upstream,
            serving(
                "serve", "--port", "0", folder=folder, THESYS_API_KEY="k", C1FN_BASE_URL=upstream.url
            ) as server,
        ):
            output = await _tested(f"{server.url}openapi.json", folder, seconds, seed)
            report = json.loads((folder / "report.json").read_text())
        books.case(report["test_cases"]["generated"])
        books.wrong = report["test_cases"]["with_failures"] + report["test_cases"]["errored"]
        if books.wrong or report["errors"] or report["exit_code"]:
            books.wrong = max(1, books.wrong)
            print(output, flush=True)
    if books.cases < cases:
        books.fault(f"only {books.cases} cases of {cases} within {seconds} s", "")
    books.close()
    return books


async def _tested(url: str, folder: Path, seconds: int, seed: int) -> str:
    process = await asyncio.create_subprocess_exec(
        TOOL,
        *("--config-file", str(Path(__file__).parent / "schemathesis.toml"), "run", url),
        *("--seed", str(seed), "--max-time", str(seconds), "--max-examples", str(EXAMPLES)),
        *("--workers", str(WORKERS), "--continue-on-failure", "--no-color"),
        *("--report", "json", "--report-json-path", str(folder / "report.json")),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode()
