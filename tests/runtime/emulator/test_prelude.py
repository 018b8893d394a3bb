"""The metadata of an HTTP response, as a front door reads it."""

import base64
import json
from typing import Any

import pytest

from c1fn.runtime.emulator.prelude import Metadata, NoPrelude, Prelude, whole
from c1fn.runtime.messages import DELIMITER, MAX_PRELUDE

TOLD = {"statusCode": 201, "headers": {"A": "b"}, "cookies": ["c=1"]}
READ = Metadata(201, (("a", "b"), ("set-cookie", "c=1")))


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_it_is_read_whole_byte_by_byte_and_with_the_first_of_the_body(size: int) -> None:
    data, reader, body = json.dumps(TOLD).encode() + DELIMITER + b"\0body", Prelude(), b""
    found = None
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        if found is None:
            result = reader.feed(piece)
            if result is not None:
                found, body = result
        else:
            body += piece
    assert (found, body) == (READ, b"\0body")


def test_headers_of_several_values_win_over_single_ones() -> None:
    told = {"headers": {"a": "1", "b": "2"}, "multiValueHeaders": {"a": ["3", "4"]}}
    assert Metadata.of(told) == Metadata(200, (("a", "3"), ("a", "4"), ("b", "2")))


@pytest.mark.parametrize("told", [1, [], {"statusCode": "x"}, {"headers": [1]}, {"cookies": 1}], ids=str)
def test_metadata_of_another_form_is_refused(told: Any) -> None:
    with pytest.raises(NoPrelude):
        Metadata.of(told)


@pytest.mark.parametrize("data", [b"x" * MAX_PRELUDE, b"{" + DELIMITER], ids=["no delimiter", "no json"])
def test_what_is_no_prelude_is_refused(data: bytes) -> None:
    with pytest.raises(NoPrelude):
        Prelude().feed(data)


@pytest.mark.parametrize(
    ("payload", "read"),
    [
        ({"statusCode": 201, "body": "ü"}, (Metadata(201, ()), "ü".encode())),
        ({"statusCode": 204}, (Metadata(204, ()), b"")),
        (
            {"statusCode": 200, "body": base64.b64encode(b"\xff").decode(), "isBase64Encoded": True},
            (Metadata(200, ()), b"\xff"),
        ),
        ({"a": 1}, (Metadata(200, (("content-type", "application/json"),)), b'{"a": 1}')),
        ([1], (Metadata(200, (("content-type", "application/json"),)), b"[1]")),
    ],
    ids=["text", "empty", "binary", "no status", "no object"],
)
def test_a_buffered_response_is_read(payload: Any, read: tuple[Metadata, bytes]) -> None:
    assert whole(json.dumps(payload).encode()) == read


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b'{"statusCode":200,"body":1}', b'{"statusCode":200,"body":"?","isBase64Encoded":true}'],
)
def test_a_buffered_response_of_another_form_is_refused(payload: bytes) -> None:
    with pytest.raises(NoPrelude):
        whole(payload)
