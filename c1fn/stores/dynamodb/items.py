"""Attributes in the form in which DynamoDB's API takes and gives them, and what its expressions need.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

import re
from contextlib import suppress
from typing import Any

Item = dict[str, Any]


def S(text: str) -> Item:  # noqa: N802 - DynamoDB's own name of the type, as N and B below
    """A text."""
    return {"S": text}


def N(number: float) -> Item:  # noqa: N802
    """A number; DynamoDB takes it as a text of up to 38 digits."""
    return {"N": repr(number)}


def B(data: bytes) -> Item:  # noqa: N802
    """Binary data."""
    return {"B": data}


YES = {"BOOL": True}


def text_of(item: Item, name: str) -> str | None:
    """The attribute, if it is a text."""
    value = item.get(name)
    text = value.get("S") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


def number_of(item: Item, name: str) -> float | None:
    """The attribute, if it is a number."""
    value = item.get(name)
    with suppress(TypeError, ValueError):
        return float(value["N"]) if isinstance(value, dict) and "N" in value else None
    return None


def names(*expressions: str) -> dict[str, str]:
    """ExpressionAttributeNames: every ``#name`` in the expressions stands for ``name``."""
    return {f"#{name}": name for text in expressions for name in re.findall(r"#(\w+)", text)}


def expiry(until: float | None) -> Item:
    """The attribute by which DynamoDB deletes a row; none where it is kept for ever.

    :param until: in seconds since the epoch.
    """
    return {} if until is None else {"expires_at": N(int(until))}


def clean(text: str) -> str:
    """A text that DynamoDB takes: lone surrogates cannot be encoded."""
    return text.encode("utf-8", "replace").decode()


def put(item: Item) -> Item:
    """A write of a batch. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_WriteRequest.html"""
    return {"PutRequest": {"Item": item}}


def delete(key: Item) -> Item:
    """A deletion of a batch."""
    return {"DeleteRequest": {"Key": key}}
