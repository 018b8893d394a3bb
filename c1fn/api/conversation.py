"""What can be done with a conversation besides asking: it is forked, its answers are rated, and calls that
wait for a person are approved.

docs/conversation.md has the rules.
"""

from typing import Literal
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.background import BackgroundTask

from c1fn.api.bodies import BLANK, Id, body_of, read
from c1fn.api.chat import c1_wire, streamed
from c1fn.api.context import origin_of, time_left
from c1fn.api.dependencies import CurrentCaller, CurrentChat, ResponseId, ThreadId
from c1fn.api.threads import shown
from c1fn.errors import BadField
from c1fn.telemetry.log import pseudonym
from c1fn.telemetry.rating import RatingLine
from c1fn.turn import Ask, Feedback, Message, Resume, Until

COMMENT = 2_000
"""Maximum characters of a comment: about a page. It stands in the turn's row."""

CALLS = 128
"""Maximum calls that one request approves: a model's answer has no more."""

routes = APIRouter(prefix="/api/threads", tags=["threads"])


class ForkBody(BaseModel):
    """Which turns the new thread begins with: those `through` the answer of this responseId, or `before` it;
    without either, all. Without an id of the new thread c1fn makes one.
    """

    model_config = ConfigDict(
        json_schema_extra={
            # One of them is missing or null: `not` with `required` would refuse nulls, which are taken.
            "anyOf": [{"properties": {end: {"type": "null"}}} for end in ("through", "before")]
        }
    )

    threadId: Id | None = None
    through: Id | None = None
    before: Id | None = None


class ApprovalBody(BaseModel):
    """What becomes of a waiting turn's calls: those that are `approved` are made, the others are refused. The
    new answer gets this responseId.
    """

    responseId: Id
    approved: list[Id] = Field(max_length=CALLS)


class FeedbackBody(BaseModel):
    """What a person thinks of an answer; null takes it back. A comment needs a value."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"properties": {"value": {"type": "string"}}},
                {"properties": {"comment": {"pattern": BLANK}}},
            ]
        }
    )

    value: Literal["up", "down"] | None
    comment: str | None = Field(None, max_length=COMMENT)


@routes.post("/{threadId}/fork", status_code=201)
async def fork_thread(
    request: Request, caller: CurrentCaller, chat: CurrentChat, thread_id: ThreadId
) -> Response:
    """Create a thread that begins with turns of this one. The same request again returns the same thread."""
    wanted = read(ForkBody, await body_of(request) or b"{}")
    new_id = wanted.threadId or str(uuid4())
    thread = await chat.store.threads.fork(caller.owner, thread_id, new_id, _until(wanted))
    return JSONResponse(shown(thread), 201, background=BackgroundTask(chat.settle))


@routes.put("/{threadId}/messages/{responseId}/feedback", status_code=204)
async def rate_answer(
    request: Request, caller: CurrentCaller, chat: CurrentChat, thread_id: ThreadId, response_id: ResponseId
) -> Response:
    """Keep what a person thinks of an answer, in the place of what was kept before."""
    feedback = _feedback(read(FeedbackBody, await body_of(request)))
    await chat.store.threads.rate(caller.owner, thread_id, response_id, feedback)
    chat.log(
        RatingLine(
            origin=origin_of(request),
            owner=pseudonym(caller.owner),
            thread=thread_id,
            response=response_id,
            value=feedback.value if feedback else None,
            commented=bool(feedback and feedback.comment),
        )
    )
    return Response(status_code=204)


@routes.post("/{threadId}/turns/{responseId}/approvals", tags=["chat"], response_class=Response)
async def approve(
    request: Request, caller: CurrentCaller, chat: CurrentChat, thread_id: ThreadId, response_id: ResponseId
) -> Response:
    """Say what becomes of the calls that the turn `responseId` waits with. The model's answer is streamed as
    by `/api/chat`.
    """
    wanted = read(ApprovalBody, await body_of(request))
    words = "Approve" if wanted.approved else "Refuse"
    prompt = Message("user", words, resume=Resume(response_id, tuple(wanted.approved)))
    ask = Ask(caller.owner, thread_id, wanted.responseId, prompt, caller.claims)
    queue = await chat.begin(ask, seconds=time_left(request), origin=origin_of(request))
    return await streamed(request, chat, queue, c1_wire(request, chat))


def _until(body: ForkBody) -> Until:
    """:raises BadField: two ends are given."""
    if body.through is not None and body.before is not None:
        raise BadField("cannot be given together with through: give one of them", field="before")
    if body.before is not None:
        return Until(body.before, taken=False)
    return Until(body.through)


def _feedback(body: FeedbackBody) -> Feedback | None:
    """:raises BadField: a comment without a value."""
    comment = (body.comment or "").strip() or None
    if body.value is None:
        if comment:
            raise BadField("cannot be given without a value", field="comment")
        return None
    return Feedback(body.value, comment)
