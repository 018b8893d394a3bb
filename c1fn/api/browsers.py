"""Recognises the client by its headers: the official client, which renders C1, is a page in a browser.

https://www.w3.org/TR/fetch-metadata/#sec-fetch-mode-header
"""

from typing import Literal

from starlette.requests import Request

PlainText = Literal["auto", "card", "raw"]
"""Who gets an answer that is not in C1's form as a card: the official client, all clients, or none."""


def is_browser(request: Request) -> bool:
    """True if a page in a browser sent the request: browsers always send these headers."""
    return "sec-fetch-mode" in request.headers or "origin" in request.headers


def renders_c1(request: Request) -> bool:
    """True if a page asks for something other than JSON: such a client renders C1 and does not show a
    status.
    """
    return is_browser(request) and "json" not in request.headers.get("accept", "")


def streams_cards(request: Request) -> bool:
    """True if a plain text answer is streamed to this client as a card."""
    return _as_card(request.app.state.plain_text, auto=renders_c1(request))


def lists_cards(request: Request) -> bool:
    """The same for answers in a list. Lists are always JSON, so the Accept header is not considered."""
    return _as_card(request.app.state.plain_text, auto=is_browser(request))


def _as_card(plain_text: PlainText, *, auto: bool) -> bool:
    return auto if plain_text == "auto" else plain_text == "card"
