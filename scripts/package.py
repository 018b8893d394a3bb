"""The function's package: a tree of files as Lambda unpacks it to /var/task, and the tree as a zip.

Strategy: pip lays out the pinned runtime dependencies for Lambda's platform, whatever this machine is; what
no request ever reads is taken out; everything is compiled, since Lambda cannot keep what it compiles and a
start without bytecode takes more than twice as long; of other people's packages the bytecode alone is taken,
which a traceback shows without its lines, of c1fn the sources as well; the zip is written with fixed dates,
modes and order. So the same sources give the same bytes.

    python3.13 scripts/package.py arm64 --tree dist/arm64 --zip dist/function.zip

https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
"""

import argparse
import compileall
import json
import os
import platform
import py_compile
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import authorities, own  # noqa: E402 - the path comes first

RUNTIMES = ("3.13", "3.14")
"""Lambda's Pythons. Bytecode is good for one version alone, so the build runs on the one that it is for."""

RUNTIME = ".".join(map(str, sys.version_info[:2]))

PLATFORMS = {
    "arm64": ("manylinux2014_aarch64", "manylinux_2_28_aarch64"),
    "x86_64": ("manylinux2014_x86_64", "manylinux_2_28_x86_64"),
}
"""Wheels that run on Amazon Linux 2023, which has glibc 2.34."""

MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""How Linux names them."""

RECORDING = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
"""So that a recorded start leaves nothing behind, and is the same each time."""

SYSTEM = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""Without these Python itself may not start: in Lambda's images the second leads to its library."""

TASK_ROOT = "/var/task"

SERVICES = ("dynamodb", "secretsmanager", "ssm", "sts")
"""The AWS services a function may speak to. botocore describes some 400, in three quarters of its bytes."""

MAX_UNZIPPED = 250 * 1024 * 1024
"""Bytes: Lambda's limit. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

MAX_UPLOAD = 50 * 1024 * 1024
"""Bytes of a zip that Lambda takes as it is; a larger one goes through S3, as with SAM and osls."""

OWN = own.Own.read(ROOT / "pyproject.toml")

DEVELOPMENT = ("c1fn/runtime/emulator",)
"""Parts of c1fn that are Lambda's side of the bargain, not the function's."""

NEVER_READ = (
    "bin",  # commands, with this machine's path to Python in their first line
    "boto3/data",  # the models of boto3.resource, which is not used
    "boto3/examples",
    "**/*.pyi",
    "**/tests",
    "**/__pycache__",
    "cffi",  # cryptography needs its compiled half alone, which lies beside; the rest writes C
    "pycparser*",  # the parser of that rest
    # The notes of an installer, untrue once anything is taken out. METADATA, entry points, licences stay.
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
)

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every file in the zip: the earliest that a zip can tell."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the function's package.")
    parser.add_argument("architecture", choices=sorted(PLATFORMS))
    parser.add_argument(
        "--tree", type=Path, required=True, help="where the files are laid out; emptied first"
    )
    parser.add_argument("--zip", type=Path, help="the zip to write")
    options = parser.parse_args(arguments)
    if RUNTIME not in RUNTIMES:
        print(
            f"A package is built by the Python it is for ({' or '.join(RUNTIMES)}), and this is {RUNTIME}: "
            f"make package RUNTIME=python{RUNTIMES[0]}",
            file=sys.stderr,
        )
        return 2
    for name, count in sorted(lay_out(options.architecture, options.tree).items()):
        print(f"own dependency: {name}, {_megabytes(count)} unpacked")
    unpacked = size(options.tree)
    allowed = _megabytes(MAX_UNZIPPED)
    print(
        f"{options.tree}: {_megabytes(unpacked)} unpacked for {options.architecture}, Lambda takes {allowed}"
    )
    if options.zip is not None:
        pack(options.tree, options.zip)
        zipped = options.zip.stat().st_size
        by_s3 = f", through S3 alone: more than {_megabytes(MAX_UPLOAD)}" if zipped > MAX_UPLOAD else ""
        print(f"{options.zip}: {_megabytes(zipped)} zipped{by_s3}")
    if unpacked > MAX_UNZIPPED:
        print(f"Lambda takes no more than {allowed}: leave out what is not needed", file=sys.stderr)
        return 1
    return 0


def lay_out(architecture: str, tree: Path) -> dict[str, int]:
    """Fill ``tree`` with all that the function needs on this architecture; returns the sizes of what is the
    deployment's own.

    :raises subprocess.CalledProcessError: pip cannot install the dependencies; it has said why.
    """
    tree.mkdir(parents=True, exist_ok=True)
    for old in tree.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    install(architecture, tree)
    trim(tree)
    compile_all(tree, beside=True)
    for source in tree.rglob("*.py"):
        source.unlink()
    added = add_own(architecture, tree)
    copy_own(tree)
    write_compiled(architecture, tree)
    compile_all(tree)
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path == tree / "c1fn/runtime/bootstrap" else 0o644)
    return added


def pip(architecture: str | None) -> list[str]:
    """The command that lays packages out.

    :param architecture: of the packages; without it they are for this machine.
    """
    platforms = [f"--platform={name}" for name in PLATFORMS[architecture]] if architecture else []
    return [
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"),
        *("--only-binary=:all:", "--implementation=cp", f"--python-version={RUNTIME}", *platforms),
        *("--no-compile", "--no-warn-conflicts", "--root-user-action=ignore"),
    ]


def install(architecture: str | None, tree: Path) -> None:
    pins = ("--require-hashes", "--requirement", str(ROOT / "requirements.txt"))
    subprocess.run([*pip(architecture), *pins, "--target", str(tree)], check=True)


def add_own(architecture: str | None, tree: Path) -> dict[str, int]:
    return own.add(OWN.dependencies, pip(architecture), ROOT / "requirements.txt", tree)


def trim(tree: Path) -> None:
    """Take out what no request ever reads."""
    for pattern in NEVER_READ:
        for path in list(tree.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    data = tree / "botocore/data"
    for service in data.iterdir():
        if service.is_dir() and service.name not in (*SERVICES, *OWN.services):
            shutil.rmtree(service)
    for examples in data.glob("*/*/examples-1.json*"):
        examples.unlink()
    _trim_endpoints(data / "endpoints.json")


def _trim_endpoints(path: Path) -> None:
    """Leave the services that are used in the list of all endpoints: a start reads it, 1.2 MB of JSON."""
    known = json.loads(path.read_text("utf-8"))
    for partition in known["partitions"]:
        services = partition["services"]
        partition["services"] = {
            name: services[name] for name in (*SERVICES, *OWN.services) if name in services
        }
    path.write_text(json.dumps(known, separators=(",", ":")), "utf-8")


def copy_own(tree: Path) -> None:
    """Add c1fn itself, without what only a developer's machine needs."""
    shutil.copyfile(ROOT / "handler.py", tree / "handler.py")
    shutil.copytree(ROOT / "c1fn", tree / "c1fn", ignore=shutil.ignore_patterns("__pycache__"))
    for part in DEVELOPMENT:
        shutil.rmtree(tree / part)
    authorities.add((tree / "botocore/cacert.pem").read_text("utf-8"), tree / "c1fn/startup/trusted")


def write_compiled(architecture: str, tree: Path) -> None:
    """What a start compiles from text. The packages must be imported for that, so for another processor they
    are laid out once more, for this one.
    """
    target = tree / "c1fn/startup/compiled.bin"
    with tempfile.TemporaryDirectory() as other:
        here = tree
        if not (sys.platform == "linux" and platform.machine() in (architecture, MACHINES[architecture])):
            here = Path(other)
            install(None, here)
            add_own(None, here)
            copy_own(here)
        subprocess.run(
            # Without this machine's own packages, of which some would be found and recorded.
            [sys.executable, "-P", "-S", str(ROOT / "scripts/compiled.py"), str(target)],
            env={name: os.environ[name] for name in SYSTEM if name in os.environ}
            | {"PYTHONPATH": str(here), **RECORDING},
            check=True,
        )


def compile_all(tree: Path, *, beside: bool = False) -> None:
    """Compile every source, to bytecode that Python takes as it is.

    Unchecked, because the dates of files in a zip are no proof of anything; the paths in it are Lambda's.

    :param beside: put it beside its source, where it is taken without one: https://peps.python.org/pep-3147/
    """
    done = compileall.compile_dir(
        tree,
        quiet=2,  # errors are told by the result
        legacy=beside,
        stripdir=tree,
        prependdir=TASK_ROOT,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise SystemExit("a module could not be compiled")


def pack(tree: Path, target: Path) -> None:
    """Write the tree as a zip whose bytes depend on the files alone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for path in files(tree):
            entry = zipfile.ZipInfo(path.relative_to(tree).as_posix(), EPOCH)
            entry.create_system = 3  # Unix, so that the mode counts
            entry.external_attr = path.stat().st_mode << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)


def files(tree: Path) -> Iterator[Path]:
    return iter(sorted(path for path in tree.rglob("*") if path.is_file()))


def size(tree: Path) -> int:
    return sum(path.stat().st_size for path in files(tree))


def _megabytes(count: int) -> str:
    return f"{count / 1024 / 1024:.1f} MB"


if __name__ == "__main__":
    # The order of a set in bytecode follows the hash seed, which is drawn anew for each process.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606 - itself
    sys.exit(main())
