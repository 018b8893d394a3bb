"""What a deployment adds to the package: pinned as the rest is, whole, and told by its size."""

import tomllib
import zipfile
from pathlib import Path

import pytest

from c1fn.local.package import own, tree

ROOT = Path(__file__).parents[3]


def pyproject(folder: Path, table: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(f"[tool.c1fn.package]\n{table}\n")
    return path


def wheel(folder: Path, name: str, version: str, requires: str = "", **files: str) -> None:
    about = f"{name}-{version}.dist-info"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    contents = {
        **{path.replace("__", "/") + ".py": text for path, text in files.items()},
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*contents, f"{about}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as packed:
        for path, text in {**contents, f"{about}/RECORD": record}.items():
            packed.writestr(path, text)


@pytest.fixture
def pip(tmp_path: Path) -> list[str]:
    """As for the function, but from a folder."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel(wheels, "own", "1.0", "shared", own="import shared")
    wheel(wheels, "shared", "1.0", shared="NUMBER = 1")
    wheel(wheels, "shared", "2.0", shared="NUMBER = 2")
    return [*tree.pip("arm64"), "--no-index", "--find-links", str(wheels)]


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    path = tmp_path / "pins.txt"
    path.write_text("# pinned\nshared[x]==1.0 \\\n    --hash=sha256:00\n")
    return path


def test_what_is_asked_for_comes_with_what_it_needs_in_the_pinned_version(
    pip: list[str], pins: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    added = own.add(own.Own(("own",)), pip, pins, tree)
    assert added.keys() == {"own 1.0", "shared 1.0"}
    assert (tree / "shared.py").read_text() == "NUMBER = 1"
    assert (tree / "own-1.0.dist-info/METADATA").exists()
    assert all(count > 100 for count in added.values())


def test_an_extra_that_has_pins_brings_what_it_needs_in_those_versions(
    pip: list[str], tmp_path: Path
) -> None:
    pins, tree = tmp_path / "requirements.txt", tmp_path / "tree"
    pins.write_text("")
    (tmp_path / "requirements-more.txt").write_text("shared==1.0 --hash=sha256:00\n")
    tree.mkdir()
    assert "shared 1.0" in own.add(own.Own(("own",), extras=("more",)), pip, pins, tree)


def test_what_is_in_the_package_already_stays_as_it_is(pip: list[str], pins: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "shared-1.0.dist-info").mkdir(parents=True)
    (tree / "shared-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: shared\nVersion: 1.0\n")
    assert own.add(own.Own(("own",)), pip, pins, tree).keys() == {"own 1.0"}
    assert not (tree / "shared.py").exists()


def test_another_version_than_the_pinned_one_is_refused(pip: list[str], pins: Path, tmp_path: Path) -> None:
    with pytest.raises(own.NotBuilt, match="pip says why"):
        own.add(own.Own(("shared==2.0",)), pip, pins, tmp_path)


def test_an_extra_of_c1fn_is_what_it_stands_for(tmp_path: Path) -> None:
    found = own.Own.read(pyproject(tmp_path, 'extras = ["otel"]\ndependencies = ["own"]\nservices = ["s3"]'))
    otel = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["otel"]
    assert len(otel) == 2
    assert found == own.Own(("own", *otel), ("s3",), extras=("otel",))


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('depends = ["own"]', "has no depends"),
        ('extras = ["spans"]', "there is no extra 'spans' of c1fn, only chat, local, runtime, otel"),
        ('dependencies = "own"', "dependencies .* must be a list of strings"),
        ("services = [3]", "services .* must be a list of strings"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, table: str, told: str) -> None:
    with pytest.raises(own.NotBuilt, match=told):
        own.Own.read(pyproject(tmp_path, table))


def test_the_project_itself_adds_nothing() -> None:
    assert own.Own.read(ROOT / "pyproject.toml") == own.Own()
