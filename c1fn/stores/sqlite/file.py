"""The file: opened, checked before anything in it is changed, read as a whole, written in transactions.

https://sqlite.org/wal.html · https://docs.python.org/3/library/sqlite3.html
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from c1fn.errors import StoreUnavailable
from c1fn.stores.sqlite.rows import encode

APPLICATION = 0x6331666E
""""c1fn" in the header of the file, as `file` shows it."""

FORMAT = 1
"""Of the rows. A file of a higher one is refused."""

TABLES = (
    "CREATE TABLE thread (number INTEGER PRIMARY KEY, body TEXT NOT NULL)",
    "CREATE TABLE turn (thread INTEGER, number INTEGER, body TEXT NOT NULL, PRIMARY KEY (thread, number))",
    "CREATE TABLE used (owner TEXT PRIMARY KEY, body TEXT NOT NULL)",
    "CREATE TABLE link (token TEXT PRIMARY KEY, body TEXT NOT NULL)",
)

Statement = tuple[str, tuple[object, ...]]
"""SQL and its parameters; a row is encoded when it is written."""

_ELSE = "End that one, or name another file."


class File:
    """Nobody else can open it before it is closed or its process has ended.

    :raises StoreUnavailable: it cannot be used. Nothing in it was changed then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            if not path.exists():  # what is said in it is for its owner's eyes
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            self._base = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(f"{path} cannot be opened: {_why(error)}. Name another file.") from None
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._base.close()
            raise self._unusable(error) from None
        except StoreUnavailable:
            self._base.close()
            raise

    def _prepare(self) -> None:
        base = self._base
        base.execute("PRAGMA locking_mode = EXCLUSIVE")
        (application,) = base.execute("PRAGMA application_id").fetchone()
        (version,) = base.execute("PRAGMA user_version").fetchone()
        (tables,) = base.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != APPLICATION and (application or tables):
            raise self._foreign()
        if version > FORMAT:
            raise StoreUnavailable(
                f"{self._path} was written by a newer c1fn. Update this one, or name another file."
            )
        (state,) = base.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise self.damaged(state)
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = FULL")  # a turn is kept even if the power fails
        base.execute("PRAGMA secure_delete = ON")  # what a person deletes is overwritten
        base.execute("BEGIN EXCLUSIVE")
        if not tables:
            for statement in (
                *TABLES,
                f"PRAGMA application_id = {APPLICATION}",
                f"PRAGMA user_version = {FORMAT}",
            ):
                base.execute(statement)
        base.execute("COMMIT")

    def rows(self, sql: str) -> Iterator[Any]:
        try:
            yield from self._base.execute(sql)
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    def write(self, statements: Sequence[Statement], *, erased: bool) -> None:
        """All of these, or none. May be called in another thread, one call at a time.

        :param erased: texts were deleted: they leave the write-ahead log, too.
        """
        base = self._base
        try:
            base.execute("BEGIN IMMEDIATE")
            try:
                for sql, parameters in statements:
                    base.execute(sql, [encode(one) if is_dataclass(one) else one for one in parameters])
                base.execute("COMMIT")
            except BaseException:
                if base.in_transaction:
                    base.execute("ROLLBACK")
                raise
            if erased:
                base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self._path} cannot be written: {_why(error)}.") from None

    def close(self) -> None:
        self._base.close()

    def damaged(self, how: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self._path} is damaged ({' '.join(how.split())}). It was not changed. Restore a copy, or name "
            "another file."
        )

    def _foreign(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self._path} is no file of conversations. It was not changed. Name another file."
        )

    def _unusable(self, error: sqlite3.Error) -> StoreUnavailable:
        match getattr(error, "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return StoreUnavailable(f"Another process uses {self._path}. {_ELSE}")
            case sqlite3.SQLITE_NOTADB:
                return self._foreign()
            case sqlite3.SQLITE_CORRUPT:
                return self.damaged(str(error))
        return StoreUnavailable(f"{self._path} cannot be used: {_why(error)}. Name another file.")


def _why(error: OSError | sqlite3.Error) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
