"""What `pip install c1fn` lays down, and what the commands say where an extra is missing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from c1fn.local.package import own
from c1fn.local.package.tree import RUNTIME, RUNTIMES
from tests import wheel
from tests.processes import ROOT, environment

WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1].split()))  # as if they were not installed
from c1fn.__main__ import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel.laid_out(tmp_path_factory.mktemp("wheel"))


def without(
    packages: str, *arguments: str, installed: Path, folder: Path
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", WITHOUT, packages, *arguments]
    environ = {**environment({}), "PYTHONPATH": str(installed)}
    return subprocess.run(
        command,
        cwd=folder,
        env=environ,
        input="hi\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def test_it_holds_the_handler_and_all_that_the_packages_read(installed: Path) -> None:
    held = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "c1fn").rglob("*") if path.is_file()}
    ours = {path for path in ours if "__pycache__" not in path}
    assert {path for path in held if ".dist-info/" not in path} == ours | {
        "handler.py",
        "c1fn/local/package/requirements.txt",
        "c1fn/local/package/requirements-mcp.txt",
    }
    for name in ("requirements.txt", "requirements-mcp.txt"):
        assert (installed / "c1fn/local/package" / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "lacking"),
    [
        ("serve --port 0", "uvicorn"),
        ("serve --port 0", "pydantic"),
        ("chat", "rich"),
        ("chat", "uvicorn"),
        ("lambda --port 0", "pydantic"),
    ],
)
def test_a_command_without_its_extra_says_which_one(
    installed: Path, tmp_path: Path, arguments: str, lacking: str
) -> None:
    done = without(lacking, *arguments.split(), installed=installed, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"c1fn: this needs {lacking}: pip install 'c1fn[local]'\n"


def test_the_emulated_chat_names_the_one_extra_that_brings_all_it_needs(
    installed: Path, tmp_path: Path
) -> None:
    done = without("h11 pydantic", "lambda", "--port", "0", installed=installed, folder=tmp_path)
    assert (done.returncode, done.stderr) == (2, "c1fn: this needs pydantic: pip install 'c1fn[local]'\n")


def test_a_file_of_settings_is_not_passed_over_without_its_extra(installed: Path, tmp_path: Path) -> None:
    done = without("dotenv", "thread", "list", "--owner", "x", installed=installed, folder=tmp_path)
    assert "C1FN_STORE is memory" in done.stderr  # none is there, and none is needed
    (tmp_path / ".env").write_text("C1FN_STORE=dynamodb\n")
    done = without("dotenv", "thread", "list", "--owner", "x", installed=installed, folder=tmp_path)
    assert (done.returncode, done.stderr) == (2, "c1fn: this needs dotenv: pip install 'c1fn[local]'\n")


def test_a_package_without_pip_says_what_to_do(installed: Path, tmp_path: Path) -> None:
    done = without("pip", "package", installed=installed, folder=tmp_path)
    assert (done.returncode, done.stdout, list(tmp_path.iterdir())) == (2, "", [])
    lacking = "this needs pip" if RUNTIME in RUNTIMES else "a package is built by the Python it is for"
    assert done.stderr.startswith(f"c1fn: {lacking}")
    assert done.stderr.count("\n") == 1


def test_the_extras_that_a_package_may_have_are_those_of_the_project(installed: Path, tmp_path: Path) -> None:
    code = "import json; from c1fn.local.package.own import _extras; print(json.dumps(_extras()))"
    environ = environment({"PYTHONPATH": str(installed)})
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert {name: sorted(packages) for name, packages in json.loads(done.stdout).items()} == {
        name: sorted(packages) for name, packages in own._extras().items()
    }


def test_the_handler_needs_the_extra_of_the_chat_alone(installed: Path, tmp_path: Path) -> None:
    code = WITHOUT.rpartition("from")[0] + "import handler; print(handler.__file__)"
    command = [sys.executable, "-P", "-c", code, "dotenv prompt_toolkit rich socksio uvicorn"]
    environ = environment({"C1FN_MODEL": "offline", "C1FN_AUTH": "none", "PYTHONPATH": str(installed)})
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout) == ("", f"{installed / 'handler.py'}\n")
