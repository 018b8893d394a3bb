"""AG-UI's client as the tests see it: it judges each event by the protocol's own schemas, and their order.

The order is what `verifyEvents` of `@ag-ui/client` demands; scripts/agui has that judge itself.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ag_ui.core import Event, EventType
from pydantic import BaseModel, TypeAdapter

_EVENT = TypeAdapter[Any](Event)
_EVENT.rebuild()


def events_of(body: bytes) -> list[Any]:
    """The events of a stream, by the schemas, without a field that they do not have."""
    assert body.endswith(b"\n\n"), "the last event is whole"
    frames = body.decode().removesuffix("\n\n").split("\n\n")
    found = []
    for frame in frames:
        if frame.startswith(":"):
            continue
        assert frame.startswith("data: ")
        assert "\n" not in frame
        event = _EVENT.validate_python(json.loads(frame.removeprefix("data: ")))
        assert unknown(event) == []
        found.append(event)
    return found


def unknown(model: BaseModel) -> list[str]:
    """Fields that the schemas do not have."""
    own = list(model.model_extra or {})
    for _, value in model:
        for inner in value if isinstance(value, list) else [value]:
            own += unknown(inner) if isinstance(inner, BaseModel) else []
    return own


@dataclass
class Seen:
    """What a client has seen of a run: its messages by id, its calls, its end."""

    messages: dict[str, str] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)  # id -> name
    arguments: dict[str, str] = field(default_factory=dict)
    returned: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    end: Any = None
    _speaking: set[str] = field(default_factory=set)
    _step: set[str] = field(default_factory=set)

    @property
    def text(self) -> str:
        return "".join(self.messages.values())

    @property
    def code(self) -> str | None:
        code: str | None = getattr(self.end, "code", None)
        return code


def seen(
    body: bytes, thread_id: str = "t", run_id: str = "r1", known: Iterable[tuple[str, str]] = ()
) -> Seen:
    """Follow a stream to its end.

    :param known: messages that the client has: texts are added to them.
    """
    run = Seen(dict(known))
    first, *events = events_of(body)
    assert first.type is EventType.RUN_STARTED
    assert (first.thread_id, first.run_id, first.protocol_version) == (thread_id, run_id, "1.0")
    for event in events:
        assert run.end is None, "nothing follows the end"
        _take(run, event)
    assert run.end is not None, "a run has an end"
    if run.end.type is EventType.RUN_FINISHED:
        assert (run.end.thread_id, run.end.run_id) == (thread_id, run_id)
    assert not run._speaking
    assert not run._step
    return run


def _take(run: Seen, event: Any) -> None:
    match event.type:
        case EventType.TEXT_MESSAGE_START:
            assert event.role == "assistant"
            assert event.message_id not in run._speaking
            run._speaking.add(event.message_id)
            run.messages.setdefault(event.message_id, "")
        case EventType.TEXT_MESSAGE_CONTENT:
            assert event.message_id in run._speaking
            assert event.delta
            run.messages[event.message_id] += event.delta
        case EventType.TEXT_MESSAGE_END:
            run._speaking.remove(event.message_id)
        case EventType.TOOL_CALL_START:
            assert event.tool_call_id not in run.calls
            run.calls[event.tool_call_id] = event.tool_call_name
            run.arguments[event.tool_call_id] = ""
            run.messages.setdefault(event.parent_message_id, "")
        case EventType.TOOL_CALL_ARGS:
            run.arguments[event.tool_call_id] += event.delta
        case EventType.TOOL_CALL_END:
            assert event.tool_call_id in run.calls
        case EventType.TOOL_CALL_RESULT:
            assert event.tool_call_id in run.calls
            run.returned.append(event.tool_call_id)
        case EventType.STEP_STARTED:
            assert event.step_name not in run._step
            run._step.add(event.step_name)
            run.steps.append(event.step_name)
        case EventType.STEP_FINISHED:
            run._step.remove(event.step_name)
        case _:
            assert event.type in (EventType.RUN_FINISHED, EventType.RUN_ERROR)
            run.end = event
