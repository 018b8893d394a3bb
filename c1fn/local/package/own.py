"""What a deployment adds to the package for its own tools, by `[tool.c1fn.package]` in the current
folder's pyproject.toml.

    modules = ["orders.py", "shop"]     # files and folders beside that pyproject.toml
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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions, requires
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[3]

_EXTRA = re.compile(r"""(?P<package>[^;]+?) *; *extra == ['"](?P<extra>[^'"]+)['"]""")

_MODULE = re.compile(r"[^\W\d]\w*(\.py)?")

NOT_WHOLE = {"cffi", "pycparser"}
"""Of these the package has a part alone: whoever needs one gets the whole."""


class NotBuilt(Exception):
    """There is no package, and this is why, in a sentence."""


@dataclass(frozen=True)
class Own:
    """What a deployment adds to the package, as its pyproject.toml says under ``[tool.c1fn.package]``."""

    dependencies: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    modules: tuple[Path, ...] = ()
    extras: tuple[str, ...] = ()

    @classmethod
    def read(cls, pyproject: Path) -> "Own":
        """:raises NotBuilt: a part is not what it should be; the message says which."""
        if not pyproject.exists():
            return cls()
        try:
            told = tomllib.loads(pyproject.read_text("utf-8"))
        except ValueError as error:
            raise NotBuilt(f"{pyproject}: {error}") from None
        own = told.get("tool", {}).get("c1fn", {}).get("package", {})
        if unknown := own.keys() - {"dependencies", "extras", "modules", "services"}:
            raise NotBuilt(f"pyproject.toml: [tool.c1fn.package] has no {', '.join(sorted(unknown))}.")
        dependencies = _list(own, "dependencies")
        known, extras = _extras(), _list(own, "extras")
        for extra in extras:
            if extra not in known:
                raise NotBuilt(
                    f"pyproject.toml: there is no extra {extra!r} of c1fn, only {', '.join(known)}."
                )
            dependencies += known[extra]
        modules = (_module(pyproject.parent, name) for name in _list(own, "modules"))
        return cls(tuple(dependencies), tuple(_list(own, "services")), tuple(modules), tuple(extras))

    def copy_modules(self, tree: Path) -> dict[str, int]:
        """Add the modules to the root of the tree; returns their sizes.

        :raises NotBuilt: the package has one of that name already.
        """
        for module in self.modules:
            target = tree / module.name
            if any(tree.glob(f"{module.stem}.*")) or (tree / module.stem).exists():
                raise NotBuilt(f"pyproject.toml: the package has a {module.stem} already: rename {module}.")
            if module.is_dir():
                shutil.copytree(module, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(module, target)
        return {str(module.name): _size(module) for module in self.modules}


def _extras() -> dict[str, list[str]]:
    """The extras of c1fn and what each stands for: in a checkout by its pyproject.toml, else as installed."""
    project = CHECKOUT / "pyproject.toml"
    if project.exists():
        extras = tomllib.loads(project.read_text("utf-8"))["project"]["optional-dependencies"]
        return {name: [*dict.fromkeys(_flat(packages, extras))] for name, packages in extras.items()}
    found: dict[str, list[str]] = {}
    for line in requires("c1fn") or ():
        if of_extra := _EXTRA.fullmatch(line):
            found.setdefault(of_extra["extra"], []).append(of_extra["package"])
    return found


def _flat(packages: Sequence[str], extras: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The packages of an extra that takes in others, as `c1fn[chat]`; a wheel names them flat."""
    for package in packages:
        others = re.fullmatch(r"c1fn\[(.*)\]", package)
        for other in others[1].split(",") if others else ():
            yield from _flat(extras[other], extras)
        if not others:
            yield package


def _module(folder: Path, name: str) -> Path:
    """:raises NotBuilt: the folder has no such module."""
    path = folder / name
    if not _MODULE.fullmatch(name):
        raise NotBuilt(f"pyproject.toml: modules has {name!r}: name .py files and folders beside it.")
    if not (path.is_file() if path.suffix else path.is_dir()):
        raise NotBuilt(f"pyproject.toml: modules has {name!r}, and there is none.")
    return path


def _size(module: Path) -> int:
    paths = module.rglob("*.py") if module.is_dir() else [module]
    return sum(path.stat().st_size for path in paths)


def _list(own: dict[str, Any], name: str) -> list[str]:
    value = own.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise NotBuilt(f"pyproject.toml: {name} of [tool.c1fn.package] must be a list of strings.")
    return list(value)


def add(own: Own, pip: Sequence[str], pins: Path, tree: Path) -> dict[str, int]:
    """Add the dependencies, and theirs, to the tree; returns the bytes of each that was not there.

    :param pip: how packages are laid out for the function's platform.
    :param pins: what is there already, in which versions.
    :raises NotBuilt: pip cannot install them; it has said why.
    """
    if not own.dependencies:
        return {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        constraints, laid_out = folder / "constraints.txt", folder / "laid_out"
        # Extras that bring many packages have pins of their own beside those of the function.
        all_pins = [pins, *(pins.with_name(f"requirements-{extra}.txt") for extra in own.extras)]
        versions = dict.fromkeys(line for each in all_pins if each.exists() for line in _versions(each))
        constraints.write_text("\n".join(versions), "utf-8")
        command = [*pip, "--target", str(laid_out), "--constraint", str(constraints), *own.dependencies]
        if subprocess.run(command, check=False).returncode:
            raise NotBuilt(
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
