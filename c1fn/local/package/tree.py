"""The function's package as a tree of files, as Lambda unpacks it to /var/task.

Strategy: pip lays out the pinned runtime dependencies for Lambda's platform, whatever this machine is; what
no request ever reads is taken out; everything is compiled, since Lambda cannot keep what it compiles and a
start without bytecode takes more than twice as long; of other people's packages the bytecode alone is taken,
which a traceback shows without its lines, of c1fn the sources as well. The same sources give the same bytes.

https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
"""

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from c1fn.local.package import authorities
from c1fn.local.package.own import NotBuilt, Own, add

HERE = Path(__file__).parent

ROOT = HERE.parents[2]
"""Where c1fn and handler.py are: the checkout, or the site-packages that the wheel was installed into."""

PINS = next(path for path in (HERE / "requirements.txt", ROOT / "requirements.txt") if path.exists())
"""What ships beside c1fn, with hashes: in the wheel it is here, in a checkout at the root."""

RUNTIMES = ("python3.13", "python3.14")
"""Lambda's Pythons. Bytecode is good for one version alone, so the build runs on the one that it is for."""

VERSION = ".".join(map(str, sys.version_info[:2]))
RUNTIME = f"python{VERSION}"

PLATFORMS = {
    "arm64": ("manylinux2014_aarch64", "manylinux_2_28_aarch64"),
    "x86_64": ("manylinux2014_x86_64", "manylinux_2_28_x86_64"),
}
"""Wheels that run on Amazon Linux 2023, which has glibc 2.34."""

MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""How Linux names them."""

SEED = {"PYTHONHASHSEED": "0"}
"""The order of a set in bytecode follows the hash seed, which is drawn anew for each process."""

SYSTEM = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""Without these Python itself may not start: in Lambda's images the second leads to its library."""

TASK_ROOT = "/var/task"
HANDLER = "handler.handler"
BOOTSTRAP = "c1fn/runtime/bootstrap"

SERVICES = ("dynamodb", "secretsmanager", "ssm", "sts")
"""The AWS services a function may speak to. botocore describes some 400, in three quarters of its bytes."""

DEVELOPMENT = ("c1fn/__main__.py", "c1fn/local", "c1fn/runtime/emulator", "c1fn/stores/sqlite")
"""Parts of c1fn that a developer's machine runs, and no function."""

NEVER_READ = (
    "bin",  # commands, with this machine's path to Python in their first line
    "boto3/data",  # the models of boto3.resource, which is not used
    "boto3/examples",
    "**/*.pyi",
    "**/tests",
    "**/__pycache__",
    "cffi",  # cryptography needs its compiled half alone, which lies beside; the rest writes C
    "pycparser*",  # the parser of that rest
    "pydantic/v1",  # pydantic 1, which FastAPI looks for and does without (`startup/deferred_models.py`)
    "pydantic/mypy.py",  # a plugin of a type checker
    # The notes of an installer, untrue once anything is taken out. METADATA, entry points, licences stay.
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
)


def lay_out(architecture: str, tree: Path, own: Own) -> dict[str, int]:
    """Fill ``tree`` with all that the function needs on this architecture; returns the sizes of what is the
    deployment's own.

    :param tree: an empty folder.
    :raises NotBuilt: this Python cannot build it, or pip cannot install the dependencies.
    """
    _able()
    install(architecture, tree)
    trim(tree, own)
    compile_all(tree, beside=True)
    for source in tree.rglob("*.py"):
        source.unlink()
    added = add(own, pip(architecture), PINS, tree)
    copy_c1fn(tree)
    added |= own.copy_modules(tree)
    write_compiled(architecture, tree, own)
    compile_all(tree)
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path == tree / BOOTSTRAP else 0o644)
    return added


def _able() -> None:
    if RUNTIME not in RUNTIMES:
        raise NotBuilt(
            f"a package is built by the Python it is for ({' or '.join(RUNTIMES)}), and this is {RUNTIME}: "
            f"install c1fn with {RUNTIMES[0]}; in a checkout: make package RUNTIME={RUNTIMES[0]}"
        )
    if importlib.util.find_spec("pip") is None:
        raise NotBuilt("this needs pip in the same environment: python -m ensurepip, or uv pip install pip")


def pip(architecture: str | None) -> list[str]:
    """The command that lays packages out.

    :param architecture: of the packages; without it they are for this machine.
    """
    platforms = [f"--platform={name}" for name in PLATFORMS[architecture]] if architecture else []
    return [
        *(sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"),
        *("--only-binary=:all:", "--implementation=cp", f"--python-version={VERSION}", *platforms),
        *("--no-compile", "--no-warn-conflicts", "--root-user-action=ignore"),
    ]


def install(architecture: str | None, tree: Path) -> None:
    """Let pip lay out the pinned dependencies.

    :param architecture: Lambda's name of it; None: this machine's.
    :raises NotBuilt: pip could not.
    """
    pins = ("--require-hashes", "--requirement", str(PINS))
    if subprocess.run([*pip(architecture), *pins, "--target", str(tree)], check=False).returncode:
        raise NotBuilt("the pinned dependencies could not be installed; pip says why, above")


def trim(tree: Path, own: Own) -> None:
    """Take out what no request ever reads."""
    for pattern in NEVER_READ:
        for path in list(tree.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    data = tree / "botocore/data"
    services = (*SERVICES, *own.services)
    for service in data.iterdir():
        if service.is_dir() and service.name not in services:
            shutil.rmtree(service)
    for examples in data.glob("*/*/examples-1.json*"):
        examples.unlink()
    _trim_endpoints(data / "endpoints.json", services)


def _trim_endpoints(path: Path, kept: tuple[str, ...]) -> None:
    """Leave the services that are used in the list of all endpoints: a start reads it, 1.2 MB of JSON."""
    known = json.loads(path.read_text("utf-8"))
    for partition in known["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in kept if name in services}
    path.write_text(json.dumps(known, separators=(",", ":")), "utf-8")


def copy_c1fn(tree: Path) -> None:
    """Add c1fn itself, without what only a developer's machine needs."""
    shutil.copyfile(ROOT / "handler.py", tree / "handler.py")
    left_out = {ROOT / part for part in DEVELOPMENT}

    def ignored(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if name == "__pycache__" or Path(folder, name) in left_out]

    shutil.copytree(ROOT / "c1fn", tree / "c1fn", ignore=ignored)
    authorities.add((tree / "botocore/cacert.pem").read_text("utf-8"), tree / "c1fn/startup/trusted")


def write_compiled(architecture: str, tree: Path, own: Own) -> None:
    """What a start compiles from text. The packages must be imported for that, so for another processor they
    are laid out once more, for this one.
    """
    target = tree / "c1fn/startup/compiled.bin"
    with tempfile.TemporaryDirectory() as other:
        here = tree
        if not (sys.platform == "linux" and platform.machine() in (architecture, MACHINES[architecture])):
            here = Path(other)
            install(None, here)
            add(own, pip(None), PINS, here)
            copy_c1fn(here)
            own.copy_modules(here)
        # Without this machine's own packages, of which some would be found and recorded; and a recorded start
        # leaves nothing behind.
        given = {"PYTHONPATH": str(here), "PYTHONDONTWRITEBYTECODE": "1", **SEED}
        done = subprocess.run(
            [sys.executable, "-P", "-S", str(HERE / "record.py"), str(target), HANDLER],
            env={name: os.environ[name] for name in SYSTEM if name in os.environ} | given,
            check=False,
        )
        if done.returncode:
            raise NotBuilt("the function does not start from the package; Python says why, above")


def compile_all(tree: Path, *, beside: bool = False) -> None:
    """Compile every source, to bytecode that Python takes as it is.

    Unchecked, because the dates of files in a zip are no proof of anything; the paths in it are Lambda's.

    :param beside: put it beside its source, where it is taken without one: https://peps.python.org/pep-3147/
    """
    command = [
        *(sys.executable, "-P", "-m", "compileall", "-q", "-q", *(["-b"] if beside else [])),
        *("-s", str(tree), "-p", TASK_ROOT, "--invalidation-mode", "unchecked-hash", str(tree)),
    ]
    if subprocess.run(command, env={**os.environ, **SEED}, check=False).returncode:
        raise NotBuilt("a module could not be compiled")
