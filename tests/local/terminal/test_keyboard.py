"""The keyboard: what is typed while an answer arrives, in a real pseudo-terminal."""

import os
import select
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from c1fn.local.terminal.keyboard import Keyboard, typed, whole


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where a person types; standard input is the other end."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        yield ours
    os.close(ours)


def press(person: int, keys: bytes) -> None:
    """Type, until all of it has come."""
    os.write(person, keys)
    while not select.select([sys.stdin.fileno()], [], [], 10)[0]:
        pass


def asked(keyboard: Keyboard, *then: str) -> str:
    """What the next line is, if these keys are pressed then."""
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        fresh = Keyboard()
        fresh._waiting, keyboard._waiting = keyboard._waiting, ""
        keys.send_text("".join(then) + "\r")
        return fresh.ask("> ")


def test_what_is_typed_during_an_answer_waits_in_the_next_line(person: int) -> None:
    """As one prompt, which the person can change and send, once."""
    keyboard = Keyboard()
    with keyboard.aside():
        press(person, b"first\rsec")
    with keyboard.aside():
        press(person, b"ond")
    assert asked(keyboard, "!") == "first\nsecond!"
    assert asked(keyboard, "third") == "third"


@pytest.mark.parametrize(("keys", "line"), [(b"one\rtwo\r", "one\ntwo"), (b"\r\r", "typed then")])
def test_what_was_sent_during_an_answer_is_the_next_line(
    keys: bytes, line: str, person: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not asked for again, but shown. Enter alone sends nothing."""
    keyboard = Keyboard()
    with keyboard.aside():
        press(person, keys)
    assert asked(keyboard, "typed then") == line
    assert capsys.readouterr().out == (f"> {line}\n" if line != "typed then" else "")


def test_the_terminal_is_as_it_was_after_an_answer(person: int) -> None:  # noqa: ARG001 - it has the terminal
    """Quiet while it arrives, also if it ends by Ctrl-C; Ctrl-C itself stays a signal."""
    before = termios.tcgetattr(sys.stdin.fileno())
    keyboard = Keyboard()
    with suppress(KeyboardInterrupt), keyboard.aside():
        flags = termios.tcgetattr(sys.stdin.fileno())[3]
        assert not flags & (termios.ECHO | termios.ICANON)
        assert flags & termios.ISIG
        raise KeyboardInterrupt
    assert termios.tcgetattr(sys.stdin.fileno()) == before


KEYS = {
    b"": "",
    b"one\r": "one\n",
    b"one\rtwo\r": "one\ntwo\n",
    b"onf\x7fe\x7f\x7f\x7f\x7fa": "a",
    b"a\x1b[Ab\x1b[1;5Cc\x1bOAd\x1b[3~\x1bxe": "abcde",
    b"\x1b[200~pasted\rtext\x1b[201~": "pasted\ntext",
    "gr\u00fcn \U0001f600".encode(): "gr\u00fcn \U0001f600",
    b"a\xff\xc3": "a\ufffd\ufffd",
    bytes(range(32)) + b"x": "\t\n\nx",
    b"\x1b": "",
}


@pytest.mark.parametrize("keys", KEYS)
def test_keys_make_a_text(keys: bytes) -> None:
    assert typed(keys) == KEYS[keys]


def test_bytes_that_are_no_text_are_one_character_each() -> None:
    """As prompt_toolkit hands them over."""
    assert whole(b"a\xff\xe9b".decode("utf-8", "surrogateescape")) == "a\ufffd\ufffdb"
