"""What a model reads of a tool's result: its texts. Pictures and sounds are named and left out, because tool
results of OpenAI's API are text.

https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-result
"""

from collections.abc import Iterable
from typing import Any, assert_never

from mcp_types import (
    AudioContent,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)
from pydantic_core import to_json


def text_of(result: CallToolResult) -> str:
    """The texts, one after the other; the structured content where there is no text."""
    told = "\n".join(_texts(result.content))
    structured: Any = result.structured_content
    if not told and structured is not None:
        return to_json(structured).decode()
    return told or "The tool returned nothing."


def _texts(blocks: Iterable[ContentBlock]) -> Iterable[str]:
    for block in blocks:
        match block:
            case TextContent():
                yield block.text
            case ImageContent() | AudioContent():
                yield f"[{block.mime_type}, {len(block.data) * 3 // 4} bytes, cannot be shown]"
            case ResourceLink():
                yield f"[{block.name}: {block.uri}]"
            case EmbeddedResource(resource=TextResourceContents() as resource):
                yield resource.text
            case EmbeddedResource():
                yield f"[{block.resource.uri}, cannot be shown]"
            case _:
                assert_never(block)
