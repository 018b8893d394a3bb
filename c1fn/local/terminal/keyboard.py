"""The keyboard: asks for lines, and keeps what is typed while nobody asks.

While an answer arrives, the terminal does not echo, so what is typed does not run into what is shown. It
waits as one prompt: sent when the answer has ended, if Enter was the last key, else in the next line. Ctrl-C
stops the answer.

https://python-prompt-toolkit.readthedocs.io/en/stable/pages/asking_for_input.html
https://docs.python.org/3/library/termios.html
"""

import os
import re
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 65_536
"""Bytes that are read of what waits: the terminal itself keeps 4,096."""


class Keyboard:
    """Of a terminal, standard input."""

    def __init__(self) -> None:
        from prompt_toolkit import PromptSession

        self._session: PromptSession[str] = PromptSession()
        self._waiting = ""

    def ask(self, question: str) -> str:
        """One line, as it is typed after this; or what waits.

        :raises EOFError: Ctrl-D. :raises KeyboardInterrupt: Ctrl-C.
        """
        waiting, self._waiting = self._waiting, ""
        if waiting.endswith("\n") and (text := waiting.strip("\n")):
            sys.stdout.write(f"{question}{text}\n")
            return text
        return whole(self._session.prompt(question, default=waiting.strip("\n")))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is typed meanwhile waits."""
        try:
            import termios
        except ModuleNotFoundError:  # Windows has another way, and echoes
            yield
            return
        keyboard = sys.stdin.fileno()
        before = termios.tcgetattr(keyboard)
        quiet = [*before]
        quiet[3] &= ~(termios.ECHO | termios.ICANON)
        quiet[6] = [*before[6]]
        quiet[6][termios.VMIN], quiet[6][termios.VTIME] = 1, 0  # a key can be read as soon as it was pressed
        termios.tcsetattr(keyboard, termios.TCSANOW, quiet)
        try:
            yield
        finally:
            self._waiting += typed(_pending(keyboard))
            termios.tcsetattr(keyboard, termios.TCSANOW, before)


def _pending(keyboard: int) -> bytes:
    """What has been typed and not read."""
    content = b""
    while select.select([keyboard], [], [], 0)[0] and len(content) < AT_ONCE:
        if not (piece := os.read(keyboard, AT_ONCE)):
            break
        content += piece
    return content


def whole(text: str) -> str:
    """The same without halves of characters: bytes that are no UTF-8 arrive as such."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def typed(content: bytes) -> str:
    """Keys that were pressed, as the text that they make: without arrows and marks of a paste, and without
    what was deleted again.
    """
    made: list[str] = []
    for char in _KEYS.sub("", content.decode("utf-8", "replace")):
        if char in _DELETE:
            del made[-1:]
        elif char in "\r\n":
            made.append("\n")
        elif char.isprintable() or char == "\t":
            made.append(char)
    return "".join(made)


_KEYS = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.|.)?")
"""Keys that are no characters, as terminals send them."""

_DELETE = "\x7f\x08"
