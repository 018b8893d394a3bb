"""What an AG-UI client sends to a turn that waits: results of its own tools, and answers to interrupts.

Clients put a result behind the message that called, and send the whole conversation. So results are new if no
answer of another run follows them:

* behind the newest prompt: the run goes on with them (``resume_of``);
* before it: the person typed a prompt after the tool had returned (``brought_by_prompt``). CopilotKit does
  not run again after a tool that failed, or that has `followUp: false`, and OpenUI never does by itself.

https://docs.ag-ui.com/concepts/tools · https://docs.ag-ui.com/concepts/interrupts
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from c1fn.api.wires.agui import is_of_run, pending_call
from c1fn.chat.tools import RESULT_CHARACTERS
from c1fn.errors import BadField, BadRequest, TooLarge
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


def resume_of(messages: Sequence[dict[str, Any]], answers: Sequence[Answer], run_id: str) -> Resume | None:
    """What this run brings to a waiting turn instead of a prompt. None: nothing.

    :raises BadRequest: a result is no text, or too long; an answer is to no interrupt, or has a prompt.
    """
    if answers and messages and messages[-1].get("role") == "user":
        raise BadField("cannot be given together with a new prompt: answer first", field="resume")
    prompt, answer = _newest(messages, run_id)
    results = _results(messages, max(prompt, answer) + 1, len(messages), _text)
    approved: list[str] = []
    of_turn = None
    for at, entry in enumerate(answers):
        call = pending_call(entry.interruptId)
        if call is None or of_turn not in (None, call[0]):
            raise BadField("is no interrupt of this run", field=f"resume.{at}.interruptId")
        of_turn = call[0]
        approved += [call[1]] if entry.approves else []
    return _resume(results, of_turn, approved)


def brought_by_prompt(messages: Sequence[dict[str, Any]], run_id: str) -> tuple[Resume | None, bool]:
    """The results that stand before the newest prompt, and whether that prompt is new: no answer of another
    run follows it. The client sends them again with each prompt, so none is refused: of one that is no text,
    or too long, the model reads what is wrong with it.
    """
    prompt, answer = _newest(messages, run_id)
    _, before = _newest(messages[:prompt], run_id)
    return _resume(_results(messages, before + 1, prompt, _text_or_problem)), answer < prompt


def _newest(messages: Sequence[dict[str, Any]], run_id: str) -> tuple[int, int]:
    """The places of the newest prompt, and of the newest answer of another run; -1: there is none."""
    prompts = [at for at, message in enumerate(messages) if message.get("role") == "user"]
    answers = [
        at
        for at, message in enumerate(messages)
        if message.get("role") == "assistant" and not is_of_run(message.get("id"), run_id)
    ]
    return max(prompts, default=-1), max(answers, default=-1)


Result = tuple[tuple[str, str], str]


def _results(
    messages: Sequence[dict[str, Any]], start: int, end: int, text: Callable[[dict[str, Any], str], str]
) -> list[Result]:
    """The turn, the call and the text of each result between these places, in their order."""
    results: list[Result] = []
    for at, message in enumerate(messages[start:end], start):
        if message.get("role") == "tool" and (call := pending_call(str(message.get("toolCallId")))):
            results.append((call, text(message, f"messages.{at}.content")))
    return results


def _resume(
    results: Sequence[Result], turn_id: str | None = None, approved: Sequence[str] = ()
) -> Resume | None:
    """What these bring to one turn: to that of the last result, unless another is named. Results of earlier
    turns are repeated by clients. Of several results of one call the last one counts.
    """
    turn_id = results[-1][0][0] if turn_id is None and results else turn_id
    if turn_id is None:
        return None
    texts = {call_id: text for (of_turn, call_id), text in results if of_turn == turn_id}
    return Resume(turn_id, tuple(approved), tuple(texts.items()))


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


def _text_or_problem(message: dict[str, Any], place: str) -> str:
    try:
        return _text(message, place)
    except BadRequest as error:
        return json.dumps({"error": str(error)})
