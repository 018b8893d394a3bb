"""What the Runtime API says, as values, and a streamed response's metadata. The rest: test_protocol."""

import json

import pytest

from c1fn.runtime.messages import (
    DELIMITER,
    MAX_PRELUDE,
    Acknowledgement,
    PreludeTooLarge,
    error_type,
    prelude,
)


def test_metadata_and_delimiter_fit_into_16_kilobytes() -> None:
    frame = len(prelude({"x": ""})) + len(DELIMITER)
    assert prelude({"x": "y" * (MAX_PRELUDE - frame)})
    with pytest.raises(PreludeTooLarge):
        prelude({"x": "y" * (MAX_PRELUDE - frame + 1)})


def test_metadata_is_compact_json() -> None:
    assert prelude({"statusCode": 200, "cookies": []}) == b'{"statusCode":200,"cookies":[]}'


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (Acknowledgement(202), "202 (ok)"),
        (Acknowledgement(200), "200 (ok)"),
        (Acknowledgement(300), "300 (unexpected)"),
        (Acknowledgement(400), "400 (the body was cut or malformed)"),
        (Acknowledgement(403), "403 (the request is not allowed in this state)"),
        (Acknowledgement(413, "TooLarge"), "413 TooLarge (the response is too large)"),
        (Acknowledgement(500), "500 (the sandbox is broken)"),
        (Acknowledgement(410, "Gone"), "410 Gone (the invocation is over and no longer ours)"),
        (Acknowledgement(418), "418 (unexpected)"),
    ],
)
def test_an_acknowledgement_tells_what_its_status_means(told: Acknowledgement, text: str) -> None:
    assert str(told) == text


def test_the_type_of_a_refusal_is_the_platforms_word() -> None:
    assert error_type(json.dumps({"errorType": "Forbidden"}).encode()) == "Forbidden"
