"""Translates a server's error, from a status response or from the stream, into one of ours.

The texts of an error's fields are collected from the server's document and compared with one meaning after
the other; the first match wins, and the status decides if none matches. The texts may repeat a prompt, so
they are not kept: only the protocol's own words (`Evidence`) are.

https://platform.openai.com/docs/guides/error-codes · https://openrouter.ai/docs/api-reference/errors
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from c1fn.errors import (
    AnswerWithheld,
    ContextTooLong,
    Evidence,
    ModelBusy,
    ModelError,
    ModelKeyRejected,
    ModelQuotaUsedUp,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from c1fn.models.context_lengths import is_about_length

DEPTH = 8
"""Levels of a document that are looked into; OpenRouter's and Azure's have four."""

_WORD = re.compile(r"[A-Za-z]++(?:[_.]?[A-Za-z]++|[_.]\d{1,3}|\[\d{1,3}\])*+|\d{1,5}")
"""A word of a protocol (``invalid_request_error``, ``messages[0].content``, ``1261``). A key has digits
between its letters, or hyphens. The quantifiers are possessive: else a long word with a wrong character at
its end would be tried in every division into parts, which takes years.
"""

_WORD_LENGTH = 64

WORDS = 65_536
"""Characters of an error that are looked at: as many as are read of a refusal's body. An error in a stream
may be one event of 4 MB, and every pattern would search all of it.
"""

_ECHOES = frozenset({"input", "ctx", "url", "body", "request", "prompt", "messages"})
"""Fields in which a server repeats what it was sent."""


def word(value: object) -> str | None:
    """The value if it is a word that may be logged."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if len(text) <= _WORD_LENGTH and _WORD.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as a server told it. ``words`` are all that it says, in lower case, and are not to be kept."""

    evidence: Evidence
    words: str

    @classmethod
    def read(cls, document: object, status: int | None = None) -> "Refusal":
        """:param document: JSON, or text. Without the status of a failure its code may be one."""
        told = _error_of(document)
        code = next((found for name in ("code", "error_code", "status") if (found := told.get(name))), None)
        if status is None or status < HTTPStatus.BAD_REQUEST:
            status = _as_status(code) or _as_status(told.get("status_code")) or status
        words = " ".join(_texts(document))[:WORDS].lower()
        field = word(told.get("param")) or _place(document) or ("tools" if _TOOLS.search(words) else None)
        kind = word(told.get("type")) or word(told.get("error_type"))
        evidence = Evidence(status, word(code), kind, field)
        return cls(evidence, words)

    def meaning(self, retry_after: float | None = None) -> ModelError:
        """Our error for it, without its text."""
        kind = self._kind()
        detail = None
        if kind is ModelRejected:
            status, field = self.evidence.status, self.evidence.field
            where = f"status {status}" + (f", field {field}" if field else "")
            detail = (
                f"The model did not accept the request: {where}. The operator should check the model's name "
                "and address."
            )
        return kind(detail, retry_after=retry_after, evidence=self.evidence)

    def _kind(self) -> type[ModelError]:
        for kind, fits in _MEANINGS:
            if fits(self.words):
                return kind
        status = self.evidence.status
        if status is None:
            return ModelUnavailable
        if status in _BY_STATUS:
            return _BY_STATUS[status]
        return ModelUnavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else ModelRejected


_TOOLS = re.compile(
    r"not support (tools|function|tool)|tools? (is|are|was) not supported|tool choice requires"
)
_DAILY = re.compile(r"per_?day|limit: 0\b")
_QUOTA = re.compile(
    r"insufficient[_ ]?(quota|balance|credit|funds)|exceeded[_ ](your[_ ])?current[_ ]quota"
    r"|billing[_ ](hard|detail)|credit balance|(out of|all available|not enough|more) credits"
    r"|payment[_ ]required|arrear|quota[_ ](is[_ ])?(exhausted|exceeded)|余额不足|欠费"
)
_FILTER = re.compile(
    r"content[_ -]?(filter|policy|management)|responsibleai|policy[_ ]?violation|moderation|\bflagged\b"
    r"|data_?inspection|inappropriate content|safety (system|setting|filter|reason)|guardrail"
    r"|prohibited[_ ](content|use)|sensitive (content|words?)|敏感"
)
_KEY = re.compile(
    r"(invalid|incorrect|missing)[_ ](x-)?api[_ -]?key|authentication[_ ]?error|unauthenticated"
)
_BUSY = re.compile(r"overloaded|rate[_ ]?limit|throttl|too many requests")

_MEANINGS: tuple[tuple[type[ModelError], Callable[[str], object]], ...] = (
    (ModelQuotaUsedUp, lambda words: "resource_exhausted" in words and _DAILY.search(words)),
    # Google says "check your plan and billing" of each limit, also of one that is over in a minute.
    (ModelBusy, re.compile("resource_exhausted").search),
    (AnswerWithheld, _FILTER.search),
    (ContextTooLong, is_about_length),
    (ModelQuotaUsedUp, _QUOTA.search),
    (ModelKeyRejected, _KEY.search),
    (ModelBusy, _BUSY.search),
)
"""In this order."""

_BY_STATUS: dict[int, type[ModelError]] = {
    401: ModelKeyRejected,
    402: ModelQuotaUsedUp,
    403: ModelKeyRejected,
    408: ModelTimeout,
    413: ContextTooLong,
    429: ModelBusy,
    504: ModelTimeout,
}


def document_of(body: bytes) -> object:
    """An error's body as JSON, or as the text that it is."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


def _error_of(document: object) -> dict[str, Any]:
    """The fields of the error, which may stand by itself, under a name, or in a list (Google's)."""
    for _ in range(DEPTH):
        if isinstance(document, list) and document:
            document = document[0]
        elif isinstance(document, dict) and isinstance(document.get("error"), dict | list):
            document = document["error"]
        else:
            break
    return document if isinstance(document, dict) else {}


def _place(document: object) -> str | None:
    """The field that pydantic's form of an error names: ``"loc": ["body", "stream_options"]``."""
    details = document.get("detail") if isinstance(document, dict) else None
    first = details[0] if isinstance(details, list) and details else None
    place = first.get("loc") if isinstance(first, dict) else None
    if not isinstance(place, list):
        return None
    return word(".".join(str(part) for part in place if part != "body"))


def _as_status(code: object) -> int | None:
    """A code that is an HTTP status; some servers put it into the stream, as a number or as text."""
    text = str(code)
    return int(text) if re.fullmatch(r"[45]\d\d", text) else None


def _texts(document: object, depth: int = 0) -> Iterator[str]:
    """Every text in a document, with the names of its fields, but for what it repeats of the request."""
    if depth > DEPTH:
        return
    match document:
        case str():
            yield document
        case dict():
            for name, value in document.items():
                if name not in _ECHOES:
                    yield str(name) if isinstance(value, dict | list) else ""
                    yield from _texts(value, depth + 1)
        case list():
            for value in document:
                yield from _texts(value, depth + 1)
