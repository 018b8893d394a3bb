"""A conversation with an endpoint: typed line by line on a terminal; in a pipe the whole input is one prompt.

Everything runs in the main thread, and nothing runs while a line is typed. So Ctrl-C has one meaning at a
time: it stops the answer that is arriving, or discards the line that is typed.

https://python-prompt-toolkit.readthedocs.io/en/stable/pages/asking_for_input.html
"""

import sys
from collections.abc import Callable, Iterator
from uuid import uuid4

from c1fn.local.terminal.answer import Answer, words
from c1fn.local.terminal.cards import clean, follow_ups
from c1fn.local.terminal.endpoint import Endpoint, EndpointError
from c1fn.local.terminal.screen import Lines, Readable, Screen

PROMPT = "> "

HELP = """\
/threads         list the newest conversations
/open <n or id>  go on with one of them
/new             begin another
/stop            stop an answer that is being written elsewhere; here, Ctrl-C does
/help            this list
1, 2, 3          send a follow-up that the last answer offers
Ctrl-D           end"""


def one(endpoint: Endpoint, *, as_json: bool, thread_id: str | None) -> int:
    """All of standard input as one prompt.

    :returns: the exit status: 1 when there is no whole answer.
    """
    prompt = sys.stdin.read().strip()
    if not prompt:
        return 0
    screen: Screen = Lines() if as_json else Readable()
    return 0 if Talk(endpoint, screen, thread_id).ask(prompt) else 1


class Talk:
    """Where a conversation stands."""

    def __init__(self, endpoint: Endpoint, screen: Screen, thread_id: str | None = None) -> None:
        self._endpoint, self._screen = endpoint, screen
        self.thread_id = thread_id or str(uuid4())
        self.offers: list[str] = []

    def ask(self, prompt: str) -> bool:
        """Whether a whole answer came."""
        response_id = str(uuid4())
        self._screen.begin(self.thread_id, response_id, prompt)
        return self.show(self._endpoint.answer(self.thread_id, response_id, prompt), response_id)

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
        self.offers = [offer for component in answer.settled for offer in follow_ups(component)]
        return not answer.failure

    def _stop(self, response_id: str) -> bool:
        """Stop it, and wait until it has ended, so that the next prompt does not find the thread busy."""
        try:
            self._endpoint.stop(self.thread_id, response_id)
            for _ in self._endpoint.follow(self.thread_id, response_id):
                pass
        except EndpointError as error:
            self._screen.fail(str(error))
            return False
        self._screen.end(Answer(), stopped=True)
        return False


class Dialogue(Talk):
    """A conversation on a terminal, with its commands."""

    def __init__(self, endpoint: Endpoint, screen: Readable, thread_id: str | None = None) -> None:
        super().__init__(endpoint, screen, thread_id)
        self._readable = screen
        self._listed: list[str] = []
        self._ok = True

    def run(self) -> int:
        """Until Ctrl-D. :returns: the exit status: 1 when the last answer is not whole."""
        from prompt_toolkit import PromptSession

        session: PromptSession[str] = PromptSession()
        while True:
            try:
                line = session.prompt(PROMPT).strip()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return 0 if self._ok else 1
            self.take(line)

    def take(self, line: str) -> None:
        """A line that was typed: a command, the number of a follow-up, or a prompt."""
        name, _, rest = line.partition(" ")
        try:
            if name in _COMMANDS:
                _COMMANDS[name](self, rest.strip())
            elif name.startswith("/") and name[1:].isalpha():
                self._readable.note(f"{name} is no command; /help lists them.")
            elif line:
                self._ok = self.ask(self._offered(line))
        except EndpointError as error:
            self._readable.fail(str(error))
        except KeyboardInterrupt:
            self._readable.note("Left.")

    def _offered(self, line: str) -> str:
        number = int(line) if line.isdecimal() and len(line) < len("100") else 0
        return self.offers[number - 1] if 0 < number <= len(self.offers) else line

    def threads(self, _: str) -> None:
        listed = self._endpoint.threads()
        self._listed = [str(thread.get("threadId")) for thread in listed]
        for number, thread in enumerate(listed, 1):
            running = " (running)" if thread.get("isRunning") else ""
            mark = "*" if thread.get("threadId") == self.thread_id else " "
            self._readable.console.print(f"{mark}{number:3}. {clean(thread.get('title'))}{running}")
        if not listed:
            self._readable.note("There is no conversation yet.")

    def new(self, _: str) -> None:
        self.thread_id, self.offers = str(uuid4()), []
        self._readable.note("A new conversation.")

    def open(self, which: str) -> None:
        if not which:
            return self._readable.note("/open takes a number from /threads, or an id.")
        number = int(which) if which.isdecimal() and len(which) < len("1000") else 0
        thread_id = self._listed[number - 1] if 0 < number <= len(self._listed) else which
        messages = self._endpoint.messages(thread_id)
        if not messages:
            return self._readable.note("There is no such conversation.")
        self.thread_id, self.offers = thread_id, []
        for message in messages:
            content = str(message.get("content", ""))
            if message.get("role") == "user":
                self._readable.console.print(f"{PROMPT}{clean(words(content))}\n", style="bold")
            else:
                self.show(iter([content]), "")
        if running := next((str(m["running"]) for m in messages if m.get("running")), None):
            self.show(self._endpoint.follow(thread_id, running), running)
        return None

    def stop(self, _: str) -> None:
        stopping = self._endpoint.stop(self.thread_id)
        self._readable.note("Stopped." if stopping else "Nothing is being written.")

    def help(self, _: str) -> None:
        self._readable.console.print(HELP)


_COMMANDS: dict[str, Callable[[Dialogue, str], None]] = {
    "/threads": Dialogue.threads,
    "/open": Dialogue.open,
    "/new": Dialogue.new,
    "/stop": Dialogue.stop,
    "/help": Dialogue.help,
}
