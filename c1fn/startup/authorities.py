"""Who vouches for the servers that are called: the authorities that the package brings in a folder.

A list of authorities in one file is read whole for each client of a new process: 18 to 27 ms of CPU. In the
folder OpenSSL reads the one that it needs, when it needs it. The folder is made with the package, of the list
that botocore brings (scripts/authorities.py); where there is none, each library does as ever. So it does
where an operator names a list: SSL_CERT_FILE and SSL_CERT_DIR for the model, AWS_CA_BUNDLE for AWS.

https://docs.openssl.org/3.0/man3/SSL_CTX_load_verify_locations/
"""

import ssl
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).with_name("trusted")

NAMED = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def folder() -> Path | None:
    """The package's authorities, by their hashed names."""
    return FOLDER if FOLDER.is_dir() else None


def context(environ: Mapping[str, str]) -> ssl.SSLContext | None:
    """For a client that trusts them; None where it is to do as ever."""
    authorities = None if any(map(environ.get, NAMED)) else folder()
    if authorities is None:
        return None
    return ssl.create_default_context(capath=authorities)
