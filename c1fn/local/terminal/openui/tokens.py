"""Cuts a text in OpenUI Lang into tokens. https://www.npmjs.com/package/@openuidev/lang-core"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Token:
    """``kind``: `text`, `number`, `word`, `type`, `state`, `function`, `line`, `end`, or the sign itself."""

    kind: str
    value: Any = None


def tokens(text: str) -> Iterator[Token]:
    """The tokens of the code in a text: of its fences, if it has any, and without its comments. The blanks
    at its end are none of it, not even of a string that has not ended; the end of its last line is.
    """
    code = _without_comments(_code(text.strip())).strip()
    yield from _tokens(code)
    if "\n" in text[len(text.rstrip()) :]:
        yield Token("line")


_STRING = r'"(?:\\.|[^"\\])*+(?:"|\\?$)'
_QUOTED = r"'(?:\\.|[^'\\])*+(?:'|\\?$)"


def _code(text: str) -> str:
    """What stands in fences, if there are any."""
    fenced = [found["code"] for found in _FENCED.finditer(text) if found["code"] is not None]
    return "\n".join(fenced) if fenced else text


_FENCED = re.compile(rf"{_STRING}|```[^\n]*\n(?P<code>(?:{_STRING}|(?!```)[^\"])*+)(?:```|$)", re.DOTALL)


def _without_comments(text: str) -> str:
    return _COMMENT.sub(lambda found: "" if found[0][0] in "/#" else found[0], text)


_COMMENT = re.compile(rf"{_STRING}|{_QUOTED}|(?:#|//)[^\n]*", re.DOTALL)

_TOKEN = re.compile(
    rf"""(?P<text>{_STRING}|{_QUOTED})|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d*)?)|(?P<line>\n)
    |(?P<state>\$[A-Za-z_]\w*)|@(?P<function>[A-Za-z_]\w*)|(?P<type>[A-Z]\w*)|(?P<word>[a-z_]\w*)
    |(?P<sign>==|!=|>=|<=|&&|\|\||[][(){{}},:=!<>.?+*/%&|-])""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)


def _tokens(text: str) -> Iterator[Token]:
    for found in _TOKEN.finditer(text):
        kind, value = found.lastgroup or "", found[found.lastgroup or 0]
        if kind == "text":
            yield Token(kind, _string(value))
        elif kind == "number":
            yield Token(kind, _number(value))
        elif kind == "word" and value in _CONSTANTS:
            yield Token("constant", _CONSTANTS[value])
        elif kind == "sign":
            yield Token(value * 2 if value in "&|" else value)
        else:
            yield Token(kind, value)


_CONSTANTS = {"true": True, "false": False, "null": None}


def _string(raw: str) -> str:
    mark = raw[0]
    inner = raw[1:-1] if len(raw) > 1 and _is_closed(raw, mark) else raw[1:]
    if mark == "'":
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), inner, flags=re.DOTALL)
    try:
        return str(json.loads(f'"{inner}"', strict=False))
    except ValueError:
        try:
            return str(json.loads(f'"{inner}\\"', strict=False))  # it ends within an escape
        except ValueError:
            return inner


def _is_closed(raw: str, mark: str) -> bool:
    body = raw[1:-1]
    return raw.endswith(mark) and (len(body) - len(body.rstrip("\\"))) % 2 == 0


_ESCAPES = {"n": "\n", "t": "\t"}


def _number(text: str) -> float | int | None:
    try:
        number = float(text)
    except ValueError:  # "1e", and more to come
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
