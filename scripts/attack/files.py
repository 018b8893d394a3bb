"""Files that somebody else wrote, where a command is started; and what a deployment would let through."""

import asyncio
import re
import tempfile
from pathlib import Path

import yaml

from scripts.attack.ledger import Ledger
from scripts.attack.targets import started

EVIL = "https://model.evil.example/v1"
KEY = {"THESYS_API_KEY": "sk-of-the-person"}
PROMPT = "C1FN_SYSTEM_PROMPT_FILE"
OWN = f"C1FN_BASE_URL={EVIL}\nTHESYS_API_KEY=x"
"""An address, with a key of its author's."""

ENV: list[tuple[str, dict[str, str], dict[str, str]]] = [
    ("an address for the environment's key (CVE-2026-21852)", {".env": f"C1FN_BASE_URL={EVIL}"}, KEY),
    ("the same in .env.local", {".env.local": f"C1FN_BASE_URL={EVIL}"}, KEY),
    (
        "an address for the other file's key",
        {".env": f"C1FN_BASE_URL={EVIL}", ".env.local": "THESYS_API_KEY=k"},
        {},
    ),
    ("a table for prompts", {".env": f"C1FN_STORE=dynamodb\nC1FN_DYNAMODB_ENDPOINT={EVIL}"}, KEY),
    ("a file of the machine as the prompt", {".env": f"{PROMPT}=/etc/passwd\n{OWN}"}, {}),
    ("a file beside the folder", {".env": f"{PROMPT}=../x.txt"}, KEY),
    ("the person's .env.local as the prompt", {".env": f"{PROMPT}=.env.local", ".env.local": "A=b"}, KEY),
]


async def run(ledger: Ledger, tree: Path) -> None:
    for name, files, environ in ENV:
        for command in ("serve", "lambda"):
            ledger.note(
                f".env: {name}, {command}",
                held=await _refused(tree, command, files, environ),
                seen="it started",
            )
    _deployed(ledger, tree)


async def _refused(tree: Path, command: str, files: dict[str, str], environ: dict[str, str]) -> bool:
    """Whether the command ends with a sentence instead of serving."""
    with tempfile.TemporaryDirectory() as name:
        folder = _written(Path(name), files)
        async with started(tree, folder, "-m", "c1fn", command, "--port", "0", **environ) as process:
            async with asyncio.timeout(90):
                line = (await process.stdout.readline()).decode()
            return line.startswith("c1fn: ") and "http://127.0.0.1" not in line


def _written(folder: Path, files: dict[str, str]) -> Path:
    """A folder with these files, beside a private one."""
    (folder / "x.txt").write_text("private")
    cloned = folder / "cloned"
    cloned.mkdir()
    for name, text in files.items():
        (cloned / name).write_text(text + "\n")
    return cloned


def _deployed(ledger: Ledger, tree: Path) -> None:
    workflow = (tree / ".github/workflows/deploy.yml").read_text()
    steps = [step for job in yaml.safe_load(workflow)["jobs"].values() for step in job["steps"]]
    unpinned = [
        step["uses"] for step in steps if "uses" in step and not re.search(r"@[0-9a-f]{40}$", step["uses"])
    ]
    ledger.note("an action by a tag that can be moved (CVE-2025-30066)", held=not unpinned, seen=unpinned)
    ledger.note(
        "a model's name that opens the stack", held="MODEL" in str(steps[0].get("env")), seen=steps[0]
    )
    ledger.note(
        "a default that resets a dated model", held="default: c1" not in workflow, seen="default: c1-nightly"
    )
    whole = yaml.safe_load(workflow)["permissions"]
    ledger.note("every step may have the role's token", held="id-token" not in whole, seen=whole)
    serverless = (tree / "serverless.yml").read_text()
    ledger.note(
        "the model's key in osls' state", held="env:THESYS_API_KEY" not in serverless, seen="ModelKey"
    )
    template = (tree / "template.yaml").read_text()
    pattern = re.search(r'AllowedPattern: "(\|arn:.*secretsmanager.*)"', template)
    for arn in (
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:*",
        "arn:aws:secretsmanager:*:*:secret:c1fn",
    ):
        taken = pattern is not None and re.fullmatch(pattern[1], arn) is not None
        ledger.note(f"every secret of the account: {arn}", held=not taken, seen=pattern and pattern[1])
    rule = re.search(r'AllowedOrigins, "\*"', template)
    ledger.note("a public URL for every page and nobody in particular", held=bool(rule), seen="no rule")
    docs = (tree / "docs/deploy.md").read_text()
    ledger.note(
        "a grant that lets the URL's callers invoke directly",
        held="InvokedViaFunctionUrl" in docs,
        seen="no condition",
    )
