"""The proxy for one address, from the environment.

HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY are read, in capitals or in small letters.

The library reads all of them for a client of any address, and fails because of one that is never used. Here
there is one address: its scheme's own variable has priority over ALL_PROXY, and NO_PROXY over both.

https://curl.se/libcurl/c/libcurl-env.html
"""

import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx2

from c1fn.models import Unusable

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """``variable``: its name in capitals; the environment may have it in small letters."""

    variable: str
    url: str

    def transport(self, context: ssl.SSLContext, limits: httpx2.Limits) -> httpx2.AsyncHTTPTransport:
        """The library's own, through this proxy.

        :raises Unusable: the library cannot use it. Its address may hold a password and is not repeated.
        """
        try:
            url = httpx2.URL(self.url)
            proxy = httpx2.Proxy(
                url if url.host else "", ssl_context=context if url.scheme == "https" else None
            )
            return httpx2.AsyncHTTPTransport(verify=context, limits=limits, proxy=proxy)
        except ImportError:  # its message names a package that is called otherwise here
            raise Unusable(
                f"{self.variable}: for a SOCKS proxy the package socksio is needed: pip install socksio."
            ) from None
        except (ValueError, httpx2.InvalidURL):
            raise Unusable(
                f"{self.variable}: a proxy's address begins with http://, https://, socks5:// or socks5h://, "
                "and has a host and perhaps a port."
            ) from None


def proxy_for(url: str, named: Mapping[str, str] | None = None) -> Proxy | None:
    """The one that this address is asked through; None: it is asked itself.

    :param named: proxies by scheme, with ``all`` and ``no``; by default those of the environment.
    """
    named = getproxies() if named is None else named
    address = urlsplit(url)
    scheme = next((scheme for scheme in (address.scheme, "all") if named.get(scheme)), None)
    if scheme is None or _excepted(address.scheme, address.hostname or "", address.port, named.get("no", "")):
        return None
    proxy = named[scheme]
    return Proxy(f"{scheme.upper()}_PROXY", proxy if "://" in proxy else f"http://{proxy}")


def _excepted(scheme: str, host: str, port: int | None, exceptions: str) -> bool:
    for exception in map(str.strip, exceptions.lower().split(",")):
        of, mark, rest = exception.rpartition("://")
        if exception == "*" or (
            (not mark or of in (scheme, "all")) and _names(rest, host, port or PORTS[scheme])
        ):
            return True
    return False


def _names(exception: str, host: str, port: int) -> bool:
    """``example.com`` and ``.example.com`` name a host and those below it; then addresses and networks."""
    with suppress(ValueError):
        return ip_address(host) in ip_network(exception.strip("[]"), strict=False)
    with suppress(ValueError):
        split = urlsplit(f"//{exception}")
        name = (split.hostname or "").removeprefix("*").removeprefix(".")
        return bool(name) and split.port in (None, port) and (host == name or host.endswith(f".{name}"))
    return False
