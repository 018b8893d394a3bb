"""What an AG-UI client sends to a turn that waits: results of its own tools, and answers to interrupts.

https://docs.ag-ui.com/concepts/tools · https://docs.ag-ui.com/concepts/interrupts
"""

import json
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from c1fn.api.wires.agui import pending_call
from c1fn.chat.tools import RESULT_CHARACTERS
from c1fn.errors import BadField, TooLarge
from c1fn.turn import Resume


class Answer(BaseModel):
    """An answer to an interrupt. Only one that is resolved with `{"approved": true}` approves."""

    model_config = ConfigDict(title="ResumeEntry")

    interruptId: str
    status: str = Field(description="`resolved` or `cancelled`.")
    payload: Any = None

    @property
    def approves(self) -> bool:
        payload = self.payload.get("approved") if isinstance(self.payload, dict) else self.payload
        return self.status == "resolved" and payload is True


def resume_of(messages: Sequence[dict[str, Any]], answers: Sequence[Answer]) -> Resume | None:
    """What these messages bring to a waiting turn: the results that they end with. None: nothing. Results
    that a prompt follows are old: a client repeats its history.

    :raises BadRequest: a result is no text, or too long; an answer is to no interrupt, or has a prompt.
    """
    if answers and messages and messages[-1].get("role") == "user":
        raise BadField("cannot be given together with a new prompt: answer first", field="resume")
    results = _results(messages)
    approved: list[str] = []
    run_id = results[-1][0][0] if results else None
    for at, answer in enumerate(answers):
        call = pending_call(answer.interruptId)
        if call is None or run_id not in (None, call[0]):
            raise BadField("is no interrupt of this run", field=f"resume.{at}.interruptId")
        run_id = call[0]
        approved += [call[1]] if answer.approves else []
    if run_id is None:
        return None
    texts = tuple((call_id, text) for (of_run, call_id), text in results if of_run == run_id)
    return Resume(run_id, tuple(approved), texts)


def _results(messages: Sequence[dict[str, Any]]) -> list[tuple[tuple[str, str], str]]:
    """The run, the call and the text of each result that these messages end with, in their order."""
    last = [*takewhile(lambda at: messages[at].get("role") == "tool", range(len(messages) - 1, -1, -1))]
    calls = ((at, pending_call(str(messages[at].get("toolCallId")))) for at in reversed(last))
    return [(call, _text(messages[at], f"messages.{at}.content")) for at, call in calls if call]


def _text(message: dict[str, Any], place: str) -> str:
    """What the tool returned, with its error if it failed.

    :raises BadRequest: it is no text, or too long.
    """
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(
            p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str)
        )
    if not isinstance(content, str):
        raise BadField("must be a text or a list of text parts", field=place)
    if error := message.get("error"):
        content = json.dumps({"error": str(error), "content": content}, ensure_ascii=False)
    if len(content) > RESULT_CHARACTERS:
        raise TooLarge(f"A result may have {RESULT_CHARACTERS} characters at most.", field=place)
    return content
