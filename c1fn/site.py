"""The page at `/`: the official client's once it is built, a plain one until then.

Strategy: the name of every built file but `index.html` holds a hash of its content, so a browser may keep it
for ever, and asks only for the index each time. The files are listed when the build is shown, and only a
listed name is ever opened. A server answers before its page is built (``vite.py``), so the site is told
where a build lies while it serves.

https://www.rfc-editor.org/rfc/rfc8246 (immutable)
"""

import importlib.resources
from html import escape
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response

FOR_EVER = "public, max-age=31536000, immutable"
"""A year, the longest that caches are asked to believe."""

ASK_AGAIN = "no-cache"

_PLAIN_PAGE = importlib.resources.files("c1fn").joinpath("page.html").read_text("utf-8")
_NOTE = "<!-- note -->"


class Site:
    """What a browser gets. ``note`` is a sentence for the plain page: how to get the other one."""

    def __init__(self) -> None:
        self.note = ""
        self._index: Path | None = None
        self._assets: dict[str, Path] = {}

    def show(self, build: Path) -> None:
        """From now on serve this build: a folder with `index.html` and `assets/`."""
        self._assets = {path.name: path for path in (build / "assets").iterdir() if path.is_file()}
        self._index = build / "index.html"

    async def page(self) -> Response:
        """`/`."""
        headers = {"cache-control": ASK_AGAIN}
        if self._index:
            return FileResponse(self._index, headers=headers)
        note = f'<p id="note">{escape(self.note)}</p>' if self.note else ""
        return HTMLResponse(_PLAIN_PAGE.replace(_NOTE, note), headers=headers)

    async def asset(self, name: str) -> Response:
        """`/assets/{name}`."""
        if name not in self._assets:
            raise HTTPException(404)
        return FileResponse(self._assets[name], headers={"cache-control": FOR_EVER})
