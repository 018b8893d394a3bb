"""What the endpoints answer, as schemas of the OpenAPI document. Answers are made without them.

https://spec.openapis.org/oas/v3.1.0#schema-object · https://docs.pydantic.dev/latest/concepts/json_schema/
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from c1fn.api.bodies import Id
from c1fn.api.conversation import COMMENT


class Health(BaseModel):
    """The answer of a health check."""

    status: Literal["ok"]
    version: str


class Source(BaseModel):
    """What a thread was forked from."""

    model_config = ConfigDict(json_schema_extra={"required": ["threadId", "responseId"]})

    threadId: str
    responseId: str | None = Field(None, description="The last answer that was taken; null: none was.")


class Thread(BaseModel):
    """One thread in a list of threads."""

    threadId: str
    title: str
    createdAt: datetime
    updatedAt: datetime
    isRunning: bool
    forkedFrom: Source | None = Field(None, description="Of a thread that was made by a fork.")


class Threads(BaseModel):
    """A page of threads, newest first."""

    model_config = ConfigDict(json_schema_extra={"required": ["threads", "cursor"]})

    threads: list[Thread]
    cursor: str | None = Field(None, description="Asks for the next page; null on the last one.")


class OpenUIThread(BaseModel):
    """One thread in OpenUI's list."""

    id: str
    title: str
    createdAt: datetime


class OpenUIThreads(BaseModel):
    """A page of threads, newest first."""

    threads: list[OpenUIThread]
    nextCursor: str = Field("", description="Asks for the next page; missing on the last one.")


class Feedback(BaseModel):
    """What a person thinks of an answer."""

    value: Literal["up", "down"]
    comment: str = Field("", max_length=COMMENT)


class Call(BaseModel):
    """A tool's call; its arguments are JSON as the model wrote it."""

    callId: str
    name: str
    arguments: str


class Waiting(BaseModel):
    """The calls that a person may approve, and until when."""

    calls: list[Call]
    expiresAt: datetime


class Message(BaseModel):
    """A prompt or an answer, as a client sees it."""

    id: str
    role: Literal["user", "assistant"]
    content: str
    feedback: Feedback | None = Field(None, description="Of an answer that was rated.")
    running: Id = Field("", description="Of a prompt that is being answered: the responseId to follow.")
    stopped: Id = Field("", description="Of a prompt whose answer was stopped: its responseId.")
    failed: Id = Field("", description="Of a prompt whose answer failed or broke off: its responseId.")
    waiting: Waiting | None = Field(None, description="Of an answer that ended with calls to approve.")


class Share(BaseModel):
    """A link to a thread, as its owner sees it."""

    token: str
    threadId: str
    title: str
    createdAt: datetime
    expiresAt: datetime


class Shares(BaseModel):
    """The caller's links."""

    shares: list[Share]


class Shared(BaseModel):
    """What a link shows."""

    title: str
    createdAt: datetime
    expiresAt: datetime
    messages: list[Message]


class Stopping(BaseModel):
    """The answer to a stop."""

    stopping: bool = Field(description="Whether such an answer was being written.")


class Problem(BaseModel):
    """A refusal. https://www.rfc-editor.org/rfc/rfc9457"""

    type: str = Field(description="`urn:c1fn:error:` and the code.")
    title: str
    status: int
    detail: str = Field(description="What is wrong, where, and what to do.")
    code: str
    field: str = Field("", description="The place in the request, as a path, where there is one.")


SHAPES = (
    Health,
    Source,
    OpenUIThread,
    OpenUIThreads,
    Feedback,
    Thread,
    Threads,
    Call,
    Waiting,
    Message,
    Share,
    Shares,
    Shared,
    Stopping,
    Problem,
)
