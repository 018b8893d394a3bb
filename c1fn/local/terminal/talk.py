"""A turn with an endpoint: asked, shown, stopped. In a pipe the whole input is one prompt."""

import sys
from collections.abc import Iterator
from uuid import uuid4

from c1fn.local.terminal.answer import Answer
from c1fn.local.terminal.endpoint import Endpoint, EndpointError
from c1fn.local.terminal.screen import Lines, Readable, Screen


def one(endpoint: Endpoint, *, as_json: bool, thread_id: str | None) -> int:
    """All of standard input as one prompt.

    :returns: the exit status: 1 when there is no whole answer.
    """
    prompt = _all_of_it().strip()
    if not prompt:
        return 0
    screen: Screen = Lines() if as_json else Readable()
    return 0 if Talk(endpoint, screen, thread_id).ask(prompt) else 1


def _all_of_it() -> str:
    """Standard input as text: UTF-8, or UTF-16 where its first bytes say so (some shells write that)."""
    typed = sys.stdin.buffer.read()
    encoding = "utf-16" if typed.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return typed.decode(encoding, "replace")


class Talk:
    """Where a conversation stands. ``asked``: the newest prompt and its responseId."""

    def __init__(self, endpoint: Endpoint, screen: Screen, thread_id: str | None = None) -> None:
        self._endpoint, self._screen = endpoint, screen
        self.thread_id = thread_id or str(uuid4())
        self.asked: tuple[str, str] | None = None
        self.failed = False

    def ask(self, prompt: str, response_id: str | None = None) -> bool:
        """Whether a whole answer came."""
        response_id = response_id or str(uuid4())
        self.asked = prompt, response_id
        self._screen.begin(self.thread_id, response_id, prompt)
        self.failed = True  # until it is shown to its end
        whole = self.show(self._endpoint.answer(self.thread_id, response_id, prompt), response_id)
        self.failed = self.failed and not whole
        return whole

    def show(self, pieces: Iterator[str], response_id: str) -> bool:
        """Show an answer to its end, or until Ctrl-C stops it."""
        try:
            answer = self._screen.show(pieces)
        except EndpointError as error:
            self._screen.fail(str(error))
            return False
        except KeyboardInterrupt:
            return self._stop(response_id)
        self._screen.end(answer)
        return not answer.failure

    def _stop(self, response_id: str) -> bool:
        """Stop it, and wait until it has ended, so that the next prompt does not find the thread busy."""
        self.failed = False  # it ends as the person wants
        try:
            self._endpoint.stop(self.thread_id, response_id)
            for _ in self._endpoint.follow(self.thread_id, response_id):
                pass
        except EndpointError as error:
            self._screen.fail(str(error))
            return False
        self._screen.end(Answer(), stopped=True)
        return False
