"""Chance, by a seed: bytes and JSON documents become others that are nearly right."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any

Value = Any

JUNK = (
    b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"\n", b"\n\n", b"\r\n", b"data:", b":",
    b"\\ud800", b"\\", b'"', b"{", b"[", b"]", b"}", b"1e999", b"-", b"NaN", b"\x1b[31m", b"\xe2\x80\xa8",
)  # fmt: skip
"""Bytes that some parser somewhere takes for more than they are."""

WEIRD: tuple[Value, ...] = (
    None, True, False, 0, -1, 2**31, 2**63, 10**400, -(10**30), 1.5, 1e308, float("inf"), float("nan"), "",
    " ", "0", "\0", "\ud800", "\udc00", "\ud83d", "é" * 40, "x" * 5000, "\u2028", "../..", "<content>",
    [], {}, [None], [[]], {"": None}, [{}], {"index": 0}, ["a"] * 300,
)  # fmt: skip

DEEP = 3000
"""Levels of a document: more than Python's stack would take in a naive reading."""

LONGEST = 262_144
"""Bytes of a repeated piece; the giant lines are made on purpose (``model``)."""


class Chance(random.Random):
    def bytes_of(self, data: bytes, times: int = 1) -> bytes:
        """The bytes, mutated so many times."""
        for _ in range(times):
            data = self.choice(_BYTES)(self, data)
        return data

    def document_of(self, document: Value, times: int = 1) -> Value:
        """The document, mutated so many times; the original stays as it is."""
        whole = [copy.deepcopy(document)]
        for _ in range(times):
            parent, key = self.choice(_places(whole))
            self.choice(_NODES)(self, parent, key)
            if not whole:
                whole.append(None)
        return whole[0]

    def pieces_of(self, data: bytes) -> list[bytes]:
        """The bytes as a socket might give them."""
        cuts = sorted(self.randrange(len(data) + 1) for _ in range(self.randrange(6)))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def written(document: Value) -> bytes:
    """As JSON; what JSON does not know (NaN, half characters) as Python writes it."""
    return json.dumps(document).encode()


def deep(chance: Chance) -> bytes:
    opened, closed = chance.choice([(b"[", b"]"), (b'{"a":', b"}"), (b'{"choices":[', b"]}")])
    return opened * DEEP + b"1" + closed * chance.choice([DEEP, DEEP - 1, 0])


def _flip(chance: Chance, data: bytes) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _cut(chance: Chance, data: bytes) -> bytes:
    start, end = _slice(chance, data)
    return data[:start] + data[end:]


def _double(chance: Chance, data: bytes) -> bytes:
    start, end = _slice(chance, data)
    return data[:end] + data[start:end] * chance.choice([1, 1, 2, 20]) + data[end:]


def _insert(chance: Chance, data: bytes) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(JUNK) * chance.choice([1, 1, 1, 100]) + data[at:]


def _shuffle(chance: Chance, data: bytes) -> bytes:
    start, end = _slice(chance, data)
    return data[end:] + data[:start] + data[start:end]


def _slice(chance: Chance, data: bytes) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.randrange(1, 64), start + LONGEST)


_BYTES: tuple[Callable[[Chance, bytes], bytes], ...] = (
    _flip,
    _flip,
    _cut,
    _double,
    _insert,
    _insert,
    _shuffle,
)


def _places(root: list[Value]) -> list[tuple[Value, Value]]:
    """Every place in a document, as its container and the key in it."""
    found: list[tuple[Value, Value]] = []
    waiting: list[Value] = [root]
    while waiting:
        container = waiting.pop()
        for key, value in container.items() if isinstance(container, dict) else enumerate(container):
            found.append((container, key))
            if isinstance(value, dict | list):
                waiting.append(value)
    return found


def _replace(chance: Chance, container: Value, key: Value) -> None:
    container[key] = copy.deepcopy(chance.choice(WEIRD))


def _remove(_: Chance, container: Value, key: Value) -> None:
    del container[key]


def _rename(chance: Chance, container: Value, key: Value) -> None:
    if isinstance(container, dict):
        container[chance.choice(["", "a", key.upper(), key + "\0", "\ud800", "__class__"])] = container.pop(
            key
        )


def _wrap(chance: Chance, container: Value, key: Value) -> None:
    value = container[key]
    container[key] = chance.choice([[value], {"a": value}, [value] * 50, json.dumps(value)])


_NODES: tuple[Callable[[Chance, Value, Value], None], ...] = (
    _replace,
    _replace,
    _replace,
    _remove,
    _rename,
    _wrap,
)
