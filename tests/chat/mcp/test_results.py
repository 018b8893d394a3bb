"""What a model reads of each kind of content."""

from typing import Any

import pytest
from mcp_types import CallToolResult

from c1fn.chat.mcp.results import text_of

PICTURE = {"type": "image", "data": "AAAA", "mimeType": "image/png"}
LINK = {"type": "resource_link", "name": "report", "uri": "file:///r.pdf"}
TEXT = {"type": "resource", "resource": {"uri": "file:///a.txt", "text": "inside"}}
BYTES = {"type": "resource", "resource": {"uri": "file:///a.bin", "blob": "AAAA"}}


@pytest.mark.parametrize(
    ("content", "more", "told"),
    [
        ([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}], {}, "one\ntwo"),
        ([{"type": "text", "text": "it"}], {"structuredContent": {"a": 1}}, "it"),
        ([], {"structuredContent": {"a": 1}}, '{"a":1}'),
        ([], {}, "The tool returned nothing."),
        ([PICTURE], {}, "[image/png, 3 bytes, cannot be shown]"),
        ([{**PICTURE, "type": "audio", "mimeType": "a/b"}], {}, "[a/b, 3 bytes, cannot be shown]"),
        ([LINK, TEXT, BYTES], {}, "[report: file:///r.pdf]\ninside\n[file:///a.bin, cannot be shown]"),
    ],
)
def test_the_texts_and_the_names_of_the_rest(content: list[Any], more: dict[str, Any], told: str) -> None:
    assert text_of(CallToolResult.model_validate({"content": content, **more})) == told
