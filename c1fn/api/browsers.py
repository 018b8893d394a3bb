"""Which client asks, as far as its headers tell: the official one, which renders C1, is a page in a browser.

https://www.w3.org/TR/fetch-metadata/#sec-fetch-mode-header
"""

from typing import Literal

from fastapi import Request

PlainText = Literal["auto", "card", "raw"]
"""How an answer that is not in C1's form is sent: as a card to the official client, to all, or to nobody."""


def is_browser(request: Request) -> bool:
    """A page asks: a browser sends these headers by itself, and no page can take them away."""
    return "sec-fetch-mode" in request.headers or "origin" in request.headers


def renders_c1(request: Request) -> bool:
    """A page asks, and not for JSON: its client renders C1, and shows no status."""
    return is_browser(request) and "json" not in request.headers.get("accept", "")


def streams_cards(request: Request) -> bool:
    """Whether an answer in plain text is streamed to this client as a card."""
    return _as_card(request.app.state.plain_text, auto=renders_c1(request))


def lists_cards(request: Request) -> bool:
    """The same, for answers in a list: that is JSON for everybody, so what is asked for tells nothing."""
    return _as_card(request.app.state.plain_text, auto=is_browser(request))


def _as_card(plain_text: PlainText, *, auto: bool) -> bool:
    return auto if plain_text == "auto" else plain_text == "card"
