"""AG-UI's endpoint: a run is a turn.

The client sends the whole conversation with each run. The server's thread is the conversation: of what the
client sends, the newest user message is the prompt, and what came before it is not looked at, but for results
of the client's own tools that nobody has answered yet. They, and answers to interrupts, resume the turn that
waits for them. Messages of the run itself tell how much of the answer the client has.

https://docs.ag-ui.com/sdk/js/core/types#runagentinput
"""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from c1fn.api.bodies import Id, Prompt, body_of, read, read_prompt, refusal
from c1fn.api.chat import streamed
from c1fn.api.client_tools import Tool, specs_of
from c1fn.api.context import origin_of, time_left
from c1fn.api.dependencies import CurrentCaller, CurrentChat
from c1fn.api.resumes import Answer, brought_by_prompt, resume_of
from c1fn.api.wires.agui import Wire, is_of, turn_of
from c1fn.chat.converse import Chat
from c1fn.errors import BadField, BadRequest, NotFound, NotWaiting, TooLarge
from c1fn.identity.callers import Caller
from c1fn.stores import Store
from c1fn.turn import ANSWERED, Ask, Message, Resume

routes = APIRouter(tags=["chat"])

Messages = list[dict[str, Any]]

LATE = "This result came too late: the conversation went on without it. Ask again if it is still needed."


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
    prompt = await _prompt(asked, state.max_body, caller, chat)
    turn_id = turn_of(asked.runId, prompt.resume.response_id if prompt.resume else None)
    ask = Ask(caller.owner, asked.threadId, turn_id, prompt, caller.claims, tools)
    queue = await chat.begin(ask, seconds=time_left(request), origin=origin_of(request))
    wire = Wire(
        asked.threadId,
        asked.runId,
        turn_id=turn_id,
        had=_had(asked.messages, turn_id),
        arguments=state.tool_arguments,
        tools=frozenset(tool.name for tool in tools),
    )
    return await streamed(request, chat, queue, wire)


async def _prompt(asked: RunBody, most: int, caller: Caller, chat: Chat) -> Message:
    """What the run brings to a turn that waits; or the newest user message, with the results that came
    before it.

    :raises BadRequest: there is neither.
    :raises NotWaiting: there is nothing new in it but results that came too late.
    """
    if resume := resume_of(asked.messages, asked.resume or [], asked.runId):
        return Message("user", "", resume=resume)
    prompt = prompt_of(asked.messages, most)
    resume, is_new = brought_by_prompt(asked.messages, asked.runId)
    if is_new:
        return replace(prompt, resume=resume)
    if resume and prompt.id and await _is_answered(prompt, resume, caller.owner, asked.threadId, chat.store):
        raise NotWaiting(LATE)
    return prompt


async def _is_answered(prompt: Message, late: Resume, owner: str, thread_id: str, store: Store) -> bool:
    """Whether the thread's newest turn is the answer to this prompt, without these results. A client that
    runs again for them alone would ask the prompt again.
    """
    with suppress(NotFound):
        for turn in await store.threads.load(owner, thread_id, limit=1):
            return turn.state in ANSWERED and turn.prompt.id == prompt.id and turn.prompt.resume != late
    return False


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


def _had(messages: Messages, turn_id: str) -> list[tuple[str, str]]:
    """The ids and texts of the messages of this turn that the client has: it was sent before."""
    return [
        (id_, content if isinstance(content := message.get("content"), str) else "")
        for message in messages
        if message.get("role") == "assistant"
        and isinstance(id_ := message.get("id"), str)
        and is_of(id_, turn_id)
    ]
