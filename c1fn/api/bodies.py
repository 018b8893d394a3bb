"""Request bodies: a body within its limit → checked values, or an error that names the field.

The shape is the C1 quickstart's: `{prompt, threadId, responseId}`, where `prompt` is an OpenAI chat message
with an optional `id`. Unknown fields, which newer clients may add, are ignored, unless they would
change the meaning.
"""

import re
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect, Request

from c1fn.errors import BadField, BadRequest, NotJson, RoleNotAllowed, TooLarge, UnsupportedPart
from c1fn.identity.callers import Caller
from c1fn.turn import Ask, Message, can_be_seen

ID_LENGTH = 128
"""Characters of any id; a UUID has 36."""

TITLE_LENGTH = 200
"""Maximum characters of a title that a user gives; titles made from a prompt are shorter."""

BUTTON = "c1fn:"
"""What a prompt contains if a button of a question was pressed (wires/question.py)."""

DIGITS = 20
"""Maximum digits of a Content-Length; HTTP libraries accept no more, and Python rejects a few thousand."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _printable(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must not contain control characters")
    return value


def _visible(value: str) -> str:
    if not can_be_seen(value):
        raise ValueError("must have a character that can be seen")
    return value


# The pattern is for the schema: the validator says it in words.
_SHOWN = {"pattern": r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$"}

Id = Annotated[
    str,
    Field(min_length=1, max_length=ID_LENGTH, json_schema_extra=_SHOWN),
    AfterValidator(_printable),
]
"""An id chosen by a client: any printable characters, in any script."""

Title = Annotated[
    str,
    Field(min_length=1, max_length=TITLE_LENGTH, json_schema_extra=_SHOWN),
    AfterValidator(_printable),
    AfterValidator(_visible),
]


WORD = r"[^\s\x1c-\x1f\x85]"
"""What a prompt must hold one of: a character that Python does not take for a blank. Other languages' ``\\s``
leaves out the five that are named."""

BLANK = r"^[\s\x1c-\x1f\x85]*$"
"""A text without such a character."""


def _some_words(schema: dict[str, Any]) -> None:
    """State in the schema what ``read_prompt`` requires: at least one part must have a text."""
    text, parts = schema["anyOf"]
    text["pattern"] = WORD
    parts["contains"] = {"properties": {"text": {"pattern": WORD}}}


class TextPart(BaseModel):
    """A part of a prompt's content; no other kind is taken."""

    type: Literal["text"]
    text: str


class Prompt(BaseModel):
    """An OpenAI user message. https://platform.openai.com/docs/api-reference/chat/create"""

    role: Literal["user"]
    content: str | list[TextPart] = Field(json_schema_extra=_some_words)
    id: Id | None = None


class ThreadBody(BaseModel):
    """A thread to create. Without an id c1fn makes one; without a title, the first prompt gives it."""

    threadId: Id | None = None
    title: Title | None = None
    prompt: Prompt | None = None


class TitleBody(BaseModel):
    """A thread's new title."""

    title: Title


class AnswerBody(BaseModel):
    """An answer to save, with the state of its form as the user left it."""

    content: str = Field(min_length=1)


class StopBody(BaseModel):
    """The responseId of the answer to stop; without one, the answer that is being written."""

    responseId: Id | None = None


class ChatBody(BaseModel):
    """What the official client posts."""

    model_config = ConfigDict(title="ChatRequest")

    prompt: Prompt
    threadId: Id
    responseId: Id


Shape = TypeVar("Shape", bound=BaseModel)


async def body_of(request: Request, *, answer: bool = False) -> bytes:
    """The body's bytes. Endpoints read it themselves, so an error in the path is reported without reading it.

    :param answer: true if the body holds a complete answer, which may be larger than a prompt.
    :raises TooLarge: the body has more bytes than allowed; the rest is not read.
    :raises BadRequest: the connection was closed before the end of the body.
    """
    state = request.app.state
    limit: int = state.max_body + (state.max_answer if answer else 0)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > DIGITS or int(declared) > limit):
        raise _too_large(limit)
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > limit:
                raise _too_large(limit)
    except ClientDisconnect:
        raise BadRequest("The connection was closed in the middle of the body.") from None
    return bytes(body)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body may have {limit} bytes at most. Send less at once.")


def read_ask(body: bytes, caller: Caller) -> Ask:
    """Read the body of a chat request as an ``Ask`` of this caller.

    :raises BadRequest: what is wrong, with the field's path.
    """
    chat = read(ChatBody, body)
    message = _pressed(read_prompt(chat.prompt))
    return Ask(caller.owner, chat.threadId, chat.responseId, message, caller.claims)


def _pressed(message: Message) -> Message:
    """The prompt, with what it resumes if it is a press of a question's button."""
    if BUTTON not in message.content:
        return message
    from c1fn.api.wires.question import resume_of  # most processes never ask

    return replace(message, resume=resume_of(message.content))


def read_prompt(prompt: Prompt) -> Message:
    """:raises BadField: the prompt has no text."""
    text = prompt.content if isinstance(prompt.content, str) else "".join(p.text for p in prompt.content)
    if not text.strip():  # some models refuse what is blank, and the reason would not reach the person
        raise BadField("must not be empty", field="prompt.content")
    return Message("user", text, id=prompt.id)


def read(shape: type[Shape], body: bytes) -> Shape:
    """The body in this shape.

    :raises BadRequest: what is wrong, with the field's path.
    """
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        raise refusal(error) from None  # pydantic's error carries the input: the prompt


def refusal(error: ValidationError) -> BadRequest:
    """The first validation error, as one of our errors."""
    first: Any = error.errors(include_url=False, include_input=True, include_context=False)[0]
    # A union names its branch after the field's name; the client knows no branches.
    place = [str(step) for step in first["loc"] if not re.match(r"str$|list\[", str(step))]
    field = ".".join(place) or None
    match first["type"], place:
        case "json_invalid", _:
            return NotJson(f"The body must be a JSON object. {first['msg']}.")  # tells a position, no text
        case "model_type", []:
            return NotJson()
        case "literal_error", ["prompt", "role"]:
            return RoleNotAllowed(field=field)
        case "string_type" | "list_type", ["prompt", "content", *_]:
            return _content_refusal(error)
    return BadField(sentence(first["msg"]), field=field)


def _content_refusal(error: ValidationError) -> BadRequest:
    """The reason why ``content`` is neither a text nor parts: the error deepest in the value is the relevant
    one.
    """
    deepest: Any = max(error.errors(include_url=False), key=lambda e: len(e["loc"]))
    if deepest["type"] == "literal_error":
        index = next(step for step in deepest["loc"] if isinstance(step, int))
        return UnsupportedPart(
            "Only text parts are accepted; images, audio and files are not.",
            field=f"prompt.content.{index}.type",
        )
    return BadField("must be a text or a list of text parts", field="prompt.content")


def sentence(message: str) -> str:
    """A validator's message without the prefix that pydantic adds."""
    return message.removeprefix("Value error, ")
