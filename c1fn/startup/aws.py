"""Clients of AWS's services, made by boto3's core: boto3 itself would load S3's machinery.

https://botocore.amazonaws.com/v1/documentation/api/latest/index.html
"""

import os
import ssl
import time
from collections.abc import Callable
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.httpsession import URLLib3Session, get_cert_path
from urllib3.exceptions import HTTPError

from c1fn.startup import authorities, log_levels

log_levels.keep_private()

KEPT = 20.0
"""Seconds until a connection that was opened ahead is given up: its peer may have gone without a word."""


class TrustOnce(URLLib3Session):  # type: ignore[misc]  # botocore ships no types
    """botocore's connections, but the authorities are told once, when the client is made; where the package
    has them in a folder, a connection reads the one that it needs.

    botocore reads the whole list for each new connection: 18 ms of CPU, three times before a process's first
    answer. Should botocore's internals change, it reads it again, or trusts nobody: never one too many.
    """

    @classmethod
    def adopt(cls, client: Any) -> None:
        """Make this client's connections such ones."""
        http = client._endpoint.http_session  # noqa: SLF001 - botocore has no way to name its class
        http.__class__ = cls
        pool = http._manager.connection_pool_kw  # noqa: SLF001 - ours now
        pool["ssl_context"] = http._get_ssl_context()  # noqa: SLF001 - as above

    def connect(self, url: str, clock: Callable[[], float]) -> Callable[[], None]:
        """See ``connect``. One that fails will fail the call."""
        if self._proxy_config.proxy_url_for(url):
            return _nothing
        pool = self._manager.connection_from_url(url)
        self._setup_ssl_cert(pool, url, self._verify)
        connection = pool._get_conn()  # noqa: SLF001 - urllib3 opens one for a request alone
        try:
            connection.connect()
        except (HTTPError, OSError):
            connection.close()  # urllib3 leaves it with the socket of a handshake that failed
        opened = clock()

        def give() -> None:
            if clock() - opened >= KEPT:
                connection.close()
            _give(pool, connection)

        return give

    def _get_ssl_context(self) -> ssl.SSLContext:
        context: ssl.SSLContext = super()._get_ssl_context()
        if self._verify is True and (folder := authorities.folder()):
            context.load_verify_locations(capath=folder)
        else:
            context.load_verify_locations(get_cert_path(self._verify))
        return context

    def _setup_ssl_cert(self, conn: Any, url: str, verify: Any) -> None:
        super()._setup_ssl_cert(conn, url, verify)
        conn.ca_certs = None  # the context knows them


def _nothing() -> None:
    """There is no connection to give."""


def _give(pool: Any, connection: Any) -> None:
    """Put it back into the pool. What a server sends after a handshake is read first: urllib3 takes a
    connection with something to read for one that has ended.
    """
    if connection.sock is not None:
        connection.sock.settimeout(0)
        try:
            connection.sock.recv(1)
        except ssl.SSLWantReadError:
            connection.sock.settimeout(connection.timeout)
        except OSError:
            connection.close()  # it is opened anew when it is used
        else:
            connection.close()  # as above: the server has ended it
    pool._put_conn(connection)  # noqa: SLF001 - as above


def connect(client: Any, clock: Callable[[], float] = time.time) -> Callable[[], None]:
    """Open a connection of this client's, in this thread, and send nothing; only where TLS makes it dear.

    :param clock: seconds since the epoch: a monotonic clock may stand still while a function is frozen.
    :returns: gives it to the calls that follow.
    """
    http = client._endpoint.http_session  # noqa: SLF001 - as above
    return http.connect(client.meta.endpoint_url, clock) if isinstance(http, TrustOnce) else _nothing


def client(
    service: str, config: Config, *, region_name: str | None = None, endpoint_url: str | None = None
) -> Any:
    """A client with a session of its own: the default one is anybody's.

    :raises botocore.exceptions.NoRegionError: no region is set.
    :raises AuthoritiesUnusable: AWS_CA_BUNDLE, or what stands for it, names certificates that cannot be read.
    """
    session = botocore.session.Session()
    made = session.create_client(service, region_name, endpoint_url=endpoint_url, config=config)
    if made.meta.endpoint_url.startswith("https"):
        try:
            TrustOnce.adopt(made)
        except OSError as error:
            named = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE", "")
            raise authorities.AuthoritiesUnusable("AWS_CA_BUNDLE", named) from error
    return made
