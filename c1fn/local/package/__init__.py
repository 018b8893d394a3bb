"""`c1fn package`: builds the function's zip, of the installed c1fn (or a checkout) and pinned packages.

Standard library only: `make package` runs it in an environment that holds pip alone.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from c1fn.local.package import archive, tree
from c1fn.local.package.own import NotBuilt, Own

ZIP = Path("dist/function.zip")

MAX_UNZIPPED = 250 * 1024 * 1024
"""Bytes: Lambda's limit. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

MAX_UPLOAD = 50 * 1024 * 1024
"""Bytes of a zip that Lambda takes as it is; a larger one goes through S3, as with SAM and osls."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `c1fn package`."""
    parser.add_argument(
        "--arch", choices=sorted(tree.PLATFORMS), default="arm64", help="Lambda's processor (default: arm64)"
    )
    parser.add_argument("--zip", type=Path, help=f"the zip to write (default, without --tree: {ZIP})")
    parser.add_argument("--tree", type=Path, help="a folder for the same files, laid out as on Lambda")


def run(options: argparse.Namespace) -> int:
    """Build the zip, the folder, or both; returns the exit code."""
    try:
        with tempfile.TemporaryDirectory() as built:
            return _build(options, Path(built))
    except NotBuilt as error:
        print(f"c1fn: {error}", file=sys.stderr)
        return 2


def _build(options: argparse.Namespace, built: Path) -> int:
    if options.tree is not None:
        archive.free(options.tree)
    own = Own.read(Path("pyproject.toml"))
    for name, count in sorted(tree.lay_out(options.arch, built, own).items()):
        print(f"own dependency: {name}, {_megabytes(count)} unpacked")
    unpacked = archive.size(built)
    if unpacked > MAX_UNZIPPED:
        raise NotBuilt(
            f"the package has {_megabytes(unpacked)} unpacked, and Lambda takes no more than "
            f"{_megabytes(MAX_UNZIPPED)}: leave out what is not needed"
        )
    zipped = options.zip or (None if options.tree else ZIP)
    if zipped is not None:
        archive.pack(built, zipped)
        _tell_zip(zipped)
    if options.tree is not None:
        archive.replace(options.tree, built)
    print(
        f"{options.tree or zipped}: {_megabytes(unpacked)} unpacked, for {tree.RUNTIME} on {options.arch} · "
        f"handler {tree.HANDLER} · AWS_LAMBDA_EXEC_WRAPPER={tree.TASK_ROOT}/{tree.BOOTSTRAP}"
    )
    return 0


def _tell_zip(path: Path) -> None:
    count = path.stat().st_size
    by_s3 = f", through S3 alone: more than {_megabytes(MAX_UPLOAD)}" if count > MAX_UPLOAD else ""
    print(f"{path}: {_megabytes(count)} zipped{by_s3}")


def _megabytes(count: int) -> str:
    return f"{count / 1024 / 1024:.1f} MB"
