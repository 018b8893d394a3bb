"""Certificates for loopback, made by cryptography, and both sides' contexts."""

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "localhost"


def issue(name: x509.Name) -> tuple[bytes, bytes]:
    """A certificate for loopback that vouches for itself, and its key; PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName(HOST), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@cache
def certificate() -> tuple[bytes, bytes]:
    """The one of a test run."""
    return issue(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)]))


def server_context(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """:param version: the only one that is spoken; None: any."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "pair.pem"
        path.write_bytes(b"".join(certificate()))
        context.load_cert_chain(path)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def client_context() -> ssl.SSLContext:
    """Trusts the certificate, and it alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=certificate()[0].decode())
    return context
