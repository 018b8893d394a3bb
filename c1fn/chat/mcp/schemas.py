"""What a model is told of a server's tool, whatever the server said.

A provider rejects a whole request for one bad schema, so a tool whose schema cannot be mended is left out.
What is mended is what public reports name: no ``properties``, or an array without ``items``, which OpenAI
rejects; ``$schema``, and ``required`` without a property, which others reject; ``anyOf`` and its like at the
top, which OpenAI and Anthropic reject; a list of ``items``, which is of an older draft; names of properties
that Anthropic rejects. The result is valid in JSON Schema 2020-12, whatever the server calls it.

https://platform.openai.com/docs/guides/function-calling
https://json-schema.org/draft/2020-12/json-schema-core
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema.exceptions import SchemaError
from jsonschema.validators import Draft202012Validator

LONGEST = 16_384
"""Characters of one schema as JSON: about 5,000 tokens, in every request. The largest of public servers have
a few thousand."""

DESCRIPTION = 1_024
"""Characters of a description: OpenAI's limit."""

DEEPEST = 32
"""Levels of a schema: OpenAI takes 10; what is far deeper is there to break a parser."""

_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
"""Of a property: Anthropic's rule."""

_ONE = frozenset({"items", "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames"})
_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems", "items"})
"""The keywords whose values are schemas: one, one for each name, or a list."""

_CHOICES = ("anyOf", "oneOf", "allOf")


class BadSchema(ValueError):
    """No model can be given this schema. The message says why, and quotes nothing of it."""


def schema_of(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema as every provider takes it.

    :raises BadSchema: it is none, is of something else than an object, or is too large.
    """
    _check_size(given)
    if given.get("type", "object") != "object":
        raise BadSchema("its schema is not of an object")
    properties = dict(_properties(given))
    for choice in _CHOICES:
        for branch in _listed(given.get(choice)):
            properties = {**_properties(branch), **properties}
    dropped = ("$schema", "$id", "not", "enum", "const", *_CHOICES)
    schema = {key: value for key, value in given.items() if key not in dropped}
    required = [name for name in _listed(given.get("required")) if name in properties]
    if strange := [name for name in properties if not _NAME.fullmatch(name)]:
        if set(strange) & set(required):
            raise BadSchema("it requires a property whose name providers reject")
        properties = {name: value for name, value in properties.items() if name not in strange}
    schema |= {"type": "object", "properties": properties}
    if isinstance(given.get("required"), list):
        schema["required"] = required
    schema = dict(_with_items(schema))
    for reference in _references(schema):
        _check_reference(reference, schema)
    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError) as error:
        raise BadSchema("its schema is not valid JSON Schema") from error
    return schema


def description_of(text: str | None) -> str:
    """The description, cut."""
    text = (text or "").strip()
    return text if len(text) <= DESCRIPTION else f"{text[: DESCRIPTION - 1]}…"


def _check_size(given: Mapping[str, Any]) -> None:
    if _depth(given) > DEEPEST:
        raise BadSchema(f"its schema has more than {DEEPEST} levels")
    if (size := len(json.dumps(given, ensure_ascii=False))) > LONGEST:
        raise BadSchema(f"its schema has {size} characters, and at most {LONGEST} are given to a model")


def _depth(value: Any) -> int:
    """Levels, counted without recursion, until there are too many."""
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        depth += 1
        level = [inner for outer in level for inner in _inner(outer)]
    return depth


def _inner(value: Any) -> list[Any]:
    found = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [inner for inner in found if isinstance(inner, Mapping | list)]


def _with_items(schema: Any) -> Any:
    """The schema, in which ``items`` of each array is one schema."""
    if not isinstance(schema, Mapping):
        return schema
    found = {key: _inside(key, value) for key, value in schema.items()}
    listed = [*_listed(found.get("items")), *_listed(found.pop("prefixItems", None))]
    if found.get("type") == "array" and not isinstance(found.get("items"), Mapping):
        found.pop("additionalItems", None)
        found["items"] = {"anyOf": listed} if listed else {}
    return found


def _inside(key: str, value: Any) -> Any:
    if key in _BY_NAME and isinstance(value, Mapping):
        return {name: _with_items(each) for name, each in value.items()}
    if key in _LISTS and isinstance(value, list):
        return [_with_items(each) for each in value]
    return _with_items(value) if key in _ONE else value


def _properties(schema: Any) -> Mapping[str, Any]:
    found = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
    if not isinstance(found, Mapping):
        raise BadSchema("its properties are not an object")
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _references(schema: Any) -> Iterator[Any]:
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping) and "$ref" in value:
            yield value["$ref"]
        waiting += _inner(value)


def _check_reference(reference: Any, schema: Any) -> None:
    """A provider resolves none to another document."""
    if not isinstance(reference, str) or not re.fullmatch(r"#(/.*)?", reference):
        raise BadSchema("it refers to another document")
    for step in reference.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        schema = schema.get(name) if isinstance(schema, Mapping) else None
        if schema is None:
            raise BadSchema("it refers to a part that it does not have")
