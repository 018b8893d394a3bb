"""Chat in the terminal, over HTTP; in a pipe, the whole input is one prompt. docs/terminal.md"""

import sys

from c1fn.local.terminal.dialogue import Dialogue
from c1fn.local.terminal.endpoint import Endpoint
from c1fn.local.terminal.keyboard import Keyboard
from c1fn.local.terminal.screen import Readable
from c1fn.local.terminal.talk import one


def converse(endpoint: Endpoint, *, as_json: bool = False, thread_id: str | None = None) -> int:
    """Prompts from standard input, answers to standard output, until its end.

    :returns: the exit status: 1 when the last answer failed.
    """
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return one(endpoint, as_json=as_json, thread_id=thread_id)
    keyboard = Keyboard()
    return Dialogue(endpoint, Readable(keyboard.aside), keyboard.ask, thread_id).run()
