"""`c1fn package`: what it refuses, what it adds, and that nothing of anybody's is lost.

What it builds is tested in tests/deploy/test_build.py.
"""

import argparse
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from c1fn.local import package
from c1fn.local.package import archive, tree
from c1fn.local.package.own import NotBuilt, Own


def asked(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    package.add_arguments(parser)
    return parser.parse_args(arguments)


def laid_out(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_another_python_than_lambdas_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tree, "RUNTIME", "python3.12")
    assert package.run(asked()) == 2
    told = capsys.readouterr().err
    assert "built by the Python it is for (python3.13 or python3.14), and this is python3.12: " in told
    assert told.endswith("make package RUNTIME=python3.13\n")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_processor_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        asked("--arch", "riscv")
    assert "arm64" in capsys.readouterr().err


def test_a_folder_that_holds_anything_else_is_not_emptied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = laid_out(tmp_path / "mine", {"notes.txt": "mine"})
    assert package.run(asked("--tree", str(folder))) == 2
    assert "neither empty nor an earlier package" in capsys.readouterr().err
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_checkout_is_not_taken_for_an_earlier_package() -> None:
    with pytest.raises(NotBuilt, match="neither empty nor an earlier package"):
        archive.free(tree.ROOT)


def test_an_earlier_package_is_replaced_as_a_whole(tmp_path: Path) -> None:
    old = laid_out(tmp_path / "old", {str(archive.MARK): "", "gone/old.py": "", "old.py": ""})
    new = laid_out(tmp_path / "new", {str(archive.MARK): "", "kept/new.py": ""})
    archive.free(old)
    archive.replace(old, new)
    assert [path.relative_to(old).as_posix() for path in archive.files(old)] == [
        archive.MARK.as_posix(),
        "kept/new.py",
    ]


@pytest.mark.parametrize("make", [False, True])
def test_a_folder_that_is_empty_or_not_there_is_taken(tmp_path: Path, *, make: bool) -> None:
    folder = tmp_path / "a folder/of mine"
    if make:
        folder.mkdir(parents=True)
    archive.free(folder)
    archive.replace(folder, laid_out(tmp_path / "new", {"a.py": ""}))
    assert (folder / "a.py").exists()


def test_a_zip_depends_on_names_contents_and_modes_alone(tmp_path: Path) -> None:
    one = laid_out(tmp_path / "one", {"b.py": "2", "a/c.py": "1"})
    two = laid_out(tmp_path / "two", {"a/c.py": "1", "b.py": "2"})
    for folder in (one, two):
        (folder / "b.py").chmod(0o755)
        archive.pack(folder, folder.with_suffix(".zip"))
    assert one.with_suffix(".zip").read_bytes() == two.with_suffix(".zip").read_bytes()
    with zipfile.ZipFile(one.with_suffix(".zip")) as packed:
        assert packed.namelist() == ["a/c.py", "b.py"]
        assert packed.getinfo("b.py").external_attr >> 16 & 0o777 == 0o755


def test_modules_of_ones_own_are_at_the_root(tmp_path: Path) -> None:
    folder = laid_out(
        tmp_path / "mine", {"shop.py": "A = 1", "stock/part.py": "B = 2", "stock/__pycache__/x.pyc": ""}
    )
    (folder / "pyproject.toml").write_text('[tool.c1fn.package]\nmodules = ["shop.py", "stock"]\n')
    target = tmp_path / "tree"
    target.mkdir()
    own = Own.read(folder / "pyproject.toml")
    assert own.copy_modules(target) == {"shop.py": 5, "stock": 5}
    assert [path.relative_to(target).as_posix() for path in archive.files(target)] == [
        "shop.py",
        "stock/part.py",
    ]


@pytest.mark.parametrize("there", ["shop.py", "shop.pyc", "shop/__init__.py"])
def test_a_module_does_not_take_the_place_of_another(tmp_path: Path, there: str) -> None:
    target = laid_out(tmp_path / "tree", {there: "theirs"})
    module = laid_out(tmp_path / "mine", {"shop.py": "mine"}) / "shop.py"
    with pytest.raises(NotBuilt, match="has a shop already"):
        Own(modules=(module,)).copy_modules(target)


@pytest.mark.parametrize(
    ("modules", "told"),
    [
        ('["../shop.py"]', "name .py files and folders beside it"),
        ('["."]', "name .py files and folders beside it"),
        ('[".."]', "name .py files and folders beside it"),
        ('["a/b.py"]', "name .py files and folders beside it"),
        ('["data.json"]', "name .py files and folders beside it"),
        ('["gone.py"]', "there is none"),
        ('["gone"]', "there is none"),
        ('"shop.py"', "must be a list of strings"),
    ],
)
def test_modules_that_cannot_be_packaged_are_named(tmp_path: Path, modules: str, told: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.c1fn.package]\nmodules = {modules}\n")
    with pytest.raises(NotBuilt, match=told):
        Own.read(tmp_path / "pyproject.toml")


def test_a_pyproject_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool")
    with pytest.raises(NotBuilt, match=r"pyproject\.toml: "):
        Own.read(tmp_path / "pyproject.toml")


def test_a_folder_without_a_pyproject_adds_nothing(tmp_path: Path) -> None:
    assert Own.read(tmp_path / "pyproject.toml") == Own()
