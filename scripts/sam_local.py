"""Every sample event through the real `sam local invoke`, on what was built, with and without the wrapper.

`sam local invoke` ends with 0 even when the function never started, so each answer is judged by what it says.
Needs what SAM needs: a container engine that speaks the Docker API (Docker, or `podman system service` with
DOCKER_HOST set to its socket), and the image public.ecr.aws/lambda/python:3.13.

    python3 scripts/sam_local.py .cache/deploy/bin/sam x86_64
"""

import argparse
import base64
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

ALONE = {"C1FN_STORE": "memory", "C1FN_MODEL": "offline", "C1FN_AUTH": "none", "C1FN_SECRET": ""}
"""Settings under which the function needs neither an account nor a key."""

RUNTIMES: dict[str, dict[str, str]] = {"c1fn's runtime": {}, "AWS's runtime": {"AWS_LAMBDA_EXEC_WRAPPER": ""}}
"""Through the wrapper that the template names, and without it."""

PATIENCE = 180
"""Seconds for one invocation; the first one builds an image."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sam", help="the command")
    parser.add_argument("architecture", choices=["arm64", "x86_64"])
    options = parser.parse_args(arguments)
    failed = 0
    for runtime, environ in RUNTIMES.items():
        for event in sorted((ROOT / "events").glob("*.json")):
            outcome = invoke(options.sam, options.architecture, event, {**ALONE, **environ})
            failed += not outcome.startswith("200")
            print(f"{runtime:14} {event.name:18} {outcome}", flush=True)
    print(f"{failed} failed" if failed else "all answered")
    return min(failed, 1)


def invoke(sam: str, architecture: str, event: Path, environ: Mapping[str, str]) -> str:
    """The status of the answer, and how it begins; or what went wrong, as SAM told it."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as variables:
        json.dump({"ChatFunction": environ}, variables)
        variables.flush()
        command = [
            sam,
            "local",
            "invoke",
            "ChatFunction",
            "--event",
            str(event),
            "--env-vars",
            variables.name,
        ]
        done = subprocess.run(
            [*command, "--skip-pull-image", "--parameter-overrides", f"Architecture={architecture}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    try:
        answer = json.loads(done.stdout.strip().rpartition("\n")[2])
        body = answer["body"]
        text = base64.b64decode(body).decode() if answer.get("isBase64Encoded") else body
        return f"{answer['statusCode']} {len(text)} characters: {text[:60]!r}"
    except (ValueError, TypeError, KeyError):
        return "no answer: " + (done.stdout + done.stderr).strip()[-2000:]


if __name__ == "__main__":
    sys.exit(main())
