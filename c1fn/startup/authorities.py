"""The certificate authorities that c1fn trusts: a folder in the package.

A list in one file is read completely for each client of a new process: 21 ms of CPU (OpenSSL 3.0), twice in a
start, so a start without the folder takes 9 % more. From a folder OpenSSL reads only the authority that it
needs. `c1fn package` makes the folder from botocore's list (local/package/authorities.py). Without the
folder, or with C1FN_PLAIN_START=1, each library uses its own default; also if an operator names a list:
SSL_CERT_FILE and SSL_CERT_DIR for the model, AWS_CA_BUNDLE for AWS.

https://docs.openssl.org/3.0/man3/SSL_CTX_load_verify_locations/
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from c1fn.startup import is_plain

FOLDER = Path(__file__).with_name("trusted")

NAMED = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class AuthoritiesUnusable(ValueError):
    """A variable names certificates that cannot be read."""

    def __init__(self, variable: str, named: str) -> None:
        super().__init__(f"{variable}: no certificates can be read at {named}.")


def folder() -> Path | None:
    """The package's authorities, by their hashed names."""
    return FOLDER if FOLDER.is_dir() and not is_plain() else None


def context(environ: Mapping[str, str]) -> ssl.SSLContext | None:
    """For a client that trusts them; None where it is to do as ever.

    :raises AuthoritiesUnusable: what an operator names cannot be used.
    """
    for variable in NAMED:
        if named := environ.get(variable):
            return _named(variable, named)
    return packaged()


def packaged() -> ssl.SSLContext | None:
    """For a client that trusts the package's authorities; None where it has none."""
    authorities = folder()
    return ssl.create_default_context(capath=authorities) if authorities else None


def _named(variable: str, named: str) -> ssl.SSLContext:
    try:
        if variable == "SSL_CERT_FILE":
            return ssl.create_default_context(cafile=named)
        if any(Path(folder).is_dir() for folder in named.split(os.pathsep)):
            return ssl.create_default_context(capath=named)
    except OSError as error:  # there is no such file, or nothing in it is a certificate
        raise AuthoritiesUnusable(variable, named) from error
    raise AuthoritiesUnusable(variable, named)
