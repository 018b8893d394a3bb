"""What a deployment adds to the package for its own tools, by `[tool.c1fn.package]` in pyproject.toml.

    dependencies = ["pillow==12.0.0"]   # with theirs, in versions that go with the pinned ones
    extras = ["otel"]                   # of c1fn itself
    services = ["s3"]                   # of AWS, beside those that c1fn speaks to: boto3 knows no others

Added as they are, with their sources: what they never read, nobody knows. Their sizes are told.
"""

import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

NOT_WHOLE = {"cffi", "pycparser"}
"""Of these the package has a part alone: whoever needs one gets the whole."""


@dataclass(frozen=True)
class Own:
    dependencies: tuple[str, ...] = ()
    services: tuple[str, ...] = ()

    @classmethod
    def read(cls, pyproject: Path) -> "Own":
        """:raises SystemExit: a part is not what it should be; the message says which."""
        told = tomllib.loads(pyproject.read_text("utf-8"))
        own = told.get("tool", {}).get("c1fn", {}).get("package", {})
        if unknown := own.keys() - {"dependencies", "extras", "services"}:
            raise SystemExit(f"pyproject.toml: [tool.c1fn.package] has no {', '.join(sorted(unknown))}.")
        known = told["project"].get("optional-dependencies", {})
        dependencies = _list(own, "dependencies")
        for extra in _list(own, "extras"):
            if extra not in known:
                raise SystemExit(
                    f"pyproject.toml: there is no extra {extra!r} of c1fn, only {', '.join(known)}."
                )
            dependencies += known[extra]
        return cls(tuple(dependencies), tuple(_list(own, "services")))


def _list(own: dict[str, Any], name: str) -> list[str]:
    value = own.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise SystemExit(f"pyproject.toml: {name} of [tool.c1fn.package] must be a list of strings.")
    return list(value)


def add(dependencies: Sequence[str], pip: Sequence[str], pins: Path, tree: Path) -> dict[str, int]:
    """Add the dependencies, and theirs, to the tree; returns the bytes of each that was not there.

    :param pip: how packages are laid out for the function's platform.
    :param pins: what is there already, in which versions.
    :raises SystemExit: pip cannot install them; it has said why.
    """
    if not dependencies:
        return {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        constraints, laid_out = folder / "constraints.txt", folder / "laid_out"
        constraints.write_text("\n".join(_versions(pins)), "utf-8")
        command = [*pip, "--target", str(laid_out), "--constraint", str(constraints), *dependencies]
        if subprocess.run(command, check=False).returncode:
            raise SystemExit(
                "what [tool.c1fn.package] in pyproject.toml names could not be installed; pip says why, above"
            )
        there = {_name(found) for found in distributions(path=[str(tree)])} - NOT_WHOLE
        new = [found for found in distributions(path=[str(laid_out)]) if _name(found) not in there]
        return {f"{found.name} {found.version}": _copy(found, laid_out, tree) for found in new}


def _copy(found: Distribution, source: Path, tree: Path) -> int:
    """Copy a distribution's files, but for its commands, which name this machine's Python."""
    copied = 0
    for file in found.files or ():
        path = Path(str(file.locate())).resolve()
        if not path.is_relative_to(source.resolve()) or not path.is_file():
            continue
        target = tree / path.relative_to(source.resolve())
        if target.relative_to(tree).parts[0] == "bin":
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        copied += path.stat().st_size
    return copied


def _versions(pins: Path) -> list[str]:
    """The pins without their hashes, which pip would then ask of every package, and without extras, which it
    takes in no constraint.
    """
    lines = pins.read_text("utf-8").replace("\\\n", " ").splitlines()
    plain = [line.split(" --hash")[0].strip() for line in lines if line and not line.lstrip().startswith("#")]
    return [re.sub(r"\[[^]]*\]", "", line) for line in plain]


def _name(found: Distribution) -> str:
    return found.name.lower().replace("_", "-").replace(".", "-")
