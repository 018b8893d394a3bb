import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from c1fn.api.pages import Site
from c1fn.local.page_build import BUILDING, FAILED, NO_NODE, NOT_ASKED, Beside, fingerprint, make

BUILD = """
case "$1" in
ci) mkdir -p node_modules ;;
run) mkdir -p "$5/assets" && echo built > "$5/index.html" && echo "$1" > "$5/assets/a.js" ;;
esac
"""
"""What npm does here: `npm ci` installs, `npm run build -- --outDir FOLDER` builds."""


@dataclass
class Machine:
    """A checkout, and a PATH with the `node` and `npm` of a test's choice: real programs, small ones."""

    root: Path
    site: Site = field(default_factory=Site)
    said: list[str] = field(default_factory=list)

    @property
    def web(self) -> Path:
        return self.root / "web"

    @property
    def environ(self) -> Mapping[str, str]:
        return {"PATH": f"{self.root / 'bin'}:{os.defpath}", "XDG_LOG": str(self.root / "log")}

    @property
    def ran(self) -> list[str]:
        log = self.root / "log"
        return log.read_text().splitlines() if log.exists() else []

    def install(self, name: str, script: str) -> None:
        program = self.root / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}")
        program.chmod(0o755)

    async def make(self, *, build: bool = True) -> bool:
        return await make(self.site, self.said.append, build=build, web=self.web, environ=self.environ)

    async def page(self) -> str:
        page = await self.site.page()
        return _text(page.path) if isinstance(page, FileResponse) else bytes(page.body).decode()


def _text(path: str | os.PathLike[str]) -> str:
    return Path(path).read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "web/src").mkdir(parents=True)
    for name in ("package.json", "package-lock.json", "src/main.tsx"):
        (tmp_path / "web" / name).write_text("{}")
    machine = Machine(tmp_path)
    machine.install("node", "echo v18.19.0\n")
    machine.install("npm", f'echo "npm $1" >> "$XDG_LOG"\n{BUILD}')
    return machine


async def test_the_page_is_built_and_shown(machine: Machine) -> None:
    assert await machine.make()
    assert machine.ran == ["npm ci", "npm run"]
    assert await machine.page() == "built\n"
    assert machine.said[-1] == "page: ready"


async def test_the_programs_of_others_are_given_no_key(machine: Machine) -> None:
    """`npm run build` runs the code of some hundred packages."""
    machine.install("npm", f'env > "$XDG_LOG.env"\n{BUILD}')
    private = {"THESYS_API_KEY": "planted", "C1FN_KEYS": "planted", "AWS_SESSION_TOKEN": "planted"}
    given = {**machine.environ, **private, "GITHUB_TOKEN": "planted", "HTTPS_PROXY": "http://proxy:8"}
    assert await make(machine.site, machine.said.append, web=machine.web, environ=given)
    told = (machine.root / "log.env").read_text()
    assert "planted" not in told
    assert "HTTPS_PROXY=http://proxy:8" in told


async def test_the_same_sources_are_built_once(machine: Machine) -> None:
    await machine.make()
    again = Machine(machine.root)
    assert await again.make(build=False)
    assert await again.page() == "built\n"
    assert machine.ran == ["npm ci", "npm run"]


async def test_changed_sources_are_built_anew_with_the_packages_that_are_there(machine: Machine) -> None:
    await machine.make()
    (machine.web / "src/main.tsx").write_text("changed")
    await machine.make()
    assert machine.ran == ["npm ci", "npm run", "npm run"]


async def test_a_changed_lock_file_is_installed(machine: Machine) -> None:
    await machine.make()
    (machine.web / "package-lock.json").write_text("changed")
    await machine.make()
    assert machine.ran == ["npm ci", "npm run", "npm ci", "npm run"]


async def test_two_servers_build_once(machine: Machine) -> None:
    other = Machine(machine.root)
    assert all(await asyncio.gather(machine.make(), other.make()))
    assert machine.ran == ["npm ci", "npm run"]


@pytest.mark.parametrize("script", ["echo v16.20.2", "echo none", "exit 1", None])
async def test_without_a_recent_node_the_plain_page_says_how_to_get_the_other_one(
    machine: Machine, script: str | None
) -> None:
    if script is None:
        await make(machine.site, machine.said.append, web=machine.web, environ={"PATH": ""})
    else:
        machine.install("node", script)
        await machine.make()
    assert machine.site.note == NO_NODE
    assert machine.said == [f"page: {NO_NODE}"]
    assert machine.ran == []


async def test_a_server_that_was_not_asked_to_build_does_not(machine: Machine) -> None:
    assert not await machine.make(build=False)
    assert (machine.site.note, machine.ran) == (NOT_ASKED, [])


async def test_a_failed_build_tells_its_last_lines_and_leaves_nothing(machine: Machine) -> None:
    machine.install("npm", "seq 1 99; echo why >&2; exit 3\n")
    assert not await machine.make()
    assert machine.site.note == FAILED
    assert machine.said[-1].endswith("98\n99\nwhy")
    assert "\n79\n" not in machine.said[-1]
    assert [path.name for path in (machine.root / ".cache/web").iterdir()] == ["lock"]


async def test_a_package_without_sources_serves_the_plain_page_without_a_word(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert not await machine.make()
    assert (machine.site.note, machine.said) == ("", [])


async def test_every_source_counts_and_nothing_else(machine: Machine) -> None:
    before = fingerprint(machine.web)
    (machine.web / "node_modules/x").mkdir(parents=True)
    (machine.web / "node_modules/x/package.json").write_text("{}")
    assert fingerprint(machine.web) == before
    (machine.web / "vite.config.ts").write_text("")
    assert fingerprint(machine.web) != before


async def test_the_sign_in_that_all_pages_have_counts_for_each(machine: Machine) -> None:
    other = machine.root / "web-openui"
    before = fingerprint(other)
    (machine.web / "src/signin").mkdir(parents=True)
    (machine.web / "src/signin/send.ts").write_text("")
    assert fingerprint(other) != before


async def test_a_server_answers_while_it_builds_and_ends_the_build_with_all_its_children(
    machine: Machine,
) -> None:
    """The build's child here waits for ever, holding a pipe open that ends when its last writer has."""
    told, never = machine.root / "told", machine.root / "never"
    os.mkfifo(told)
    os.mkfifo(never)
    machine.install("npm", f'(exec 3> "{told}"; echo begun >&3; read line < "{never}")\n')
    running, end = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's shape
        running.set()
        await end.wait()

    async def nothing(*_: object) -> None:
        raise AssertionError

    beside = Beside(
        app, machine.site, machine.said.append, build=True, web=machine.web, environ=machine.environ
    )
    serving = asyncio.create_task(beside({"type": "lifespan"}, nothing, nothing))  # type: ignore[arg-type]  # never called
    await running.wait()
    with await asyncio.to_thread(told.open) as pipe:
        assert await asyncio.to_thread(pipe.readline) == "begun\n"
        assert BUILDING in await machine.page()
        end.set()
        await serving
        assert await asyncio.to_thread(pipe.read) == ""
