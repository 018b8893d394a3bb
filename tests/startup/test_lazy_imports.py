"""Packages that are loaded when they are needed."""

import ast
import compileall
import importlib
import pkgutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from types import ModuleType

import pytest

from c1fn.startup.lazy_imports import lazy

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sources", "bytecode"])
def things(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package `things` with a heavy tree `things.types` in it; also as it is deployed, without sources."""
    files = {
        "things/__init__.py": "go_on = int\nfrom . import types\nfrom .types.small import Small\n",
        "things/types/__init__.py": "from .big import Big as Big, Big as Large\n"
        "from . import deep as deep\nruns = [1]\nfrom .needy import x\nveiled = None\n"
        "from .held import Held as Held\nkey = None\n",
        "things/types/held.py": "from things import go_on\ngo_on()\nfrom . import other\nclass Held: ...\n",
        "things/types/other.py": "",
        "things/types/veiled.py": "",
        "things/types/needy.py": "from . import runs\nx = runs\n",
        "things/types/small.py": "class Small: ...\n",
        "things/types/big.py": "class Big: ...\n",
        "things/types/deep/__init__.py": "__all__ = ['deepest']\ndeepest = 3\nhidden = 4\n"
        "def __getattr__(name):\n    if name == 'made':\n        return 5\n    raise AttributeError(name)\n",
        "things/types/broken/__init__.py": "raise ValueError('broken')\n",
        "things/types/slow/__init__.py": "spent = sum(range(2_000_000))\nruns = [1]\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    if request.param == "bytecode":
        compileall.compile_dir(tmp_path, quiet=2, legacy=True)
        for source in tmp_path.rglob("*.py"):
            source.unlink()
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "things/types/deep/data.txt").write_text("data")
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "things"]:
        del sys.modules[name]


def load(name: str) -> object:
    with lazy("things.types"):
        return importlib.import_module(name)


@pytest.mark.usefixtures("things")
class TestLate:
    def test_a_package_of_the_tree_runs_when_it_is_first_asked_for_something(self) -> None:
        module = load("things")
        assert "things.types.big" not in sys.modules
        assert module.types.Big.__name__ == "Big"  # type: ignore[attr-defined]  # made by the fixture
        assert "things.types.big" in sys.modules

    def test_a_module_in_the_tree_is_imported_without_its_package(self) -> None:
        module = load("things")
        assert module.Small is sys.modules["things.types.small"].Small  # type: ignore[attr-defined]  # as above
        assert "things.types.big" not in sys.modules

    def test_a_name_that_a_package_takes_from_a_module_loads_that_module_alone(self) -> None:
        module = load("things")
        assert module.types.Big.__name__ == "Big"  # type: ignore[attr-defined]  # as above
        assert "things.types.deep" not in sys.modules
        assert module.types.runs == [1]  # type: ignore[attr-defined]  # the package's own: now it runs
        assert "things.types.deep" in sys.modules

    def test_a_name_is_looked_for_once(self) -> None:
        types = load("things.types")
        big = getattr(types, "Big")  # noqa: B009 - made by the fixture
        assert vars(types)["Big"] is big
        assert "things.types.deep" not in sys.modules  # the package still waits
        assert getattr(types, "runs") == [1]  # noqa: B009 - as above
        assert vars(types)["Big"] is big

    def test_a_name_that_a_package_gives_to_it_runs_the_package(self) -> None:
        module = load("things")
        assert module.types.Large.__name__ == "Big"  # type: ignore[attr-defined]  # as above
        assert "things.types.deep" in sys.modules

    def test_a_module_that_needs_its_package_gets_it(self) -> None:
        """Which in turn needs the module."""
        module = load("things")
        assert module.types.x == [1]  # type: ignore[attr-defined]  # as above

    def test_a_name_that_the_package_makes_hides_a_module_of_that_name(self) -> None:
        load("things.types")
        assert sys.modules["things.types"].veiled is None

    def test_what_a_late_package_imports_is_late_as_well(self) -> None:
        module = load("things")
        assert module.types.runs == [1]  # type: ignore[attr-defined]  # as above
        deep = sys.modules["things.types.deep"]
        assert "deepest" not in vars(deep)
        assert deep.deepest == 3

    def test_from_import_works_as_ever(self) -> None:
        load("things")
        namespace: dict[str, object] = {}
        exec("from things.types import Big, deep, small\nfrom things.types.deep import *", namespace)  # noqa: S102 - the statement is the test
        assert {"Big", "deep", "small", "deepest"} <= namespace.keys()
        assert "hidden" not in namespace

    def test_a_listing_loads_what_it_lists(self) -> None:
        load("things")
        assert "Big" in dir(sys.modules["things.types"])

    def test_what_is_not_there_is_an_attribute_error(self) -> None:
        load("things")
        with pytest.raises(AttributeError, match=r"module 'things\.types' has no attribute 'nothing'"):
            _ = sys.modules["things.types"].nothing

    def test_a_package_that_cannot_run_tells_why(self) -> None:
        load("things.types.broken")
        for _ in range(2):
            with pytest.raises(ValueError, match="broken"):
                _ = sys.modules["things.types.broken"].anything

    def test_many_threads_load_it_once_and_none_sees_it_half_done(self) -> None:
        load("things.types.slow")
        start, seen = threading.Barrier(8), []

        def ask() -> None:
            start.wait()
            seen.append(getattr(sys.modules["things.types.slow"], "runs", None))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [[1]] * 8
        assert len({id(runs) for runs in seen}) == 1

    def test_threads_that_want_the_same_module_do_not_wait_for_each_other(self) -> None:
        """One imports it and needs its package for that; the other has the package look into it."""
        module = load("things")
        begun, asked = threading.Event(), threading.Event()

        def go_on() -> None:
            begun.set()
            asked.wait()
            time.sleep(0.1)  # until the other waits for the import

        module.go_on = go_on  # type: ignore[attr-defined]  # made by the fixture
        importing = threading.Thread(target=importlib.import_module, args=["things.types.held"], daemon=True)
        importing.start()
        assert begun.wait(5)

        def ask() -> None:
            asked.set()
            _ = module.types.Held  # type: ignore[attr-defined]  # as above

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        for thread in (importing, asking):
            thread.join(5)
            assert not thread.is_alive()

    def test_what_is_set_before_it_runs_stays_set(self) -> None:
        """As in `openai.api_key = ...`."""
        load("things")
        package = sys.modules["things.types"]
        package.key = "mine"  # type: ignore[attr-defined]  # as above
        assert package.runs == [1]
        assert package.key == "mine"

    def test_a_package_that_makes_names_on_demand_is_asked_the_first_time_as_well(self) -> None:
        load("things.types.deep")
        assert sys.modules["things.types.deep"].made == 5

    def test_a_package_gives_its_data(self) -> None:
        load("things.types.deep")
        assert pkgutil.get_data("things.types.deep", "data.txt") == b"data"
        assert (resources.files("things.types.deep") / "data.txt").read_text() == "data"

    def test_another_threads_imports_are_not_late(self) -> None:
        with lazy("things.types"):
            thread = threading.Thread(target=importlib.import_module, args=["things"])
            thread.start()
            thread.join()
        assert "things.types.big" in sys.modules

    def test_only_the_block_is_changed(self) -> None:
        with pytest.raises(ModuleNotFoundError):
            load("things.absent")
        del sys.modules["things"], sys.modules["things.types"]
        importlib.import_module("things")
        assert "things.types.big" in sys.modules


def fresh(program: str) -> str:
    """What a new interpreter prints."""
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def test_the_c1_model_does_without_the_types_and_the_other_clouds_of_openai() -> None:
    """The largest parts of what `import openai` would load."""
    names = ["openai.types.responses.response", "openai.types.chat.chat_completion", "openai.lib.azure"]
    program = f"import sys, c1fn.models.c1; print([name for name in {names} if name in sys.modules])"
    assert fresh(program) == "[]"


def names_of(package: ModuleType) -> list[str]:
    """What it takes from its modules."""
    tree = ast.parse(Path(str(package.__file__)).read_text("utf-8"))
    return [
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
        if alias.name != "*"
    ]


@pytest.mark.parametrize("first", ["openai.OpenAI", "dir(openai)"])
def test_openai_is_whole_all_the_same(first: str) -> None:
    """Each name of openai and of its types is there, and the package's own way to ask works."""
    import openai
    import openai.types

    wanted = {"openai": [*openai.__all__, *names_of(openai)], "openai.types": names_of(openai.types)}
    assert all(len(names) > 50 for names in wanted.values())
    program = (
        f"import c1fn.models.c1, openai, openai.types, sys\n{first}\n"
        f"print([[m, n] for m, names in {wanted}.items() for n in names if not hasattr(sys.modules[m], n)])\n"
        "from openai.types.chat import ChatCompletionChunk\n"
        "print(openai.AsyncOpenAI(api_key='k').chat.completions.create.__name__)\n"
        "print(openai.OpenAI is sys.modules['openai._client'].OpenAI, openai._client)\n"
    )
    assert fresh(program).split("\n") == ["[]", "create", "True None"]
