"""AG-UI's endpoint: a run is a turn.

The client sends the whole conversation with each run. The server's thread is the conversation: of what the
client sends, the newest user message is the prompt, and what came before it is not looked at. Messages of the
run itself tell how much of the answer the client has. Results of the client's own tools, and its answers to
interrupts, resume the turn that waits for them.

Imported at the first request of its path (``lazy_routes``).

https://docs.ag-ui.com/sdk/js/core/types#runagentinput
"""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from c1fn.api.bodies import Id, Prompt, body_of, read, read_prompt, refusal
from c1fn.api.chat import streamed
from c1fn.api.client_tools import Tool, specs_of
from c1fn.api.dependencies import CurrentCaller, CurrentChat, origin_of, time_left
from c1fn.api.resumes import Answer, resume_of
from c1fn.api.wires.agui import Wire, is_of
from c1fn.errors import BadField, BadRequest, TooLarge
from c1fn.turn import Ask, Message

routes = APIRouter(tags=["chat"])

Messages = list[dict[str, Any]]


class RunBody(BaseModel):
    """What an AG-UI client posts. Its other fields, as context and state, are not looked at."""

    model_config = ConfigDict(title="RunAgentInput")

    threadId: Id
    runId: Id
    messages: Messages = Field(description="The conversation; the newest user message is the prompt.")
    tools: list[Tool] | None = Field(None, description="The client's own tools.")
    resume: list[Answer] | None = Field(None, description="Answers to interrupts.")


class _Newest(BaseModel):
    prompt: Prompt


@routes.post("/api/agui", response_class=Response)
async def run(request: Request, caller: CurrentCaller, chat: CurrentChat) -> Response:
    """Run the agent on the newest user message, streamed as AG-UI's events."""
    state = request.app.state
    asked = read(RunBody, await body_of(request, answer=True))
    tools = specs_of(asked.tools or [], state.client_tools)
    prompt = _prompt(asked, state.max_body)
    ask = Ask(caller.owner, asked.threadId, asked.runId, prompt, caller.claims, tools)
    queue = await chat.begin(ask, seconds=time_left(request), origin=origin_of(request))
    wire = Wire(
        asked.threadId,
        asked.runId,
        had=_had(asked),
        arguments=state.tool_arguments,
        tools=frozenset(tool.name for tool in tools),
    )
    return await streamed(request, chat, queue, wire)


def _prompt(asked: RunBody, most: int) -> Message:
    """The newest user message; or what comes after it, if that is for a turn that waits.

    :raises BadRequest: it is neither.
    """
    earlier = [m for m in asked.messages if not _is_own(m, asked.runId)]
    resume = resume_of(earlier, asked.resume or [])
    return prompt_of(asked.messages, most) if resume is None else Message("user", "", resume=resume)


def _is_own(message: dict[str, Any], run_id: str) -> bool:
    """Whether the message is one of this run: it was sent before."""
    id_ = message.get("toolCallId" if message.get("role") == "tool" else "id")
    return message.get("role") != "user" and isinstance(id_, str) and is_of(id_, run_id)


def prompt_of(messages: Messages, most: int) -> Message:
    """The newest user message.

    :param most: its maximum size in bytes.
    :raises BadRequest: no user message, or the newest one is no prompt.
    """
    newest = next((at for at, m in reversed([*enumerate(messages)]) if m.get("role") == "user"), None)
    if newest is None:
        raise BadField("must hold a user message, which is the prompt", field="messages")
    place = f"messages.{newest}"
    try:
        prompt = _checked(messages[newest])
    except BadRequest as error:
        error.field = (error.field or "").replace("prompt", place, 1)
        raise
    if len(prompt.content.encode("utf-8", "replace")) > most:
        raise TooLarge(f"A prompt may have {most} bytes at most.", field=f"{place}.content")
    return prompt


def _checked(message: dict[str, Any]) -> Message:
    """:raises BadRequest: it is no prompt; the place is told as if it were the field ``prompt``."""
    try:
        return read_prompt(_Newest.model_validate({"prompt": message}).prompt)
    except ValidationError as error:
        raise refusal(error) from None  # pydantic's error carries the input: the prompt


def _had(asked: RunBody) -> list[tuple[str, str]]:
    """The ids and texts of the messages of this run that the client has: it was sent before."""
    return [
        (message["id"], content if isinstance(content := message.get("content"), str) else "")
        for message in asked.messages
        if message.get("role") == "assistant" and _is_own(message, asked.runId)
    ]
