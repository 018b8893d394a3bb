"""The arrows between the rooms: which may import which, and which library stands where.

A room is a folder of c1fn, or a module that stands beside them. What is not in the tables is forbidden.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.room_coverage import own_tests

ROOT = Path(__file__).parent.parent

NOUNS = {"turn", "events", "errors"}

ROOMS: dict[str, set[str]] = {
    "handler": {"compose", "runtime", "settings", "telemetry"},
    "__main__": {"compose", "local", "api", "runtime", "stores", "telemetry", "settings"} | NOUNS,
    "compose": {"api", "chat", "models", "stores", "identity", "telemetry", "startup", "settings", "toolbox"}
    | NOUNS,
    "local": {"api", "stores", "telemetry", "runtime", "settings", "identity", "startup"} | NOUNS,
    "api": {"chat", "stores", "identity", "telemetry", "startup"} | NOUNS,
    "chat": {"models", "stores", "telemetry", "net"} | NOUNS,
    "models": {"net", "startup"} | NOUNS,
    "stores": {"net"} | NOUNS,
    "telemetry": NOUNS,
    "runtime": {"startup", "identity"},  # the emulator lets no page of another site in
    "identity": {"net", "startup"} | NOUNS,
    "net": {"startup"},
    "startup": set(),
    "settings": {"errors"},
    "toolbox": set(),
    "events": {"turn", "errors"},
    "errors": set(),
    "turn": set(),
}
"""From the top of the house to its ground: a room may import only rooms that stand below it."""

LIBRARIES: dict[str, set[str]] = {
    "mangum": {"runtime.buffered"},
    "dotenv": {"local.environment"},
    "fastapi": {"api", "local", "compose"},  # compose returns the application, local serves it
    "starlette": {"api", "local"},
    "pydantic": {"api", "chat.tools", "chat.mcp", "settings", "startup.deferred_models", "compose"},
    "pydantic_core": {"chat.tools", "chat.mcp", "local.terminal"},
    "mcp": {"chat.mcp"},
    "mcp_types": {"chat.mcp"},
    "jsonschema": {"chat.mcp"},  # what mcp brings
    "openai": {"models.c1"},
    "httpx2": {
        "models.c1",
        "models.responses",
        "models.retries",
        "models.net",
        "identity.oidc",
        "chat.mcp",
        "local.terminal",
    },
    "httpcore2": {"net", "models.net"},
    "boto3": {"startup.aws"},
    "botocore": {"startup.aws", "net.aws.boto", "local.terminal"},
    "urllib3": {"startup.aws"},
    "jwt": {"identity.oidc"},
    "opentelemetry": {"telemetry.tracing", "telemetry.otel"},
    "uvicorn": {"local.server"},
    "rich": {"local.terminal"},
    "prompt_toolkit": {"local.terminal"},
    "h11": {"runtime.emulator", "local.server"},
}
"""One library, one room: where a library has more than one, each reads other parts of it."""

PORTS = {"stores.cursor", "stores.owners", "stores.resuming", "stores.shares"}
"""Modules of an adapter's room that are no adapter: any room above may import them."""


def modules() -> Iterator[tuple[str, Path]]:
    """The name of each module below c1fn, and its file; `handler` stands beside them."""
    yield "handler", ROOT / "handler.py"
    for path in sorted((ROOT / "c1fn").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT / "c1fn").with_suffix("").parts)
        yield name.removesuffix(".__init__"), path


KNOWN = {name for name, _ in modules()}

EACH_MODULE = pytest.mark.parametrize(
    ("name", "path"), list(modules()), ids=lambda value: str(value) if isinstance(value, str) else ""
)


def imports(path: Path) -> Iterator[str]:
    """What a file imports, wherever in it: our modules without the leading `c1fn.`, libraries by name."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("c1fn.") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the arrow"
            assert node.module
            module = node.module.removeprefix("c1fn.")
            for alias in node.names:
                submodule = alias.name if module == "c1fn" else f"{module}.{alias.name}"
                yield submodule if submodule in KNOWN else module


def is_ours(imported: str) -> bool:
    return imported == "c1fn" or imported in KNOWN


def is_allowed(imported: str, importer: str) -> bool:
    top, room = imported.partition(".")[0], importer.partition(".")[0]
    if imported == "c1fn" or (top == room and is_ours(imported)):
        return True  # the version, or a neighbour in the same room
    if is_ours(imported):
        return top in ROOMS[room]
    return top in sys.stdlib_module_names or any(
        importer == where or importer.startswith(f"{where}.") for where in LIBRARIES[top]
    )


@EACH_MODULE
def test_a_module_imports_only_what_the_tables_allow(name: str, path: Path) -> None:
    assert [found for found in imports(path) if not is_allowed(found, name)] == []


def test_no_arrow_runs_back_up() -> None:
    floors = list(ROOMS)
    back = [
        f"{room} -> {below}"
        for room, allowed in ROOMS.items()
        for below in allowed
        if floors.index(below) <= floors.index(room)
    ]
    assert back == []


def test_every_room_stands_in_the_table() -> None:
    """`c1fn/__init__.py` holds the version alone and belongs to no room."""
    assert {name.partition(".")[0] for name in KNOWN} - {"__init__"} == set(ROOMS)


def test_the_package_has_at_most_nineteen_entries() -> None:
    entries = (ROOT / "c1fn").iterdir()
    # What an earlier layout left in a checkout is a folder of compiled files alone.
    listed = {path.name for path in entries if path.is_file() or any(path.glob("*.py"))}
    assert len(listed) <= 19, sorted(listed)


@EACH_MODULE
def test_a_wire_knows_the_plain_data_types_alone(name: str, path: Path) -> None:
    """So that another protocol is one more file, whatever becomes of FastAPI."""
    if name.startswith("api.wires."):
        ours = {found for found in imports(path) if is_ours(found)}
        assert ours <= NOUNS | {found for found in ours if found.startswith("api.wires.")}


def adapters(port: str) -> set[str]:
    """The modules of a room that implement its port."""
    return {name for name in KNOWN if name.startswith(f"{port}.") and name not in PORTS}


@EACH_MODULE
def test_an_adapter_is_named_by_compose_and_the_command_line_alone(name: str, path: Path) -> None:
    """Everything else asks the port: which adapter it speaks to is decided in one place."""
    if name.partition(".")[0] in {"compose", "__main__"}:
        return
    for port in ("stores", "models"):
        if name.partition(".")[0] != port:
            assert [found for found in imports(path) if found in adapters(port)] == []


@EACH_MODULE
def test_the_client_of_mcp_servers_is_named_by_compose_alone(name: str, path: Path) -> None:
    """It is an extra: what imports it needs packages that are not in the function."""
    if not name.startswith(("chat.mcp", "compose.mcp")):
        assert [found for found in imports(path) if found.startswith("chat.mcp")] == []


def test_compose_imports_its_adapters_late() -> None:
    """What a process does not use costs it no cold start."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "c1fn/compose").glob("*.py")]
    at_the_top = [node.module for tree in trees for node in tree.body if isinstance(node, ast.ImportFrom)]
    late = ("c1fn.stores.", "c1fn.models.", "c1fn.api", "c1fn.chat.mcp")
    assert [name for name in at_the_top if name and name.startswith(late)] == []


@EACH_MODULE
def test_every_module_has_a_test_file_of_its_own(name: str, path: Path) -> None:
    """What it covers of its module: `make cover`."""
    if path.name == "__init__.py" or name == "runtime.__main__":
        pytest.skip("a port or an entry without logic: its parts' tests are its own")
    assert own_tests(path)


def test_every_public_name_of_a_module_has_a_docstring() -> None:
    """An error's class has a title and a detail instead."""
    without = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in (ROOT / "c1fn").rglob("*.py")
        if path.name != "errors.py"
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and "overload" not in map(ast.unparse, node.decorator_list)
    ]
    assert without == []
