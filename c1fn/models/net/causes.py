"""The reason why a server could not be reached, as a sentence for the operator, without the error's own text.

https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
"""

import socket
import ssl
from collections.abc import Iterator

import httpx2

DEPTH = 16
"""Errors that stand behind one: the package's, httpx2's, httpcore2's and Python's are four."""

_VERIFY = {
    9: "is not valid yet",  # X509_V_ERR_CERT_NOT_YET_VALID
    10: "has expired",  # X509_V_ERR_CERT_HAS_EXPIRED
    62: "is for another name",  # X509_V_ERR_HOSTNAME_MISMATCH
    64: "is for another name",  # X509_V_ERR_IP_ADDRESS_MISMATCH
}

_UNTRUSTED = "is signed by nobody who is trusted here (SSL_CERT_FILE)"


def cause(error: BaseException) -> str | None:
    """What is wrong, where it is one of the few things that an operator can mend."""
    for behind in _behind(error):
        match behind:
            case ssl.SSLCertVerificationError():
                return f"The certificate of the model's server {_VERIFY.get(behind.verify_code, _UNTRUSTED)}."
            case ssl.SSLError():
                return "The model's server does not speak TLS at this address, or no version that is safe."
            case socket.gaierror() | UnicodeError():
                return "The name of the model's server is not known."
            case httpx2.ProxyError():
                return "The proxy on the way to the model refused the connection."
    return None


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(DEPTH):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
