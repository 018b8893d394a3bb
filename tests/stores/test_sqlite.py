"""The contract, on a file that is closed and opened again before each call: a restart loses nothing."""

import asyncio
import os
import resource
import sqlite3
import stat
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import aclosing, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from c1fn.errors import NotFound, StoreUnavailable
from c1fn.stores import Quota, Store
from c1fn.stores.sqlite import SqliteStore
from c1fn.stores.sqlite.file import APPLICATION, FORMAT
from c1fn.turn import State
from tests.stores.clockwork import Clockwork
from tests.stores.contract import Contract, answered, ask, claimed
from tests.stores.forks import Forks
from tests.stores.owning import Owning
from tests.stores.sharing import Sharing
from tests.stores.waiting import Waiting

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - Linux has it; a folder with a random name is made in it


class Reopened:
    """A store whose process ends before each call, unless somebody follows a turn in it."""

    def __init__(self, path: Path, quota: Quota, time: Clockwork) -> None:
        self._made: Callable[[], SqliteStore] = lambda: SqliteStore(
            path, quota=quota, clock=time.clock, sleep=time.sleep
        )
        self._store = self._made()
        self._waiting = 0
        self.turns, self.threads, self.owners, self.shares = (
            Port(self, name) for name in ("turns", "threads", "owners", "shares")
        )

    async def call(self, port: str, method: str, *given: Any, **named: Any) -> Any:
        if not self._waiting:
            await self._store.aclose()
            self._store = self._made()
        self._waiting += 1
        try:
            return await getattr(getattr(self._store, port), method)(*given, **named)
        finally:
            self._waiting -= 1

    async def generate(self, port: str, method: str, *given: Any, **named: Any) -> AsyncGenerator[Any, None]:
        self._waiting += 1
        try:
            async with aclosing(getattr(getattr(self._store, port), method)(*given, **named)) as story:
                async for part in story:
                    yield part
        finally:
            self._waiting -= 1

    async def settle(self) -> None:
        await self._store.settle()

    async def aclose(self) -> None:
        await self._store.aclose()


class Port:
    """One of its ports."""

    def __init__(self, store: Reopened, port: str) -> None:
        self._store, self._port = store, port

    def __getattr__(self, method: str) -> Callable[..., Any]:
        how = self._store.generate if method in ("follow", "remains", "erase") else self._store.call
        return lambda *given, **named: how(self._port, method, *given, **named)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a folder: the disk's own time is a third of a minute here."""
    if not SHARED_MEMORY.is_dir():
        yield tmp_path
        return
    with TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        yield Path(folder)


class TestSqlite(Contract, Forks, Owning, Sharing, Waiting):
    shared = False

    @pytest.fixture
    async def make(self, folder: Path, time: Clockwork) -> AsyncGenerator[Callable[[Quota], Reopened], None]:
        stores: list[Reopened] = []

        def made(quota: Quota) -> Reopened:
            stores.append(Reopened(folder / f"{len(stores)}.sqlite", quota, time))
            return stores[-1]

        yield made
        for store in stores:
            await store.aclose()

    async def test_a_committed_turn_may_be_committed_again(self, store: Store) -> None:
        """The same one, because its first commit may have said that it was not written."""
        claim = claimed(await store.turns.open(ask("r1"), history=20))
        turn = answered(claim, "hi")
        await store.turns.commit(claim, turn)
        await store.turns.commit(claim, turn)
        assert await store.threads.load("ann", "t") == (turn,)


@pytest.fixture
def time() -> Clockwork:
    return Clockwork()


@pytest.fixture
async def opened(folder: Path, time: Clockwork) -> AsyncGenerator[Callable[[], Awaitable[SqliteStore]], None]:
    """The store of one file; each call ends the process that had it before."""
    stores: list[SqliteStore] = []

    async def again() -> SqliteStore:
        for store in stores:
            await store.aclose()
        stores[:] = [SqliteStore(folder / "a.sqlite", clock=time.clock, sleep=time.sleep)]
        return stores[0]

    yield again
    for store in stores:
        await store.aclose()


Opened = Callable[[], Awaitable[SqliteStore]]


async def test_turns_of_a_process_that_has_ended_are_over_at_once(opened: Opened) -> None:
    """Nobody waits for a lease that nobody can renew; what was said is kept, and it can be run again."""
    store = await opened()
    claim = claimed(await store.turns.open(ask("r1"), history=20))
    await store.turns.renew(claim, "so far")
    store = await opened()
    store.end_turns()
    (turn,) = await store.threads.load("ann", "t")
    assert (turn.state, turn.answer) == (State.INTERRUPTED, "so far")
    assert claimed(await store.turns.open(ask("r1"), history=20)).number == 1


def in_files(folder: Path, words: bytes) -> list[str]:
    return [path.name for path in folder.iterdir() if words in path.read_bytes()]


async def test_what_is_deleted_is_in_no_byte_of_the_file(opened: Opened, folder: Path) -> None:
    """Nor in its log, while the process goes on."""
    store = await opened()
    claim = claimed(await store.turns.open(ask("r1", "a planted secret"), history=20))
    await store.turns.commit(claim, answered(claim, "a planted answer"))
    await store.turns.open(ask("r2", "a planted question"), history=20)
    assert in_files(folder, b"planted")
    await store.threads.delete("ann", "t")
    assert in_files(folder, b"planted") == []
    store = await opened()
    with pytest.raises(NotFound, match="deleted"):
        await store.turns.open(ask("r1", "a planted secret"), history=20)


def test_the_file_is_its_owners_alone(folder: Path) -> None:
    empty(folder / "a.sqlite")
    assert stat.filemode((folder / "a.sqlite").stat().st_mode) == "-rw-------"


# ---- a disk that is full


@contextmanager
def full_disk(path: Path) -> Generator[None, None, None]:
    """No file may grow beyond what this one has now."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def log(folder: Path) -> Path:
    """Where SQLite writes first."""
    return folder / "a.sqlite-wal"


async def test_a_prompt_that_cannot_be_written_is_refused(opened: Opened, log: Path) -> None:
    """What is there can be read. When there is room again, the same prompt begins, and is kept."""
    store = await opened()
    first = claimed(await store.turns.open(ask("r1"), history=20))
    await store.turns.commit(first, answered(first, "hi"))
    with full_disk(log):
        with pytest.raises(StoreUnavailable, match="cannot be written"):
            await store.turns.open(ask("r2"), history=20)
        assert [turn.state for turn in await store.threads.load("ann", "t")] == [
            State.DONE,
            State.INTERRUPTED,
        ]
    claim = claimed(await store.turns.open(ask("r2"), history=20))
    assert claim.number == 2
    turn = answered(claim, "here")
    await store.turns.commit(claim, turn)
    assert (await (await opened()).threads.load("ann", "t"))[1] == turn


async def test_an_answer_that_cannot_be_written_is_written_later(opened: Opened, log: Path) -> None:
    """By the same commit again, or by whatever is written next."""
    store = await opened()
    claims = [claimed(await store.turns.open(ask("r1", thread=name), history=20)) for name in "tu"]
    with full_disk(log):
        for claim in claims:
            with pytest.raises(StoreUnavailable):
                await store.turns.commit(claim, answered(claim, "hi"))
    await store.turns.commit(claims[0], answered(claims[0], "hi"))
    store = await opened()
    for name in "tu":
        assert [turn.answer for turn in await store.threads.load("ann", name)] == ["hi"]


async def test_a_request_that_is_cancelled_leaves_the_thread_free(opened: Opened) -> None:
    """Cancelled while the disk is busy with an earlier write, for which its own waits."""
    store = await opened()
    earlier = threading.Event()
    store._writer._worker.submit(earlier.wait, 60)
    opening = asyncio.ensure_future(store.turns.open(ask("r1"), history=20))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    earlier.set()
    assert claimed(await store.turns.open(ask("r2"), history=20)).number == 2


# ---- files that cannot be used


def empty(path: Path) -> None:
    """A file of ours without threads."""
    asyncio.run(SqliteStore(path).aclose())


def damaged(path: Path) -> None:
    empty(path)
    body = bytearray(path.read_bytes())
    body[4096 : 2 * 4096] = bytes(range(256)) * 16
    path.write_bytes(body)


def cut_short(path: Path) -> None:
    empty(path)
    os.truncate(path, 9000)


def with_a_damaged_row(path: Path, body: str) -> None:
    empty(path)
    with closing(sqlite3.connect(path)) as base:
        base.execute("INSERT INTO thread VALUES (1, ?)", (body,))
        base.commit()


def of_another_program(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as base:
        for statement in statements:
            base.execute(statement)
        base.commit()


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "damaged": (damaged, r"is damaged \(.+\)\. It was not changed\."),
    "cut": (cut_short, r"is damaged \(.+\)\. It was not"),
    "a row": (lambda path: with_a_damaged_row(path, "{"), "is damaged .a row cannot be read: "),
    "a list": (lambda path: with_a_damaged_row(path, "[]"), "is damaged .a row cannot be read: "),
    "no fields": (lambda path: with_a_damaged_row(path, "{}"), "is damaged .a row cannot be read: "),
    "text": (lambda path: path.write_text("hello " * 999), "is no file of conversations"),
    "another program": (lambda path: of_another_program(path, "CREATE TABLE a (b)"), "is no file of"),
    "a marked one": (lambda path: of_another_program(path, "PRAGMA application_id = 7"), "is no file of"),
    "newer": (
        lambda path: of_another_program(
            path, f"PRAGMA application_id = {APPLICATION}", f"PRAGMA user_version = {FORMAT + 1}"
        ),
        "was written by a newer c1fn. Update this one",
    ),
    "a folder": (lambda path: path.mkdir(), "cannot be (opened|used): unable to open database file"),
    "in no folder": (lambda path: path.symlink_to(path / "no"), "cannot be opened: "),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_file_that_cannot_be_used_is_one_sentence_and_not_changed(folder: Path, kind: str) -> None:
    prepare, sentence = UNUSABLE[kind]
    prepare(path := folder / "a.sqlite")
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreUnavailable, match=sentence) as told:
        SqliteStore(path)
    assert "\n" not in str(told.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_an_empty_file_is_a_new_one(folder: Path) -> None:
    (folder / "a.sqlite").touch()
    empty(folder / "a.sqlite")


async def test_one_process_has_the_file(opened: Opened, folder: Path) -> None:
    await opened()
    with pytest.raises(StoreUnavailable, match=r"Another process uses .* End that one, or name another"):
        SqliteStore(folder / "a.sqlite")
