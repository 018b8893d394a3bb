"""The model's address, and the HTTP transport for it."""

import os
import ssl

import httpx2

from c1fn.models import Unusable
from c1fn.models.net.proxies import proxy_for
from c1fn.models.net.transport import Transport
from c1fn.net.stream import IDLE
from c1fn.startup import authorities

CONNECTIONS = 1600
"""At once, at most: a stream each, as many as Lambda gives to one process of Managed Instances."""

KEPT = 100
"""Of them, that wait unused for the next turn: a descriptor each, and 30 KB."""


def completions(base_url: str) -> httpx2.URL:
    """Where an API answers chats. Its address may be given with that path already, and may have a query."""
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL:  # its text repeats the address
        raise Unusable("The model's address names no host that can be: check C1FN_BASE_URL.") from None
    path, mark, query = url.raw_path.partition(b"?")
    path = path.rstrip(b"/").removesuffix(b"/chat/completions")
    return url.copy_with(raw_path=path + b"/chat/completions" + mark + query, fragment=None)


def transport_to(url: httpx2.URL) -> httpx2.AsyncBaseTransport:
    """Through a proxy, if the environment names one for this address."""
    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=KEPT, keepalive_expiry=IDLE)
    proxy = proxy_for(str(url))
    if proxy is None and url.scheme == "http":  # to read the authorities takes 21 ms of CPU, for nothing here
        return Transport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), limits)  # trusts nobody
    context = authorities.context(os.environ) or httpx2.create_ssl_context()
    return proxy.transport(context, limits) if proxy else Transport(context, limits)
