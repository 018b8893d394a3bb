"""Whatever a server says of its tools, no provider rejects a request for it."""

import json
from typing import Any

import pytest

from c1fn.chat.mcp.schemas import DEEPEST, DESCRIPTION, LONGEST, BadSchema, description_of, schema_of

DEEP: dict[str, Any] = {"type": "object"}
for _ in range(2000):
    DEEP = {"type": "object", "properties": {"a": DEEP}}


def test_a_good_schema_stays_as_it_is() -> None:
    good = {
        "type": "object",
        "properties": {"q": {"type": "string", "enum": ["a"]}, "at": {"$ref": "#/$defs/At"}},
        "required": ["q"],
        "$defs": {"At": {"type": "integer"}},
        "additionalProperties": False,
    }
    assert schema_of(good) == good


@pytest.mark.parametrize(
    ("given", "mended"),
    [
        ({}, {"type": "object", "properties": {}}),
        ({"type": "object"}, {"type": "object", "properties": {}}),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {}},
            {"type": "object", "properties": {}},
        ),
        (
            {"type": "object", "properties": {"a": {}}, "required": ["a", "b"]},
            {"type": "object", "properties": {"a": {}}, "required": ["a"]},
        ),
        (
            {"anyOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {}}}, "no"]},
            {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}},
        ),
    ],
)
def test_what_a_provider_rejects_is_mended(given: dict[str, Any], mended: dict[str, Any]) -> None:
    assert schema_of(given) == mended


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"type": "string"}, "not of an object"),
        ({"type": ["object", "null"]}, "not of an object"),
        ({"type": "object", "properties": ["a"]}, "properties"),
        ({"type": "object", "properties": {"a": {"type": "text"}}}, "not valid"),
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, "not valid"),
        ({"type": "object", "properties": {}, "required": True}, "not valid"),
        ({"type": "object", "properties": {"a": {"$ref": "https://evil.test/s.json"}}}, "another document"),
        ({"type": "object", "properties": {"a": {"$ref": 7}}}, "another document"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/None"}}}, "does not have"),
        ({"type": "object", "description": "x" * LONGEST}, str(LONGEST)),
        (DEEP, str(DEEPEST)),
    ],
)
def test_what_cannot_be_mended_is_refused_with_its_reason(given: dict[str, Any], why: str) -> None:
    with pytest.raises(BadSchema, match=why):
        schema_of(given)


def test_a_schema_that_refers_to_itself_is_taken() -> None:
    tree = {"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#/properties/left"}}}
    assert json.loads(json.dumps(schema_of(tree))) == tree


def test_a_description_of_a_megabyte_is_cut() -> None:
    assert description_of(" a \n") == "a"
    assert description_of(None) == ""
    assert len(description_of("x" * 1_000_000)) == DESCRIPTION
