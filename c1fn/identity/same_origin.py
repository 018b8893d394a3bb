"""Recognises requests from pages of other sites, by the browser's headers. Pure: headers in, a decision out.

A page of any site may *send* requests to any server; CORS only prevents it from reading the answers. So a
server must reject requests of other sites' pages that change data. Browsers send ``Sec-Fetch-Site``, which no
page can set; older ones send the page's ``Origin`` with every POST, PUT and DELETE, or ``null`` to hide it.

A site can also make its own DNS name resolve to 127.0.0.1. Its page then has the same origin as a local
server, so a local server accepts only this machine's own names.

https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
https://fetch.spec.whatwg.org/#origin-header
"""

import re
from collections.abc import Container, Mapping

NAMES = ("127.0.0.1", "localhost", "[::1]")
"""What this machine calls itself."""

ELSEWHERE = ("cross-site", "same-site")

_ORIGIN = re.compile(r"(https?)://([^/:\s]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?")
_HOST = re.compile(r"([^/:\s]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?")
_PORTS = {"http": "80", "https": "443"}


def is_foreign(headers: Mapping[str, str], allowed: Container[str] = ()) -> bool:
    """Whether a page of another site sent this, that is not among the allowed.

    :param headers: by their names in small letters.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin in allowed:
        return False
    if site is not None:
        return site in ELSEWHERE
    return origin is not None and not _same(origin.lower(), headers.get("host", "").lower())


def is_local(host: str) -> bool:
    """Whether a request's header Host names this machine."""
    found = _HOST.fullmatch(host.lower())
    return found is not None and found[1] in NAMES


def _same(origin: str, host: str) -> bool:
    """Whether a page of this origin was loaded from this host. Who ended TLS knows the scheme, we do not."""
    page, server = _ORIGIN.fullmatch(origin), _HOST.fullmatch(host)
    if page is None or server is None:
        return False
    default = _PORTS[page[1]]
    return (page[2], page[3] or default) == (server[1], server[2] or default)
