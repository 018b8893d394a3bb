"""A conversation with an endpoint: typed line by line on a terminal; in a pipe the whole input is one prompt.

Everything runs in the main thread, and nothing runs while a line is typed. So Ctrl-C has one meaning at a
time: it stops the answer that is arriving, or discards the line that is typed.

https://python-prompt-toolkit.readthedocs.io/en/stable/pages/asking_for_input.html
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

from c1fn.local.terminal.answer import Answer, words
from c1fn.local.terminal.cards import clean
from c1fn.local.terminal.choices import Choice, Choices
from c1fn.local.terminal.endpoint import Endpoint, EndpointError
from c1fn.local.terminal.forms import filled
from c1fn.local.terminal.screen import Lines, Readable, Screen

PROMPT = "> "

HELP = """\
/threads          list the newest conversations
/open <n or id>   go on with one of them
/new              begin another
/retry            ask the last prompt again
/edit <prompt>    ask this in place of the last prompt
/rename <title>   give this conversation another title
/delete           delete this conversation
/export <file>    write this conversation to a new file, as JSON
/stop             stop an answer that is being written elsewhere; here, Ctrl-C does
/help             this list
1, 2, 3           press a button or a follow-up of the last answer; a form asks for its fields
/quit, Ctrl-D     end"""


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


class Dialogue(Talk):
    """A conversation on a terminal, with its commands.

    :param read: asks for one line, with these words before it. It raises EOFError at Ctrl-D and
        KeyboardInterrupt at Ctrl-C.
    """

    def __init__(
        self, endpoint: Endpoint, screen: Readable, read: Callable[[str], str], thread_id: str | None = None
    ) -> None:
        super().__init__(endpoint, screen, thread_id)
        self._readable = screen
        self._read = read
        self._listed: list[str] = []
        self._ok = True

    def run(self) -> int:
        """Until Ctrl-D. :returns: the exit status: 1 when the last answer is not whole."""
        while True:
            try:
                self.take(self._read(PROMPT).strip())
            except KeyboardInterrupt:
                continue
            except EOFError:
                return 0 if self._ok else 1

    def take(self, line: str) -> None:
        """A line that was typed: a command, the number of a choice, or a prompt.

        :raises EOFError: it ends the conversation.
        """
        name, _, rest = line.partition(" ")
        try:
            if name in _COMMANDS:
                _COMMANDS[name](self, rest.strip())
            elif name.startswith("/") and name[1:].isalpha():
                self._readable.note(f"{name} is no command; /help lists them.")
            elif choice := self._choice(line):
                self._ok = self.ask(choice.prompt(self._filled(choice)))
            elif line:
                self._ok = self.ask(line)
        except EndpointError as error:
            self._readable.fail(str(error))
        except KeyboardInterrupt:
            self._readable.note("Left.")

    def _choice(self, line: str) -> Choice | None:
        number = int(line) if line.isdecimal() and len(line) < len("100") else 0
        choices = self._readable.choices
        return choices[number - 1] if 0 < number <= len(choices) else None

    def _filled(self, choice: Choice) -> dict[str, object]:
        """The values of a form's fields; Ctrl-C leaves the form."""
        return filled(choice.fields, lambda question: self._read(clean(question)), self._readable.note)

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
        self._enter(str(uuid4()))
        self._readable.note("A new conversation.")

    def _enter(self, thread_id: str) -> None:
        self.thread_id, self.asked, self.failed = thread_id, None, False
        self._readable.choices = Choices()

    def open(self, which: str) -> None:
        if not which:
            return self._readable.note("/open takes a number from /threads, or an id.")
        number = int(which) if which.isdecimal() and len(which) < len("1000") else 0
        thread_id = self._listed[number - 1] if 0 < number <= len(self._listed) else which
        messages = self._endpoint.messages(thread_id)
        if not messages:
            return self._readable.note("There is no such conversation.")
        self._enter(thread_id)
        prompt = ""
        for message in messages:
            content = str(message.get("content", ""))
            if message.get("role") == "user":
                prompt = content
                self._readable.console.print(f"{PROMPT}{clean(words(content))}\n", style="bold")
            else:
                self.show(iter([content]), "")
                self.asked = prompt, str(message.get("id"))
        if running := next((str(m["running"]) for m in messages if m.get("running")), None):
            self.asked = prompt, running
            self.show(self._endpoint.follow(thread_id, running), running)
        return None

    def retry(self, _: str) -> None:
        if not self.asked:
            return self._readable.note("Nothing was asked yet.")
        if not self.failed:
            return self.edit(self.asked[0])
        self._ok = self.ask(*self.asked)
        return None

    def edit(self, prompt: str) -> None:
        """The other prompt goes to a branch of the conversation: turns never change."""
        if not self.asked or not prompt:
            return self._readable.note("/edit takes the prompt that is asked in place of the last one.")
        self._enter(self._endpoint.fork(self.thread_id, before=self.asked[1]))
        self._ok = self.ask(prompt)
        return None

    def rename(self, title: str) -> None:
        if not title:
            return self._readable.note("/rename takes the new title.")
        return self._readable.note(f"Renamed: {self._endpoint.rename(self.thread_id, title)}")

    def delete(self, _: str) -> None:
        if self._read("Delete this conversation? Type yes: ").strip() != "yes":
            return self._readable.note("Nothing was deleted.")
        self._endpoint.delete(self.thread_id)
        self._enter(str(uuid4()))
        return self._readable.note("Deleted. A new conversation.")

    def export(self, name: str) -> None:
        if not name:
            return self._readable.note("/export takes the name of a new file.")
        told = {"threadId": self.thread_id, "messages": self._endpoint.messages(self.thread_id)}
        try:
            with Path(name).expanduser().open("x", encoding="utf-8") as file:
                json.dump(told, file, ensure_ascii=False, indent=1)
        except OSError as error:
            return self._readable.fail(f"{name} was not written: {error.strerror or error}.")
        return self._readable.note(f"{len(told['messages'])} messages are in {name}.")

    def quit(self, _: str) -> None:
        raise EOFError

    def stop(self, _: str) -> None:
        stopping = self._endpoint.stop(self.thread_id)
        self._readable.note("Stopped." if stopping else "Nothing is being written.")

    def help(self, _: str) -> None:
        self._readable.console.print(HELP)


_COMMANDS: dict[str, Callable[[Dialogue, str], None]] = {
    "/threads": Dialogue.threads,
    "/open": Dialogue.open,
    "/new": Dialogue.new,
    "/retry": Dialogue.retry,
    "/edit": Dialogue.edit,
    "/rename": Dialogue.rename,
    "/delete": Dialogue.delete,
    "/export": Dialogue.export,
    "/quit": Dialogue.quit,
    "/stop": Dialogue.stop,
    "/help": Dialogue.help,
}
