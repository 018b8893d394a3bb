"""Clients of AWS's services, made by boto3's core: boto3 itself would load S3's machinery.

https://botocore.amazonaws.com/v1/documentation/api/latest/index.html
"""

import ssl
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.httpsession import URLLib3Session, get_cert_path

from c1fn import trust


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

    def _get_ssl_context(self) -> ssl.SSLContext:
        context: ssl.SSLContext = super()._get_ssl_context()
        if self._verify is True and (folder := trust.folder()):
            context.load_verify_locations(capath=folder)
        else:
            context.load_verify_locations(get_cert_path(self._verify))
        return context

    def _setup_ssl_cert(self, conn: Any, url: str, verify: Any) -> None:
        super()._setup_ssl_cert(conn, url, verify)
        conn.ca_certs = None  # the context knows them


def client(
    service: str, config: Config, *, region_name: str | None = None, endpoint_url: str | None = None
) -> Any:
    """A client with a session of its own: the default one is anybody's.

    :raises botocore.exceptions.NoRegionError: no region is set.
    """
    session = botocore.session.Session()
    made = session.create_client(service, region_name, endpoint_url=endpoint_url, config=config)
    if made.meta.endpoint_url.startswith("https"):
        TrustOnce.adopt(made)
    return made
