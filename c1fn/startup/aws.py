"""Creates all clients of botocore's, each from its own boto3 session.

Where c1fn calls AWS without botocore (`net/aws/choice`), none is made.

It has two optimisations: a client reads the certificate authorities once, not for each connection
(``TrustOnce``), and a connection can be opened before the first call (``connect``). Both use private names of
botocore and urllib3 (``TOUCHED``); if these are missing, or with C1FN_PLAIN_START=1, the client is an
ordinary boto3 client.

https://docs.aws.amazon.com/boto3/latest/reference/core/session.html
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
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from c1fn import __version__
from c1fn.startup import KEPT_OPEN, authorities, is_plain, log_levels
from c1fn.startup.lazy_imports import lazy

log_levels.keep_private()

with lazy("boto3"):
    # The session alone: the package itself loads the machinery of S3's transfers.
    import boto3.session

TOUCHED: tuple[tuple[type, str], ...] = (
    (URLLib3Session, "_get_ssl_context"),
    (URLLib3Session, "_setup_ssl_cert"),
    (HTTPSConnectionPool, "_get_conn"),
    (HTTPSConnectionPool, "_put_conn"),
)
"""Methods that have no public name. A client's own parts are looked at when it is made, by ``adopt``."""

USABLE = all(hasattr(kind, name) for kind, name in TOUCHED)


class TrustOnce(URLLib3Session):  # type: ignore[misc]  # botocore ships no types
    """botocore's connections, but the authorities are told once, when the client is made; where the package
    has them in a folder, a connection reads the one that it needs.

    botocore reads the whole list for each new connection, three times before a process's first answer: 21 ms
    of CPU each (OpenSSL 3.0), so without this a start takes 9 % more.
    """

    @classmethod
    def adopt(cls, client: Any) -> None:
        """Make this client's connections such ones, if botocore has made it as this class knows it."""
        try:
            http = client._endpoint.http_session
            pool, _ = http._manager.connection_pool_kw, http._proxy_config
            context = cls._trusting(http)
        except AttributeError:
            return  # another botocore: its own way
        if isinstance(http, URLLib3Session):
            pool["ssl_context"] = context
            http.__class__ = cls

    def connect(self, url: str, clock: Callable[[], float]) -> Callable[[], None]:
        """See ``connect``. One that fails will fail the call."""
        if self._proxy_config.proxy_url_for(url):
            return _nothing
        pool = self._manager.connection_from_url(url)
        self._setup_ssl_cert(pool, url, self._verify)
        connection = pool._get_conn()
        try:
            connection.connect()
        except (HTTPError, OSError):
            connection.close()  # urllib3 leaves it with the socket of a handshake that failed
        opened = clock()

        def give() -> None:
            if clock() - opened >= KEPT_OPEN:
                connection.close()
            _give(pool, connection)

        return give

    @staticmethod
    def _trusting(http: Any) -> ssl.SSLContext:
        """A context that knows the authorities: the package's, or those that an operator names."""
        context: ssl.SSLContext = URLLib3Session._get_ssl_context(http)
        if http._verify is True and (folder := authorities.folder()):
            context.load_verify_locations(capath=folder)
        else:
            context.load_verify_locations(get_cert_path(http._verify))
        return context

    def _get_ssl_context(self) -> ssl.SSLContext:
        return self._trusting(self)

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
    pool._put_conn(connection)


def connect(client: Any, clock: Callable[[], float] = time.time) -> Callable[[], None]:
    """Open a connection of this client's, in this thread, and send nothing; only where TLS makes it dear.

    Where each handshake takes 50 ms, a first answer comes 62 ms of 577 earlier (with the model's connection).

    :param clock: seconds since the epoch: a monotonic clock may stand still while a function is frozen.
    :returns: gives it to the calls that follow.
    """
    http = getattr(getattr(client, "_endpoint", None), "http_session", None)
    return http.connect(client.meta.endpoint_url, clock) if isinstance(http, TrustOnce) else _nothing


def client(
    service: str, config: Config, *, region_name: str | None = None, endpoint_url: str | None = None
) -> Any:
    """A client with a session of its own: the default one is anybody's.

    :param service: as boto3 names it: `dynamodb`.
    :raises botocore.exceptions.NoRegionError: no region is set.
    :raises AuthoritiesUnusable: AWS_CA_BUNDLE, or what stands for it, names certificates that cannot be read.
    """
    core = botocore.session.Session()
    core.user_agent_name, core.user_agent_version = "c1fn", __version__
    session = boto3.session.Session(botocore_session=core)
    made = session.client(service, region_name, endpoint_url=endpoint_url, config=config)
    if made.meta.endpoint_url.startswith("https"):
        named = core.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE", "")
        try:
            if USABLE and not is_plain():
                TrustOnce.adopt(made)
            elif named:
                ssl.create_default_context(cafile=named)  # read now, so that a mistake shows at the start
        except OSError as error:
            raise authorities.AuthoritiesUnusable("AWS_CA_BUNDLE", named) from error
    return made
