"""The name under which the model sees a server's tool: ``<server>__<tool>``.

OpenAI takes names of 1 to 64 letters, digits, hyphens and underscores; MCP takes any text. A name that has
other characters or is longer is changed, and then ends with a part of its digest: two names never become one,
and a name stays the same in every process, because a thread's history names it.

https://platform.openai.com/docs/api-reference/chat/create (tools.function.name)
https://modelcontextprotocol.io/specification/2025-11-25/server/tools
"""

import re
from hashlib import sha256

LONGEST = 64

DIGITS = 8
"""Of the digest: of 10,000 changed names of one server, two are the same by a chance of 1 in 86."""

_OTHER = re.compile(r"[^A-Za-z0-9_-]")


def name_of(server: str, tool: str) -> str:
    """:param server: as the settings allow it: no underscore, so that the parts cannot be confused."""
    plain = f"{server}__{_OTHER.sub('_', tool)}"
    if plain == f"{server}__{tool}" and tool and len(plain) <= LONGEST:
        return plain
    digest = sha256(tool.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]
    return f"{plain[: LONGEST - DIGITS - 1]}_{digest}"
