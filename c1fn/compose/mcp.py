"""The MCP servers that ``C1FN_MCP`` names, with the headers that ``C1FN_MCP_HEADERS`` or the secret holds."""

import json
import logging
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from importlib.util import find_spec

from c1fn.chat.servers import Servers
from c1fn.compose.authentication import MCP_HEADERS, Renew
from c1fn.errors import SettingsError
from c1fn.settings import Settings
from c1fn.startup import authorities
from c1fn.startup.lazy_imports import lazy

_log = logging.getLogger(__name__)

LAZY = ("mcp", "mcp_types")
"""A client needs little of what the package imports: without this, a start takes 150 ms more of CPU."""

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""A header's name. https://www.rfc-editor.org/rfc/rfc9110#name-tokens"""

Headers = Mapping[str, Mapping[str, str]]


def servers(settings: Settings, renew: Renew | None = None) -> Servers | None:
    """:raises SettingsError: the package is missing, or the headers are not what they should be."""
    headers = _headers(settings)
    if not settings.mcp:
        return None
    if not _is_installed():
        raise SettingsError(
            "C1FN_MCP: the package mcp is not installed. Install c1fn[mcp]; for a function, add "
            'extras = ["mcp"] under [tool.c1fn.package] in pyproject.toml.'
        )
    with lazy(*LAZY):
        from c1fn.chat.mcp import Access
        from c1fn.chat.mcp import Servers as Connected

    return Connected(
        [
            Access(
                name=name,
                url=server.url,
                tools=server.tools,
                approve=None if server.approve == "all" else server.approve,
                tells_owner=server.tells_owner,
                headers=headers.get(name, {}),
                renew=_renewed(name, renew) if renew else None,
            )
            for name, server in settings.mcp.items()
        ],
        authorities.context(os.environ),
    )


def _is_installed() -> bool:
    try:
        return find_spec("mcp") is not None
    except ValueError:  # it was imported, and that failed
        return False


def _renewed(name: str, renew: Renew) -> Callable[[], Awaitable[Mapping[str, str]]]:
    async def headers() -> Mapping[str, str]:
        try:
            return _headers(await renew()).get(name, {})
        except SettingsError as error:
            _log.warning("%s", error)
            return {}

    return headers


def _headers(settings: Settings) -> Headers:
    """:raises SettingsError: they are not; the message quotes nothing of a value."""
    if settings.mcp_headers is None:
        return {}
    try:
        found = json.loads(settings.mcp_headers.get_secret_value())
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(headers, dict) for headers in found.values()):
        raise SettingsError(
            f"{MCP_HEADERS}: must be a JSON object of each server's headers: "
            '{"docs": {"Authorization": "Bearer …"}}.'
        )
    if unknown := found.keys() - (settings.mcp or {}).keys():
        raise SettingsError(f"{MCP_HEADERS}: C1FN_MCP has no server {', '.join(sorted(unknown))}.")
    for server, headers in found.items():
        for name, value in headers.items():
            if not (
                _NAME.fullmatch(name) and isinstance(value, str) and value.isascii() and value.isprintable()
            ):
                raise SettingsError(f"{MCP_HEADERS}: a header of {server} is no text that HTTP can send.")
    return found
