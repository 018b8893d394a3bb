"""The tools that an AG-UI client brings with a run, and runs itself: checked, and limited in number and size.

The model sees them beside the server's own, as descriptions of tools and never as a system message.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from c1fn.errors import BadField, TooLarge
from c1fn.turn import ToolSpec

SIZE = 32_768
"""Maximum bytes of all of a run's tools, as JSON: about 8,000 tokens, paid for in each call of the model."""

Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
"""What OpenAI takes for a function's name."""

NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}


class Tool(BaseModel):
    """A tool of the client. https://docs.ag-ui.com/concepts/tools"""

    model_config = ConfigDict(title="ClientTool")

    name: Name
    description: str
    parameters: dict[str, Any] | None = Field(None, description="A JSON Schema of an object.")


def specs_of(tools: Sequence[Tool], most: int) -> tuple[ToolSpec, ...]:
    """The tools for the model.

    :param most: maximum number; 0: the client may bring none.
    :raises BadField: there are too many, or two of one name. TooLarge: they are too long.
    """
    if tools and not most:
        raise BadField("must be empty: this service takes no tools of a client", field="tools")
    if len(tools) > most:
        raise BadField(f"must have {most} tools at most", field="tools")
    names = [tool.name for tool in tools]
    if again := next((at for at, name in enumerate(names) if name in names[:at]), None):
        raise BadField("is the name of another tool, too", field=f"tools.{again}.name")
    specs = tuple(ToolSpec(t.name, t.description, t.parameters or NO_ARGUMENTS) for t in tools)
    if len(json.dumps([(s.name, s.description, s.parameters) for s in specs])) > SIZE:
        raise TooLarge(f"All tools together may have {SIZE} bytes at most.", field="tools")
    return specs
