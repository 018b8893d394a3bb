"""A list of certificate authorities as the folder in which OpenSSL looks one up when it needs it.

A list in one file is read and understood whole before the first byte is sent: 150 certificates, some 20 ms of
CPU for each client of a new process. In the folder each has a file of its own, named by a hash of its
subject: of the name in its canonical form, in which case, blanks and the kind of text do not count. That form
is made here from the certificate's own bytes, so that a build needs no tool of OpenSSL's.

https://docs.openssl.org/3.0/man3/SSL_CTX_load_verify_locations/
https://docs.openssl.org/3.0/man1/openssl-rehash/
https://www.rfc-editor.org/rfc/rfc5280#section-4.1
"""

import itertools
import re
import ssl
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path

CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

SEQUENCE, SET, UTF8 = 0x30, 0x31, 0x0C
VERSION = 0xA0

LONG = 0x80
"""From here on a byte tells how many bytes tell the length."""

TEXTS = {
    UTF8: "utf-8",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
"""The kinds of text that are made equal: UTF-8, printable, teletex, IA5, visible, universal, BMP."""

Part = tuple[int, bytes, bytes]
"""One element of DER: its tag, its content, and all of it."""


def add(listed: str, folder: Path) -> None:
    """Put the certificates of a PEM text into the folder; those that it has already stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for pem in CERTIFICATE.findall(listed):
        name, text = subject_hash(ssl.PEM_cert_to_DER_cert(pem)), f"{pem}\n".encode()
        for path in (folder / f"{name}.{number}" for number in itertools.count()):
            if not path.exists():
                path.write_bytes(text)
            if path.read_bytes() == text:
                break


def subject_hash(certificate: bytes) -> str:
    """What OpenSSL names the file of this certificate by.

    :param certificate: its DER.
    """
    [(_, whole, _)] = parts(certificate)
    _, signed, _ = next(parts(whole))
    fields = [field for field in parts(signed) if field[0] != VERSION]
    _, subject, _ = fields[4]  # after its number, algorithm, issuer and validity
    canonical = b"".join(_canonical(name) for _, name, _ in parts(subject))
    return f"{int.from_bytes(sha1(canonical, usedforsecurity=False).digest()[:4], 'little'):08x}"


def _canonical(name: bytes) -> bytes:
    """One relative name: a set of kinds with their values."""
    pairs = []
    for _, pair, _ in parts(name):
        (_, _, kind), (tag, value, whole) = parts(pair)
        if tag in TEXTS:
            words = value.decode(TEXTS[tag]).encode().split()  # of ASCII's blanks alone
            whole = element(UTF8, b" ".join(words).lower())
        pairs.append(element(SEQUENCE, kind + whole))
    return element(SET, b"".join(sorted(pairs)))


def parts(data: bytes) -> Iterator[Part]:
    """The elements of DER that these bytes are. https://www.itu.int/rec/T-REC-X.690"""
    while data:
        head, length = 2, data[1]
        if length >= LONG:
            head += length & 0x7F
            length = int.from_bytes(data[2:head])
        yield data[0], data[head : head + length], data[: head + length]
        data = data[head + length :]


def element(tag: int, content: bytes) -> bytes:
    """One element of DER.

    https://www.itu.int/rec/T-REC-X.690
    """
    length = len(content)
    if length < LONG:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, LONG | len(size)]) + size + content
