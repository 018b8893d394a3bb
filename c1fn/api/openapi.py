"""The OpenAPI document, generated from the classes in use: the request bodies and the errors.

FastAPI knows the paths and parameters. `ENDPOINTS` adds the body, the answer and the possible errors of each.
Statuses and codes come from the error classes, so the document always matches them. It is generated at the
first request for it, so it costs nothing at the start.

https://spec.openapis.org/oas/v3.1.0 · https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from c1fn.api.agui import RunBody
from c1fn.api.bodies import AnswerBody, ChatBody, StopBody, ThreadBody, TitleBody
from c1fn.api.conversation import ApprovalBody, FeedbackBody, ForkBody
from c1fn.api.openui import FirstBody, RenamedBody
from c1fn.api.schemas import (
    SHAPES,
    Health,
    Message,
    OpenUIThread,
    OpenUIThreads,
    Problem,
    Share,
    Shared,
    Shares,
    Stopping,
    Thread,
    Threads,
)
from c1fn.errors import (
    BadField,
    BadRequest,
    Busy,
    C1fnError,
    Internal,
    IssuerUnavailable,
    NotFound,
    RoleNotAllowed,
    ShareUsedUp,
    StoreError,
    StoreUnavailable,
    ThreadExists,
    TooManyShares,
    Unauthorized,
    UnsupportedPart,
    WritesUsedUp,
    kinds,
)

REFS = "#/components/schemas/{model}"


BODIES = (
    ChatBody,
    RunBody,
    ThreadBody,
    TitleBody,
    AnswerBody,
    StopBody,
    ApprovalBody,
    ForkBody,
    FeedbackBody,
    FirstBody,
    RenamedBody,
)

Errors = tuple[type[C1fnError], ...]
Endpoint = tuple[type[BaseModel] | None, int, dict[str, Any] | None, Errors]


def _below(root: type[C1fnError]) -> Errors:
    return tuple(kind for kind in kinds() if issubclass(kind, root))


ANYWHERE: Errors = (*_below(Unauthorized), IssuerUnavailable, Internal, *_below(StoreError))
IN_A_PROMPT: Errors = (RoleNotAllowed, UnsupportedPart)
IN_A_BODY: Errors = tuple(kind for kind in _below(BadRequest) if kind not in IN_A_PROMPT)
ON_A_THREAD: Errors = (BadField, NotFound)
COUNTED: Errors = (WritesUsedUp,)


def _json(shape: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": REFS.format(model=shape.__name__)}


_THREAD = _json(Thread)

FOLLOWED = "/api/threads/{threadId}/turns/{responseId}"
"""The one endpoint with two good answers: what is left of an answer, or nothing."""

OPENUI = "/api/openui/threads"
"""Where OpenUI's storage is."""

RUN = "/api/agui"
"""AG-UI's endpoint: its answer is framed."""

OPENED = "/api/shares/{token}"
"""What its token opens: nobody is asked who they are."""

ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("get", "/healthz"): (None, 200, _json(Health), ()),
    ("get", "/readyz"): (None, 200, _json(Health), (*ANYWHERE, StoreUnavailable)),
    ("post", "/api/chat"): (ChatBody, 200, None, tuple(kinds())),
    ("post", RUN): (RunBody, 200, None, tuple(kinds())),
    ("get", FOLLOWED): (None, 200, None, tuple(kinds())),
    ("get", "/api/threads"): (None, 200, _json(Threads), (*ANYWHERE, BadField)),
    ("post", "/api/threads"): (ThreadBody, 201, _THREAD, (*ANYWHERE, *IN_A_BODY, *IN_A_PROMPT, *COUNTED)),
    ("get", "/api/threads/{threadId}/messages"): (
        None,
        200,
        {"type": "array", "items": _json(Message)},
        (*ANYWHERE, *ON_A_THREAD),
    ),
    ("put", "/api/threads/{threadId}"): (
        TitleBody,
        200,
        _THREAD,
        (*ANYWHERE, *ON_A_THREAD, *IN_A_BODY, *COUNTED),
    ),
    ("delete", "/api/threads/{threadId}"): (None, 204, None, (*ANYWHERE, *ON_A_THREAD)),
    ("put", "/api/threads/{threadId}/messages/{responseId}"): (
        AnswerBody,
        204,
        None,
        (*ANYWHERE, *ON_A_THREAD, *IN_A_BODY, *COUNTED),
    ),
    ("post", "/api/threads/{threadId}/turns/{responseId}/approvals"): (
        ApprovalBody,
        200,
        None,
        tuple(kinds()),
    ),
    ("post", "/api/threads/{threadId}/fork"): (
        ForkBody,
        201,
        _THREAD,
        (*ANYWHERE, *ON_A_THREAD, *IN_A_BODY, *COUNTED, Busy, ThreadExists),
    ),
    ("put", "/api/threads/{threadId}/messages/{responseId}/feedback"): (
        FeedbackBody,
        204,
        None,
        (*ANYWHERE, *ON_A_THREAD, *IN_A_BODY, *COUNTED),
    ),
    ("post", "/api/threads/{threadId}/shares"): (
        None,
        201,
        _json(Share),
        (*ANYWHERE, *ON_A_THREAD, *COUNTED, TooManyShares),
    ),
    ("get", "/api/shares"): (None, 200, _json(Shares), ANYWHERE),
    ("delete", "/api/shares/{token}"): (None, 204, None, (*ANYWHERE, *ON_A_THREAD)),
    ("get", OPENED): (None, 200, _json(Shared), (*ON_A_THREAD, Internal, *_below(StoreError), ShareUsedUp)),
    ("get", f"{OPENUI}/get"): (None, 200, _json(OpenUIThreads), (*ANYWHERE, BadField)),
    ("post", f"{OPENUI}/create"): (
        FirstBody,
        201,
        _json(OpenUIThread),
        (*ANYWHERE, *IN_A_BODY, *IN_A_PROMPT, *COUNTED),
    ),
    ("get", f"{OPENUI}/get/{{threadId}}"): (
        None,
        200,
        {"type": "array", "items": _json(Message)},
        (*ANYWHERE, *ON_A_THREAD),
    ),
    ("patch", f"{OPENUI}/update/{{threadId}}"): (
        RenamedBody,
        200,
        _json(OpenUIThread),
        (*ANYWHERE, *ON_A_THREAD, *IN_A_BODY, *COUNTED),
    ),
    ("delete", f"{OPENUI}/delete/{{threadId}}"): (None, 204, None, (*ANYWHERE, *ON_A_THREAD)),
    ("post", "/api/threads/{threadId}/stop"): (
        StopBody,
        200,
        _json(Stopping),
        (*ANYWHERE, *ON_A_THREAD, *IN_A_BODY),
    ),
}
"""By method and path: the request body, the status of success, its answer (None: a stream, or nothing), and
the possible errors."""

OPTIONAL = (StopBody, ThreadBody, ForkBody, FirstBody)
"""Bodies that are optional."""


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's document, completed."""
    components = {
        "schemas": models_json_schema([(s, "validation") for s in (*SHAPES, *BODIES)], ref_template=REFS)[1][
            "$defs"
        ],
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        },
    }
    for (verb, path), (takes, status, answers, errors) in ENDPOINTS.items():
        operation = document["paths"][path][verb]
        if takes is not None:
            content = {"application/json": {"schema": _json(takes)}}
            operation["requestBody"] = {"required": takes not in OPTIONAL, "content": content}
        operation["responses"] = {str(status): _success(status, answers), **_refusals(errors)}
        if path == RUN:
            operation["responses"]["200"] = _EVENTS
        if path == FOLLOWED:
            operation["responses"]["204"] = {"description": "There is no more of the answer after `after`."}
        if errors and (verb, path) != ("get", OPENED):  # it is the deployer's choice who is asked
            operation["security"] = [{}, {"bearer": []}, {"key": []}]
    return {**document, "components": components}


def _success(status: int, answers: dict[str, Any] | None) -> dict[str, Any]:
    if answers is not None:
        return {"description": "Done.", "content": {"application/json": {"schema": answers}}}
    if status != HTTPStatus.OK:
        return {"description": "Done."}
    return {
        "description": "The model's deltas as they are, UTF-8 text without framing. A browser gets a refusal "
        "in this form too, as a C1 error card; then the header tells its code.",
        "headers": {"c1fn-error": _header(kinds(), required=False)},
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }


_EVENTS = {
    "description": "AG-UI 1.0's events, each a server-sent event with a JSON object.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


def _refusals(errors: Iterable[type[C1fnError]]) -> dict[str, Any]:
    statuses = sorted({error.status for error in errors})
    return {
        str(status): _refusal(sorted({e for e in errors if e.status == status}, key=lambda e: e.code))
        for status in statuses
    }


def _refusal(errors: list[type[C1fnError]]) -> dict[str, Any]:
    headers = {"c1fn-error": _header(errors, required=True)}
    if any(error.retry_after is not None for error in errors):
        wait = {"type": "string", "pattern": "^[0-9]+$"}
        headers["retry-after"] = {"description": "Seconds after which a retry can help.", "schema": wait}
    told = {"properties": {"code": _codes(errors), "status": {"const": errors[0].status}}}
    schema = {"allOf": [_json(Problem), told]}
    return {
        "description": "; ".join(sorted({error.title for error in errors})) + ".",
        "headers": headers,
        "content": {"application/problem+json": {"schema": schema}},
    }


def _codes(errors: Iterable[type[C1fnError]]) -> dict[str, Any]:
    return {"type": "string", "enum": [error.code for error in errors]}


def _header(errors: Iterable[type[C1fnError]], *, required: bool) -> dict[str, Any]:
    return {"description": "The code of a refusal.", "required": required, "schema": _codes(errors)}
