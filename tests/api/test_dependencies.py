"""What FastAPI gives the endpoints."""

import pytest
from pydantic import TypeAdapter, ValidationError

from c1fn.api.dependencies import ThreadId

ID = TypeAdapter[str](ThreadId)


@pytest.mark.parametrize(("sent", "meant"), [("a%2Fb", "a/b"), ("a%252Fb", "a%2Fb"), ("a+b", "a+b")])
def test_an_id_is_decoded_once(sent: str, meant: str) -> None:
    assert ID.validate_python(sent) == meant


@pytest.mark.parametrize("sent", ["a%00b", "a%0Ab", "%20" * 129, ""])
def test_an_id_is_checked_as_it_was_meant(sent: str) -> None:
    with pytest.raises(ValidationError):
        ID.validate_python(sent)
