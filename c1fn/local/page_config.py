"""The page's `config.json` on a developer's machine: how people sign in, as on a deployed page.

The page checks each field and says in the browser what is wrong. Here the file is read once, before the
server starts, for two reasons: the terminal tells a file that cannot be used, and the page's content security
policy needs the origins that the page calls. A Cognito pool has its tokens at the host of its `logoutUrl`.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from c1fn.errors import SettingsError

LONGEST = 65_536
"""Bytes of the file: it has five short values."""


_ORIGIN = re.compile(r"https?://[\w.:\[\]-]+(?=[/?#]|$)")


@dataclass(frozen=True, slots=True)
class PageConfig:
    """The file as it stands, and the origins that the page calls for it."""

    text: bytes
    origins: tuple[str, ...]


NONE = PageConfig(b"{}", ())


def read(path: Path) -> PageConfig:
    """:raises SettingsError: it cannot be read, or has no `oidc` with `authority` and `clientId`."""
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST + 1)
    except OSError as error:
        raise SettingsError(f"--page-config: {path} cannot be read: {error.strerror}") from None
    oidc = _oidc(text)
    if not all(isinstance(oidc.get(name), str) for name in ("authority", "clientId")):
        raise SettingsError(
            f'--page-config: {path} is not as {{"oidc": {{"authority": "https://…", "clientId": "…"}}}}; '
            "docs/auth.md has the fields"
        )
    found = (_ORIGIN.match(str(oidc.get(name))) for name in ("authority", "logoutUrl"))
    return PageConfig(text, tuple(dict.fromkeys(one[0] for one in found if one)))


def _oidc(text: bytes) -> dict[str, Any]:
    """What the file has as `oidc`; nothing, if it has none."""
    try:
        found = json.loads(text) if len(text) <= LONGEST else None
    except (ValueError, RecursionError):
        found = None
    oidc = found.get("oidc") if isinstance(found, dict) else None
    return oidc if isinstance(oidc, dict) else {}
