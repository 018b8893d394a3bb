"""The page at `/`: the official client after it is built, a plain page before that.

The name of every built file except `index.html` contains a hash of its content, so a browser may cache it for
ever, and requests only the index each time. The files are listed when `show` is called, and only listed names
are ever opened. The local server answers before its page is built, so `show` is called while it serves.

A page may load only its own files and call only its own server, and no other page may embed it. Pictures may
also come from hosts that the deployment names. The reason: a browser loads a picture at once, and a prompt
injection could make the model write a picture's address that contains the conversation.

`/config.json` tells a page how people sign in; without a configuration it is `{}`, and the page asks nobody.

https://www.rfc-editor.org/rfc/rfc8246 (immutable)
https://www.w3.org/TR/CSP3/ · https://genai.owasp.org/llmrisk/llm01-prompt-injection/
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from c1fn.turn import escaped

FOR_EVER = "public, max-age=31536000, immutable"
"""A year in seconds, the longest useful cache time."""

ASK_AGAIN = "no-cache"

_NOTE = "<!-- note -->"
_HEAD = re.compile(r'<head[^>]*>|<meta charset="utf-8">')
"""The place in a page before its first link."""


@cache
def _plain_page() -> str:
    return Path(__file__).with_name("page.html").read_text("utf-8")


@cache
def _hashes() -> str:
    """Of the plain page's scripts, as the policy lists them."""
    scripts = re.findall(r"<script>(.*?)</script>", _plain_page(), re.DOTALL)
    return " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in scripts)


def policy(images: Sequence[str] = (), base: str = "'none'", calls: Sequence[str] = ()) -> str:
    """The page's content security policy.

    :param images: hosts of pictures, besides its own server.
    :param calls: origins that the page may call, besides its own.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {_hashes()}",
            "style-src 'self' 'unsafe-inline'",  # the official client styles its elements in place
            " ".join(("img-src 'self' data:", *(f"https://{host}" for host in images))),
            "font-src 'self' data:",
            " ".join(("connect-src 'self'", *calls)),
            f"base-uri {base}",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


PAGE = {
    "cache-control": ASK_AGAIN,
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
}


class Site:
    """The pages for browsers. ``note`` is a sentence on the plain page: how to get the official client.

    :param images: hosts whose pictures a page may show.
    :param config: how people sign in: what a page finds at `config.json`, and
    :param calls: the origins that it calls for that.
    """

    def __init__(self, images: Sequence[str] = (), config: bytes = b"{}", calls: Sequence[str] = ()) -> None:
        self.note = ""
        self._images, self._config, self._calls = images, config, calls
        self._index: Path | None = None
        self._text = ""
        self._assets: dict[str, Path] = {}

    def show(self, build: Path) -> None:
        """Serve this build from now on: a folder with `index.html` and `assets/`."""
        self._assets = {path.name: path for path in (build / "assets").iterdir() if path.is_file()}
        self._index = build / "index.html"
        self._text = self._index.read_text("utf-8")

    def routes(self) -> list[Route]:
        """Starlette's own: they take nothing that FastAPI would have to check, and cost a start less."""

        async def page(request: Request) -> Response:
            return await self.page(request.scope["root_path"])

        async def asset(request: Request) -> Response:
            return await self.asset(request.path_params["name"])

        async def config(_: Request) -> Response:
            return Response(self._config, headers={"cache-control": ASK_AGAIN}, media_type="application/json")

        return [Route("/", page), Route("/assets/{name}", asset), Route("/config.json", config)]

    async def page(self, root: str = "") -> Response:
        """`/`, which the browser sees below ``root``."""
        headers = PAGE | {
            "content-security-policy": policy(self._images, "'self'" if root else "'none'", self._calls)
        }
        if self._index and not root:
            return FileResponse(self._index, headers=headers)
        note = f'<p id="note">{escaped(self.note)}</p>' if self.note else ""
        text = self._text if self._index else _plain_page().replace(_NOTE, note)
        return HTMLResponse(below(root, text) if root else text, headers=headers)

    async def asset(self, name: str) -> Response:
        """`/assets/{name}`."""
        if name not in self._assets:
            raise HTTPException(404)
        return FileResponse(self._assets[name], headers={"cache-control": FOR_EVER})


def below(root: str, text: str) -> str:
    """The page for a browser that has it at ``root``, with or without a slash at the end: its links are
    relative, and only the second of these would be their base.
    """
    base = f'<base href="{escaped(root)}/">'
    return _HEAD.sub(lambda found: found[0] + base, text, count=1)
