"""The arrows between the rooms: who may import whom. Everything that is not in the table is forbidden."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.room_coverage import own_tests

ROOT = Path(__file__).parent.parent

NOUNS = {"c1fn.turn", "c1fn.events", "c1fn.errors"}
PORTS = {"c1fn.stores", "c1fn.models", "c1fn.log"}

ARROWS: dict[str, set[str]] = {
    "handler": {"c1fn.compose", "c1fn.log", "c1fn.settings", "c1fn.runtime", "mangum"},
    "c1fn.__main__": {
        "c1fn",
        "c1fn.compose",
        "c1fn.settings",
        "c1fn.errors",
        "c1fn.log",
        "c1fn.terminal",
        "c1fn.terminal.local",
        "c1fn.stores",
        "c1fn.support",
    }
    | {"c1fn.runtime", "c1fn.server", "c1fn.site", "c1fn.vite", "c1fn.stores.dynamodb", "dotenv"},
    "c1fn.support": {"c1fn.log", "c1fn.stores"} | NOUNS,
    "c1fn.server": {"uvicorn", "fastapi", "starlette"},
    "c1fn.compose": {"c1fn", "fastapi", "pydantic"},
    "c1fn.secret": {"botocore", "c1fn.aws"},
    "c1fn.aws": {"botocore", "urllib3", "c1fn.trust"},
    "c1fn.trust": set(),
    "c1fn.oidc": {"httpx2", "jwt"} | NOUNS,
    "c1fn.web": {"fastapi", "starlette", "c1fn", "c1fn.converse", "c1fn.reply", "c1fn.pour", "c1fn.body"}
    | {"c1fn.threads", "c1fn.wire", "c1fn.auth", "c1fn.site", "c1fn.methods", "c1fn.openapi", "c1fn.origins"}
    | PORTS
    | NOUNS,
    "c1fn.origins": {"starlette"} | NOUNS,
    "c1fn.site": {"starlette"},
    "c1fn.vite": {"starlette", "c1fn.site"},
    "c1fn.threads": {"fastapi", "starlette", "pydantic", "c1fn.body", "c1fn.wire", "c1fn.auth"}
    | PORTS
    | NOUNS,
    "c1fn.body": {"pydantic", "c1fn.auth"} | NOUNS,
    "c1fn.openapi": {"pydantic", "c1fn.body"} | NOUNS,
    "c1fn.methods": {"starlette"},
    "c1fn.pour": {"starlette", "c1fn.reply", "c1fn.wire"} | NOUNS,
    "c1fn.terminal": {"httpx2", "botocore", "prompt_toolkit", "rich", "pydantic_core"},
    "c1fn.terminal.local": {"fastapi", "c1fn.server"},
    "c1fn.converse": {"c1fn.reply", "c1fn.tools", "c1fn.tracing", "c1fn.watch", "c1fn.draft"} | PORTS | NOUNS,
    "c1fn.draft": {"c1fn.watch"} | PORTS | NOUNS,
    "c1fn.bell": set(),
    "c1fn.reply": {"c1fn.bell"} | NOUNS,
    "c1fn.wire": NOUNS,
    "c1fn.log": NOUNS,
    "c1fn.watch": {"c1fn.tracing"},
    "c1fn.tracing": {"opentelemetry"},
    "c1fn.auth": NOUNS,
    "c1fn.tools": {"pydantic", "pydantic_core", "c1fn.models"} | NOUNS,
    "c1fn.toolbox": set(),
    "c1fn.frugal": {"pydantic"},
    "c1fn.late": set(),
    "c1fn.settings": {"pydantic"},
    "c1fn.stores": NOUNS,
    "c1fn.models": NOUNS,
    "c1fn.stores.memory": {"c1fn.stores", "c1fn.stores.cursor"} | NOUNS,
    "c1fn.stores.dynamodb": {"botocore", "c1fn.aws", "c1fn.stores", "c1fn.stores.cursor"} | NOUNS,
    "c1fn.models.offline": {"c1fn.models"} | NOUNS,
    "c1fn.models.ahead": {"httpcore2"},
    "c1fn.models.c1": {"openai", "httpx2", "c1fn.models", "c1fn.late", "c1fn.trust"}
    | {"c1fn.models.chunks", "c1fn.models.sse", "c1fn.models.transport"}
    | NOUNS,
    "c1fn.models.chunks": NOUNS,
    "c1fn.models.dial": set(),
    "c1fn.models.network": {"httpcore2", "c1fn.bell", "c1fn.models.dial"},
    "c1fn.models.transport": {"httpcore2", "httpx2", "c1fn.models.ahead", "c1fn.models.network"},
    "c1fn.models.sse": set(),
    "c1fn.stores.cursor": {"c1fn.errors"},
    "c1fn.runtime": {"h11"},
    "c1fn.turn": set(),
    "c1fn.errors": set(),
    "c1fn.events": {"c1fn.turn", "c1fn.errors"},
    "c1fn": set(),
}
"""A room's entry also holds for the modules inside it that have none of their own."""


def modules() -> Iterator[tuple[str, Path]]:
    for path in [ROOT / "handler.py", *sorted((ROOT / "c1fn").rglob("*.py"))]:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield name.removesuffix(".__init__"), path


def imports(name: str, path: Path) -> Iterator[str]:
    assert name
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative imports hide the arrow"
            assert node.module
            known = {found for found, _ in modules()}
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in known else node.module


def room_of(name: str) -> str:
    while name not in ARROWS:
        name = name.rpartition(".")[0]
    return name


def allowed(imported: str, room: str) -> bool:
    top = imported.partition(".")[0]
    if top in sys.stdlib_module_names:
        return True
    if not imported.startswith("c1fn"):
        return top in ARROWS[room]
    if room == "c1fn.compose" or room_of(imported) == room:
        return True
    # An adapter's room is entered only by name; a package like the runtime is entered anywhere.
    return imported in ARROWS[room] or room_of(imported) in ARROWS[room]


@pytest.mark.parametrize(
    ("name", "path"), list(modules()), ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_a_room_imports_only_what_its_arrows_allow(name: str, path: Path) -> None:
    room = room_of(name)
    assert [found for found in imports(name, path) if not allowed(found, room)] == []


def test_compose_imports_its_adapters_late() -> None:
    """What a process does not use costs it no cold start."""
    tree = ast.parse((ROOT / "c1fn/compose.py").read_text("utf-8"))
    at_the_top = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    late = ("c1fn.stores.", "c1fn.models.", "c1fn.web")
    assert [name for name in at_the_top if name and name.startswith(late)] == []


@pytest.mark.parametrize(
    ("name", "path"), list(modules()), ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_every_room_has_a_test_file_of_its_own(name: str, path: Path) -> None:
    """What it covers of its room: `make cover`."""
    if path.name == "__init__.py" or name == "c1fn.runtime.__main__":
        pytest.skip("a port or an entry without logic: its parts' tests are its own")
    assert own_tests(path)
