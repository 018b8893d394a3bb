"""What a start compiles from text, compiled beforehand."""

import importlib.util
import marshal
import re
import typing
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from c1fn.local.package.record import Recorder
from c1fn.startup import compiled


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    compiled.uninstall()
    re.purge()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "compiled.bin"


def planted(file: Path) -> None:
    """A file in which other things stand for what is asked, so that one sees where an answer comes from."""
    recorder = Recorder()
    re.purge()
    recorder.begin()
    re.compile("from the file")
    recorder.end()
    [made] = recorder.patterns.values()
    texts = {("eval", "planted"): compile("'from the file'", "<string>", "eval")}
    file.write_bytes(compiled.VERSION + marshal.dumps((texts, {("planted", 0): made})))


def test_what_is_known_is_taken_from_the_file(file: Path) -> None:
    planted(file)
    assert compiled.install(file)
    re.purge()
    assert re.compile("planted").fullmatch("from the file")
    assert eval(vars(compiled.ANNOTATIONS)["compile"]("planted", "<string>", "eval")) == "from the file"  # noqa: S307 - ours


def test_what_is_not_known_is_compiled_as_ever(file: Path) -> None:
    planted(file)
    assert compiled.install(file)
    re.purge()
    assert re.compile("(?P<other>x)").fullmatch("x")
    assert re.compile("planted", re.IGNORECASE).fullmatch("PLANTED")
    with pytest.raises(re.error, match="unterminated"):
        re.compile("(x")
    assert typing.get_type_hints(things()["Point"]) == {"x": int, "names": list[str]}


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"damaged",
        compiled.VERSION,
        compiled.VERSION + marshal.dumps(1),
        importlib.util.MAGIC_NUMBER + bytes(4) + marshal.dumps(({}, {})),
        bytes(4) + compiled.VERSION[4:] + marshal.dumps(({}, {})),
    ],
    ids=["absent", "empty", "damaged", "cut", "another thing", "other patterns", "other bytecode"],
)
def test_a_file_that_is_not_for_this_python_changes_nothing(file: Path, content: bytes | None) -> None:
    if content is not None:
        file.write_bytes(content)
    assert not compiled.install(file)
    assert "compile" not in vars(compiled.ANNOTATIONS)
    assert compiled.COMPILER.compile is compiled.compile_pattern


def things() -> dict[str, Any]:
    """One of each kind that is compiled from text."""

    @dataclass(frozen=True, slots=True, order=True)
    class Point:
        x: "int"
        names: "list[str]" = field(default_factory=list)

    re.purge()
    return {
        "Point": Point,
        "Pair": namedtuple("Pair", ["a", "b"], defaults=[2]),  # noqa: PYI024 - what it makes is the test
        "Hint": typing.ForwardRef("dict[str, int]"),
        "pattern": re.compile(r"(?i)(?P<key>[\w-]+)=(?:\"(?P<q>[^\"]*)\"|(\d{1,3}))"),
        "bytes": re.compile(rb"a+?$", re.MULTILINE),
    }


def looks(made: dict[str, Any]) -> list[object]:
    point, pattern = made["Point"](1, ["a"]), made["pattern"]
    found = pattern.search('x KEY="v"')
    with pytest.raises(FrozenInstanceError):
        point.x = 2
    return [
        repr(point).rpartition(".")[2],
        asdict(point),
        point == made["Point"](1, ["a"]),
        point < made["Point"](2),
        hash(made["Pair"](1)),
        made["Pair"](1)._asdict(),
        made["Hint"].__forward_code__.co_names,
        pattern.flags,
        pattern.groups,
        dict(pattern.groupindex),
        found.groupdict(),
        found.span("q"),
        [match.span() for match in made["bytes"].finditer(b"a\naa")],
    ]


def test_what_was_recorded_is_what_python_makes_of_the_text(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = looks(things())
    recorder = Recorder()
    recorder.begin()
    recorded = looks(things())
    recorder.end()
    file.write_bytes(recorder.data())
    assert {kind for kind, _ in recorder.texts} == {"exec", "eval"}
    assert compiled.install(file)
    monkeypatch.setattr(compiled.COMPILER, "_code", None)  # so that no pattern is made in the usual way
    assert usual == recorded == looks(things())


def test_the_same_is_recorded_each_time() -> None:
    recordings = []
    for _ in range(2):
        recorder = Recorder()
        recorder.begin()
        things()
        recorder.end()
        recordings.append((recorder.texts, recorder.patterns))
    assert recordings[0] == recordings[1]
