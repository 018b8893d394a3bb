"""The metadata of an HTTP response: before a streamed body, or around a whole one. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

import base64
import binascii
import json
from dataclasses import dataclass, replace
from typing import Any

from c1fn.runtime.messages import DELIMITER, MAX_PRELUDE


class NoPrelude(Exception):
    """What the function sent is not a response that a front door understands."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Status and headers of a streamed response, as its prelude has them."""

    status: int
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, told: Any) -> "Metadata":
        """:raises NoPrelude: it is not of the form."""
        try:
            headers = {name: [value] for name, value in (told.get("headers") or {}).items()}
            headers |= told.get("multiValueHeaders") or {}
            pairs = [(name.lower(), str(value)) for name, values in headers.items() for value in values]
            pairs += [("set-cookie", cookie) for cookie in told.get("cookies") or []]
            return cls(int(told.get("statusCode", 200)), tuple(pairs))
        except (AttributeError, TypeError, ValueError):
            raise NoPrelude("the response's metadata is malformed") from None


class Prelude:
    """Fed with the pieces of a reply until it knows the metadata."""

    def __init__(self) -> None:
        self._seen = bytearray()

    def feed(self, data: bytes) -> tuple[Metadata, bytes] | None:
        """The metadata and the first bytes of the body, once the delimiter has come.

        :raises NoPrelude: it does not come in time, or what stands before it is not JSON.
        """
        self._seen += data
        at = self._seen.find(DELIMITER, 0, MAX_PRELUDE)
        if at < 0:
            if len(self._seen) >= MAX_PRELUDE:
                raise NoPrelude(f"no delimiter within {MAX_PRELUDE} bytes")
            return None
        try:
            told = json.loads(self._seen[:at])
        except ValueError:
            raise NoPrelude("the response's metadata is not JSON") from None
        return Metadata.of(told), bytes(self._seen[at + len(DELIMITER) :])


def whole_for_a_load_balancer(payload: bytes, *, several: bool) -> tuple[Metadata, bytes]:
    """A buffered response as a load balancer reads it: with a status, and with headers in one form alone.

    :param several: multi-value headers are on.
    :raises NoPrelude: it is not of the form.
    """
    metadata, body = whole(payload)
    told = json.loads(payload)
    if not isinstance(told, dict) or "statusCode" not in told:
        raise NoPrelude("the response has no statusCode")
    form = "multiValueHeaders" if several else "headers"
    return replace(metadata, headers=Metadata.of({form: told.get(form)}).headers), body


def whole(payload: bytes) -> tuple[Metadata, bytes]:
    """A buffered response: statusCode, headers, body, isBase64Encoded; any other JSON is the body of a 200.

    :raises NoPrelude: it is not of the form.
    """
    try:
        told = json.loads(payload)
        if not isinstance(told, dict) or "statusCode" not in told:
            return Metadata(200, (("content-type", "application/json"),)), payload
        body = told.get("body") or ""
        data = base64.b64decode(body, validate=True) if told.get("isBase64Encoded") else body.encode()
    except (ValueError, AttributeError, binascii.Error):
        raise NoPrelude("the response is malformed") from None
    return Metadata.of(told), data
