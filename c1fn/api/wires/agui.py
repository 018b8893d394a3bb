"""Encodes events as those of AG-UI 1.0, each one a server-sent event with a JSON object.

https://docs.ag-ui.com/concepts/events · https://html.spec.whatwg.org/multipage/server-sent-events.html

A run is a turn: its runId is the responseId. Each round of the model is a message of its own; the first has
the run's id. The id of a tool's call is made of the run's id, the round's number and the model's own id:
models use an id again in another round, and a client looks for a call by its id in the whole conversation.

A run that goes on under its own id, with an answer to what it asked for, is a further turn: its id is the
run's, `~` and a number.

A turn may end with calls that have no result. A call of the client's own tool is the client's to answer; any
other waits for a person's approval and is an interrupt. The ids of these calls are the same when the run is
told again, so a client makes none of them twice.

A client that sends a run again has some of its text, and gets the rest. If it has another text, because the
run failed and was run again, it gets all of the new one as a further message.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, assert_never

from c1fn.errors import C1fnError
from c1fn.events import Called, Delta, Event, Failed, Finished, Returned, Working
from c1fn.turn import State, ToolCall, Turn, Usage

VERSION = "1.0"
"""The version of the protocol; it is told with each run."""

KEEP_ALIVE = ": keep-alive\n\n"
"""A comment: every reader of server-sent events leaves it out."""

STILL_RUNNING = "still_running"
"""The code of a response that ended before its run: no failure of the run, so it is not in `errors`."""

ROUND = "#"
"""Between a run's id, a round's number and a call's id."""

MOST = 4
"""Digits of a round's number, at most: a client may send any id."""

AGAIN = "~"
"""Between a run's id and the number of the turn with which the same run goes on."""

PENDING = ROUND * 2
"""Between a turn's id and the id of a call that has no result."""

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Wire:
    """One run's encoder.

    :param turn_id: the turn's, if it is not the run's.
    :param had: the run's messages that its client has: the id and the text of each.
    :param arguments: tell what the server's tools are called with; else `{}` stands in their place.
    :param tools: the names of the client's own tools.
    """

    def __init__(
        self,
        thread_id: str,
        run_id: str,
        *,
        turn_id: str | None = None,
        had: Sequence[tuple[str, str]] = (),
        arguments: bool = False,
        tools: Collection[str] = (),
    ) -> None:
        self._run = {"threadId": thread_id, "runId": run_id}
        self._turn_id = turn_id = turn_id or run_id
        self._arguments = arguments
        self._tools = tools
        self._had = "".join(text for _, text in had)  # and has not come in the answer yet
        self._skipped = ""  # of the answer: the client has it
        self._round = max((_round_of(id_, turn_id) for id_, _ in had), default=1)
        self._message = had[-1][0] if had else turn_id
        self._begun = self._speaks = False
        self._step: str | None = None
        self._texts: list[str] = []
        self._out: list[str] = []

    def encode(self, events: Iterable[Event]) -> bytes:
        """The bytes of these events; texts that come together are one event."""
        self._begin()
        for event in events:
            self._take(event)
        self._speak()
        return self._taken()

    def keep_alive(self) -> bytes:
        """A comment; before it the run's beginning, which a client waits for."""
        self._begin()
        return self._taken() + KEEP_ALIVE.encode()

    def unfinished(self) -> bytes:
        """Say that the answer is still being written: a run that ends without an end looks complete."""
        message = "The answer is still being written. Send the same run again to get the rest of it."
        self._begin()
        self._close()
        self._say("RUN_ERROR", message=message, code=STILL_RUNNING)
        return self._taken()

    def _take(self, event: Event) -> None:
        if isinstance(event, Delta):
            self._texts.append(event.text)
            return
        self._speak()
        match event:
            case Called(calls):
                self._close()
                for call in calls:
                    self._call(self._id_of(call.id), call.name, call.arguments if self._arguments else "{}")
            case Working(tool, progress):
                self._progress(progress or f"Using {tool}")
            case Returned(ids):
                self._close()
                self._return(ids)
            case Failed(error, usage):
                self._settle()
                self._fail(error, usage)
            case Finished(state, usage, waiting):
                self._settle()
                outcome = self._waits(waiting) if waiting else _OUTCOMES.get(state, {})
                self._say("RUN_FINISHED", **self._run, **outcome, **_usage(usage))
            case _:
                assert_never(event)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._say("RUN_STARTED", **self._run, protocolVersion=VERSION)

    # Text

    def _speak(self) -> None:
        """Tell the texts that were taken."""
        if self._texts:
            text, self._texts = "".join(self._texts), []
            if text := self._new(text) if self._had else text:
                self._tell(text)

    def _tell(self, text: str) -> None:
        self._progress(None)
        if not self._speaks:
            self._speaks = True
            self._say("TEXT_MESSAGE_START", messageId=self._message, role="assistant")
        self._say("TEXT_MESSAGE_CONTENT", messageId=self._message, delta=text)

    def _new(self, text: str) -> str:
        """The part of this text that the client does not have."""
        if self._had.startswith(text):
            self._had = self._had[len(text) :]
            self._skipped += text
            return ""
        if text.startswith(self._had):
            rest, self._had = text[len(self._had) :], ""
            return rest
        return self._anew() + text

    def _anew(self) -> str:
        """Begin a further message; what was skipped of the answer belongs to it."""
        self._had = ""
        self._next_message()
        return self._skipped

    def _settle(self) -> None:
        """The answer is over: if the client has more than that, it has another one."""
        if self._had and (text := self._anew()):
            self._tell(text)
        self._close()

    def _close(self) -> None:
        """End what is open: a step, a message."""
        self._progress(None)
        if self._speaks:
            self._speaks = False
            self._say("TEXT_MESSAGE_END", messageId=self._message)

    # Tools

    def _call(self, id_: str, name: str, arguments: str) -> None:
        self._say("TOOL_CALL_START", toolCallId=id_, toolCallName=name, parentMessageId=self._message)
        self._say("TOOL_CALL_ARGS", toolCallId=id_, delta=arguments)
        self._say("TOOL_CALL_END", toolCallId=id_)

    def _waits(self, turn: Turn) -> dict[str, Any]:
        """Tell the calls without results, with what they are called with: who answers must know it."""
        interrupts = []
        for call in turn.pending:
            id_ = f"{self._turn_id}{PENDING}{call.id}"
            self._call(id_, call.name, call.arguments)
            if call.name not in self._tools:
                interrupts.append(_interrupt(id_, call, turn.resumable_until))
        return {"outcome": {"type": "interrupt", "interrupts": interrupts}} if interrupts else {}

    def _return(self, ids: Iterable[str]) -> None:
        """Tell that the calls have their results, and not what these are. A client takes a call without a
        result for one that it is to make itself.
        """
        for call in map(self._id_of, ids):
            told = {"messageId": f"{call}{ROUND}", "toolCallId": call, "role": "tool"}
            self._say("TOOL_CALL_RESULT", **told, content="")
        self._next_message()

    def _next_message(self) -> None:
        self._round += 1
        self._message = f"{self._turn_id}{ROUND}{self._round}"

    def _id_of(self, call: str) -> str:
        return f"{self._turn_id}{ROUND}{self._round}{ROUND}{call}"

    def _progress(self, step: str | None) -> None:
        """End the step that is open, if one is, and begin this one."""
        if self._step is not None:
            self._say("STEP_FINISHED", stepName=self._step)
        if step is not None:
            self._say("STEP_STARTED", stepName=step)
        self._step = step

    def _fail(self, error: C1fnError, usage: Usage) -> None:
        self._say("RUN_ERROR", message=str(error) or error.title, code=error.code, **_usage(usage))

    # Bytes

    def _say(self, kind: str, **fields: Any) -> None:
        self._out.append(f"data: {_json({'type': kind, **fields})}\n\n")

    def _taken(self) -> bytes:
        said, self._out = "".join(self._out), []
        return said.encode("utf-8", "replace")


def pending_call(id_: str) -> tuple[str, str] | None:
    """The turn and the model's id of a call without a result, by the id that its client knows."""
    turn_id, mark, call_id = id_.partition(PENDING)
    return (turn_id, call_id) if mark else None


_OUTCOMES = {State.STOPPED: {"outcome": {"type": "cancelled"}}}
"""A run that ended otherwise is a success, which is not told."""

_APPROVAL = {"type": "object", "properties": {"approved": {"type": "boolean"}}, "required": ["approved"]}


def _interrupt(id_: str, call: ToolCall, until: float) -> dict[str, Any]:
    expires = datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    told = {"reason": "tool_approval", "message": f"Approve the call of {call.name}?"}
    return {"id": id_, **told, "toolCallId": id_, "responseSchema": _APPROVAL, "expiresAt": expires}


def is_of(message_id: str, turn_id: str) -> bool:
    """Whether a message of this id is one of the turn's."""
    return message_id == turn_id or message_id.startswith(f"{turn_id}{ROUND}")


def is_of_run(message_id: object, run_id: str) -> bool:
    """Whether a message of this id is one of the run's, in whichever of its turns."""
    return isinstance(message_id, str) and (
        is_of(message_id, run_id) or message_id.startswith(f"{run_id}{AGAIN}")
    )


def turn_of(run_id: str, resumed: str | None) -> str:
    """The id of the turn that a run begins.

    :param resumed: the turn that it resumes. If that is of the same run, it goes on as its next turn.
    """
    if resumed is None or not is_of_run(resumed, run_id):
        return run_id
    number = resumed.removeprefix(f"{run_id}{AGAIN}")
    return f"{run_id}{AGAIN}{int(number) + 1 if number.isdecimal() and len(number) <= MOST else 2}"


def _round_of(message_id: str, turn_id: str) -> int:
    number = message_id.removeprefix(f"{turn_id}{ROUND}")
    return int(number) if number.isdecimal() and len(number) <= MOST else 1


def _usage(usage: Usage) -> dict[str, Any]:
    """What the model used, where that is known: one entry, because a turn has one model."""
    if not usage.tokens:
        return {}
    counts = {"inputTokens": usage.input_tokens, "outputTokens": usage.output_tokens}
    return {"usage": [{**counts, "totalTokens": usage.tokens}]}
