"""Builds the official client's page with Node while the local server already answers.

A build is in a folder named by a hash of its sources, so each state of the sources is built once. It is made
in another folder and moved when it is complete. A file lock lets one process build at a time. A build that
still runs when the server ends is stopped, with all its child processes.

https://vite.dev/guide/build · https://docs.npmjs.com/cli/commands/npm-ci
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from starlette.types import ASGIApp, Receive, Scope, Send

from c1fn.api.pages import Site

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
PAGES = {"c1": WEB, "openui": ROOT / "web-openui"}
"""The sources of each client's page."""

SOURCES = ("*.json", "*.html", "*.ts", ".npmrc", "src/**/*")

SHARED = "web/src/signin/*"
"""What each page has: the sign-in, whose sources are beside the page of C1's client."""

NODE = 18
"""The oldest Node that Vite 6 runs on."""

PATIENCE = 900.0
"""Seconds for one command: a slow network and a slow machine together stay below."""

TAIL = 20
"""Lines of a failed command's output that are shown: npm and Vite say what was wrong at the end."""

PASSED_ON = re.compile(
    r"PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|XDG_\w+|CI|NODE_(ENV|OPTIONS|EXTRA_CA_CERTS)|npm_config_\w+"
    r"|SSL_CERT_(FILE|DIR)|(HTTPS?|NO|ALL)_PROXY",
    re.IGNORECASE,
)
"""What npm and Node get of the environment: they run the code of hundreds of packages, which need no key."""

NOT_ASKED = (
    f"This is the plain page: where Node.js {NODE} or later is installed, "
    "`make run` builds the page of the official client."
)
NO_NODE = (
    f"This is the plain page, because Node.js {NODE} or later is not installed here: "
    "install it together with npm and start the server again to get the page of the official client."
)
BUILDING = "The page of the official client is being built: reload in a minute or two."
FAILED = "The page of the official client could not be built: the server's output says why."


class _CommandFailed(Exception):
    """A command's last words."""


class Beside:
    """An ASGI application that shows its page while it serves, and builds it if need be.

    :param say: takes a line about how the build goes.
    :param build: whether to build; if not, a page that was built before is shown.
    :param environ: where ``PATH`` tells where Node is.
    """

    def __init__(
        self,
        app: ASGIApp,
        site: Site,
        say: Callable[[str], None],
        *,
        build: bool,
        web: Path = WEB,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._app = app
        self._make = partial(make, site, say, build=build, web=web, environ=environ)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return await self._app(scope, receive, send)
        making = asyncio.create_task(self._make())
        try:
            await self._app(scope, receive, send)
        finally:
            making.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await making


async def make(
    site: Site,
    say: Callable[[str], None],
    *,
    build: bool = True,
    web: Path = WEB,
    environ: Mapping[str, str] = os.environ,
) -> bool:
    """Show the page on the site, building it first if these sources never were. True when it is shown."""
    if not (web / "package.json").exists():
        return False  # installed without its sources, as in a function
    folder = web.parent / ".cache" / "web" / fingerprint(web)
    if not (folder / "index.html").exists():
        site.note = BUILDING if build else NOT_ASKED
        if build:
            site.note = await _made(web, folder, say, environ)
        if site.note:
            return False
    site.show(folder)
    say("page: ready")
    return True


async def _made(web: Path, folder: Path, say: Callable[[str], None], environ: Mapping[str, str]) -> str:
    """Nothing, or why there is no build."""
    if not await _node(environ):
        say(f"page: {NO_NODE}")
        return NO_NODE
    say("page: building it once, which takes a minute or two …")
    started = time.monotonic()
    try:
        async with _alone(folder.parent):
            await _build(web, folder, environ)
    except (_CommandFailed, OSError) as failure:
        say(f"page: the build failed\n{failure}")
        return FAILED
    say(f"page: built in {time.monotonic() - started:.0f} s")
    return ""


def fingerprint(web: Path) -> str:
    """A name for this state of the page's sources."""
    digest = hashlib.sha256()
    found = {path for pattern in SOURCES for path in web.glob(pattern)} | set(web.parent.glob(SHARED))
    for path in sorted(path for path in found if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(web.parent).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


async def _build(web: Path, folder: Path, environ: Mapping[str, str]) -> None:
    if (folder / "index.html").exists():
        return  # another process was quicker
    locks = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()
    installed = web / "node_modules" / ".c1fn-installed"
    if not installed.exists() or installed.read_text() != locks:
        # Vite is a development dependency: production environments leave those out unless told so.
        await _run(web, environ, "npm", "ci", "--include=dev", "--no-audit", "--no-fund", "--ignore-scripts")
        installed.write_text(locks)
    with TemporaryDirectory(dir=folder.parent) as temporary:
        made = Path(temporary, "made")
        await _run(web, environ, "npm", "run", "build", "--", "--outDir", str(made), "--emptyOutDir")
        shutil.move(made, folder)


async def _node(environ: Mapping[str, str]) -> bool:
    path = environ.get("PATH")
    if not shutil.which("npm", path=path) or not shutil.which("node", path=path):
        return False
    try:
        version = re.match(r"v(\d+)", await _run(Path.cwd(), environ, "node", "--version"))
    except _CommandFailed:
        return False
    return version is not None and int(version[1]) >= NODE


async def _run(folder: Path, environ: Mapping[str, str], name: str, *arguments: str) -> str:
    """What the command said.

    :raises _CommandFailed: it failed, or took too long.
    """
    command = shutil.which(name, path=environ.get("PATH")) or name
    passed = {name: value for name, value in environ.items() if PASSED_ON.fullmatch(name)}
    process = await asyncio.create_subprocess_exec(
        command, *arguments, cwd=folder, env=passed, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE):
            output = (await process.communicate())[0].decode(errors="replace")
    except TimeoutError:
        raise _CommandFailed(f"{name} {arguments[0]} took longer than {PATIENCE:.0f} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # it holds nothing that must be saved
            await process.wait()
    if process.returncode:
        raise _CommandFailed("\n".join(output.splitlines()[-TAIL:]))
    return output


@contextlib.asynccontextmanager
async def _alone(folder: Path) -> AsyncGenerator[None, None]:
    """Waits until no other process builds here; the lock ends with its process."""
    with _opened(folder, "lock") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(1)  # a build takes about a minute
        yield


def _opened(folder: Path, name: str) -> IO[str]:
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / name).open("w")


if __name__ == "__main__":
    import sys

    wanted = PAGES[sys.argv[1]] if sys.argv[1:] else WEB
    sys.exit(not asyncio.run(make(Site(), lambda line: print(line, flush=True), web=wanted)))  # noqa: T201 - a command
