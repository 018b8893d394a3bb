"""The package's files: in a folder, and as a zip whose bytes depend on the files alone."""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

from c1fn.local.package.own import NotBuilt

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every file in the zip: the earliest that a zip can tell."""

MARK = Path("c1fn/startup/compiled.bin")
"""A file that only packages have: what a checkout or an installation never holds."""


def free(folder: Path) -> None:
    """Check that nothing is lost if this folder's content is replaced. :raises NotBuilt: something is."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise NotBuilt(f"{folder} is neither empty nor an earlier package: name another folder, or delete it")


def replace(folder: Path, built: Path) -> None:
    """Put the content of ``built`` in the place of the folder's."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    for new in built.iterdir():
        shutil.move(new, folder / new.name)


def pack(tree: Path, target: Path) -> None:
    """Write the tree as a zip: the same tree gives the same bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for path in files(tree):
            entry = zipfile.ZipInfo(path.relative_to(tree).as_posix(), EPOCH)
            entry.create_system = 3  # Unix, so that the mode counts
            entry.external_attr = path.stat().st_mode << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)


def files(tree: Path) -> Iterator[Path]:
    """All files of the tree, sorted by path."""
    return iter(sorted(path for path in tree.rglob("*") if path.is_file()))


def size(tree: Path) -> int:
    """Bytes of all files, unpacked."""
    return sum(path.stat().st_size for path in files(tree))
