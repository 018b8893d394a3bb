"""What `make` sets up on a machine, and what it says where something is missing."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PAGES = [f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))]

PYTHON = """#!/bin/sh
case $1 in
  -c) exec {python} -c "import sys; {first}; $2" ;;
  *) exec {python} "$@" --without-pip ;;
esac
"""
"""Says something else about itself, and makes environments without pip, which would take most of the time."""


def run(
    *command: str | Path, folder: Path = ROOT, environ: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def make_venv(
    folder: str | Path, python: str | Path, *more: str | Path, cwd: Path = ROOT, **environ: str
) -> tuple[int, str, str]:
    return run("sh", ROOT / "scripts/venv.sh", folder, python, *more, folder=cwd, environ=environ)


def python(folder: Path, first: str = "pass") -> Path:
    path = folder / "python3"
    path.write_text(PYTHON.format(python=shlex.quote(sys.executable), first=first))
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("first", "sentence"),
    [
        (
            "sys.version_info = (3, 9, 2)",
            "c1fn: Python 3.11 or later is needed, and {} is 3.9. Name a newer one: make … PYTHON=python3.13",
        ),
        (
            "sys.modules['ensurepip'] = None",  # as Debian leaves it out
            "c1fn: {} has no venv module. Debian, Ubuntu: apt-get install -y python3-venv",
        ),
        (
            "sys.exit(127)",  # as a shim of pyenv without a version
            (
                "c1fn: {} was not found or does not start. "
                "Debian, Ubuntu: apt-get install -y python3 python3-venv · macOS: brew install python "
                "· another one: make … PYTHON=python3.13"
            ),
        ),
    ],
)
def test_what_python_lacks_is_one_sentence_that_says_how_to_get_it(
    tmp_path: Path, first: str, sentence: str
) -> None:
    lacking = python(tmp_path, first)
    made = make_venv(tmp_path / "venv", lacking)
    assert made == (1, "", sentence.format(lacking) + "\n")
    assert not (tmp_path / "venv").exists()


def test_an_environment_is_kept_until_its_python_or_its_place_changes(tmp_path: Path) -> None:
    home = tmp_path / "a folder"
    home.mkdir()

    def made(command: str | Path, cwd: Path = home) -> bool:
        """Whether it was made anew."""
        status, _, error = make_venv("venv", command, cwd=cwd)
        assert (status, error) == (0, "")
        mark = cwd / "venv/mark"
        anew = not mark.exists()
        mark.touch()
        return anew

    assert made(python(tmp_path))
    assert not made(python(tmp_path))
    assert not made("")  # whichever Python has made it
    assert made(python(tmp_path, "sys.version_info = (3, 99, 0)"))
    assert not made("")
    assert made(python(tmp_path), home.rename(tmp_path / "another folder"))


def test_packages_are_tried_again_until_they_are_installed(tmp_path: Path) -> None:
    (tmp_path / "pins.txt").write_text(f"nothing==1 --hash=sha256:{'0' * 64}\n")
    assert make_venv("venv", python(tmp_path), cwd=tmp_path)[0] == 0
    for _ in range(2):
        status, _, error = make_venv("venv", "", "pins.txt", cwd=tmp_path)
        assert status == 1
        assert "c1fn: the packages could not be installed; pip says why, above." in error
        assert (tmp_path / "venv/bin/python").exists()
        assert not (tmp_path / "venv/ready").exists()


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The PATH of a machine that has make, Python, and what every system has."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for name in ("make", "sh", "awk", "cat", "cksum", "basename"):
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    return {"PATH": str(tmp_path)}


def test_a_command_that_needs_npm_says_how_to_get_it(bare: Mapping[str, str]) -> None:
    status, out, _ = run("make", "npm", environ=bare)
    assert (status, out) == (
        2,
        "npm is missing. Debian, Ubuntu: apt-get install -y npm · macOS: brew install node\n",
    )


def test_a_package_for_a_python_that_is_not_there_says_how_to_get_it(bare: Mapping[str, str]) -> None:
    status, _, error = run("make", "package", "RUNTIME=python3.99", environ=bare)
    assert status == 2
    assert (
        "c1fn: python3.99 was not found or does not start. Debian, Ubuntu: apt-get install -y python3.99"
        in error
    )


def test_help_lists_every_command_that_has_words(bare: Mapping[str, str]) -> None:
    status, out, error = run("make", "help", environ=bare)
    assert (status, error) == (0, "")
    listed = [line.split()[0] for line in out.splitlines()]
    assert {"run", "test", "lint", "package", "clean"} <= set(listed)
    assert max(map(len, listed)) < 14  # the column's width
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *PAGES])
def test_commands_of_the_docs_can_be_pasted(page: str) -> None:
    """zsh, which macOS has, takes a comment behind a command for arguments."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if not line.startswith("#!")]
    assert [line for line in lines if re.search(r"(^|\s)#", line) or line.startswith("$ ")] == []
