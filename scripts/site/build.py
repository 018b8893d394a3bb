"""Builds the function and the page on this machine, and brings the function to where CloudFormation finds it.

The page is built here and not shipped: the official client's licence lets people use it and not pass it on.
"""

import asyncio
import os
import subprocess
from pathlib import Path

from c1fn.api.pages import Site as Shown
from c1fn.local import page_build
from scripts.site import Site, Stop

ROOT = Path(__file__).parents[2]
TEMPLATE = "template-site.yaml"
BUILT = ROOT / ".aws-sam/site"

TAIL = 20
"""Lines of a failed command's output that are shown: they say at the end what was wrong."""

SECRET = ("THESYS_API_KEY", "OIDC_CLIENT_SECRET")
"""Not passed on to the programs of others."""


def function(sam: Path, runtime: str, architecture: str, site: Site) -> str:
    """Build it with SAM for this Python and processor, and upload it to the bucket that SAM keeps for this.

    :returns: the template that leads there.

    :raises Stop: a command failed.
    """
    folder = BUILT / f"{site.stack}-{site.region}"  # two sites may be made at once
    packaged, where = folder / "packaged.yaml", ("--region", site.region)
    choice = ("--parameter-overrides", f"Runtime={runtime}", f"Architecture={architecture}")
    _run(sam, "build", "--template", TEMPLATE, "--build-dir", folder, *where, *choice)
    made = ("--template-file", folder / "template.yaml", "--output-template-file", packaged)
    _run(sam, "package", *made, "--resolve-s3", *where)
    return packaged.read_text("utf-8")


def page(name: str) -> Path:
    """The folder of a page that is built: by its name, or one's own.

    :raises Stop: it could not be built.
    """
    if name not in page_build.PAGES:
        return Path(name).resolve()
    web = page_build.PAGES[name]
    if not asyncio.run(page_build.make(Shown(), lambda line: print(f"  {line}", flush=True), web=web)):
        raise Stop("The page was not built: the lines above say why. Mend it, and run this again.")
    return web.parent / ".cache/web" / page_build.fingerprint(web)


def _run(*command: str | Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name not in SECRET}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=environ | {"SAM_CLI_TELEMETRY": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-TAIL:])
        what = " ".join(Path(part).name for part in command[:2])
        raise Stop(
            f"{last}\n`{what}` failed: its last lines stand above. Mend what they say, and run this again."
        )
