"""A conversation on a terminal: prompts, commands, and the numbers of what can be pressed.

Everything runs in the main thread. What is typed while an answer arrives waits; see `keyboard`. So Ctrl-C has
one meaning at a time: it stops the answer that is arriving, or discards the line that is typed.
"""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from rich.table import Table
from rich.text import Text

from c1fn.local.terminal.answer import words
from c1fn.local.terminal.cards import clean
from c1fn.local.terminal.choices import Choice, Choices
from c1fn.local.terminal.endpoint import Endpoint, EndpointError
from c1fn.local.terminal.forms import Field, filled
from c1fn.local.terminal.screen import Readable
from c1fn.local.terminal.sent import sent
from c1fn.local.terminal.talk import Talk

PROMPT = "> "

HELP = {
    "/threads": "list the newest conversations",
    "/open <n or id>": "go on with one of them",
    "/new": "begin another",
    "/retry": "ask the last prompt again",
    "/edit <prompt>": "ask this in place of the last prompt",
    "/rename <title>": "give this conversation another title",
    "/rate up|down": "say what you think of the last answer, with a comment if you like",
    "/share": "make a link that shows this conversation as it is now",
    "/delete": "delete this conversation",
    "/export <file>": "write this conversation to a new file, as JSON",
    "/stop": "stop an answer that is being written elsewhere; here, Ctrl-C does",
    "/help": "this list",
    "1, 2, 3": "press a button or a follow-up of the last answer; a form asks for its fields",
    "/quit, Ctrl-D": "end",
}


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
        fields: list[Field] = []
        for message in messages:
            content = str(message.get("content", ""))
            if message.get("role") == "user":
                prompt = content
                self._show_prompt(prompt, fields)
            else:
                self.show(iter([content]), "")
                self.asked = prompt, str(message.get("id"))
                fields += (field for choice in self._readable.choices for field in choice.fields)
        if running := next((str(m["running"]) for m in messages if m.get("running")), None):
            self.asked = prompt, running
            self.show(self._endpoint.follow(thread_id, running), running)
        return None

    def _show_prompt(self, content: str, fields: list[Field]) -> None:
        console = self._readable.console
        console.print(f"{PROMPT}{clean(words(content))}", style="bold")
        filled_in = Table.grid(padding=(0, 2))
        for label, value in sent(content, fields):
            filled_in.add_row(Text(f"  {clean(label)}", "dim"), Text(clean(value)))
        if filled_in.row_count:
            console.print(filled_in)
        console.print()

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

    def share(self, _: str) -> None:
        link, ends = self._endpoint.share(self.thread_id)
        self._readable.console.print(link, soft_wrap=True)
        self._readable.note(f"Whoever has it sees this conversation as it is now, until {ends}.")

    def rate(self, told: str) -> None:
        value, _, comment = told.partition(" ")
        if value not in ("up", "down") or not self.asked:
            return self._readable.note(
                "/rate takes up or down, and a comment if you like, for the last answer."
            )
        self._endpoint.rate(self.thread_id, self.asked[1], value, comment.strip())
        return self._readable.note("Thank you.")

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
        listed = Table.grid(padding=(0, 2))
        listed.add_column(no_wrap=True)
        for command, what in HELP.items():
            listed.add_row(command, what)
        self._readable.console.print(listed)


_COMMANDS: dict[str, Callable[[Dialogue, str], None]] = {
    "/threads": Dialogue.threads,
    "/open": Dialogue.open,
    "/new": Dialogue.new,
    "/retry": Dialogue.retry,
    "/edit": Dialogue.edit,
    "/rename": Dialogue.rename,
    "/rate": Dialogue.rate,
    "/share": Dialogue.share,
    "/delete": Dialogue.delete,
    "/export": Dialogue.export,
    "/quit": Dialogue.quit,
    "/stop": Dialogue.stop,
    "/help": Dialogue.help,
}
