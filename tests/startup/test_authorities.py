"""Who vouches for the servers that are called."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path
from ssl import SSLCertVerificationError

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type

from c1fn.errors import AnswerGarbled, ModelError, ModelUnavailable
from c1fn.local.package import authorities as packaging
from c1fn.models.c1 import C1Model
from c1fn.startup import authorities
from c1fn.turn import Message
from tests.secure import certificate, serving

OF, OU, CN = x509.NameOID.ORGANIZATION_NAME, x509.NameOID.ORGANIZATIONAL_UNIT_NAME, x509.NameOID.COMMON_NAME


def name(*values: tuple[x509.ObjectIdentifier, str, _ASN1Type]) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, text, tag) for kind, text, tag in values])


NAMES = {
    "plain": name((CN, "Amazon Root CA 1", _ASN1Type.PrintableString)),
    "blanks": name((OF, "  Two   Blanks ", _ASN1Type.UTF8String), (CN, "tab\there", _ASN1Type.UTF8String)),
    "accents": name((OF, "NetLock Kft. Főtanúsítvány", _ASN1Type.UTF8String)),
    "wide": name((OF, "Wide Ünïcode", _ASN1Type.BMPString)),
    "mail": name((x509.NameOID.EMAIL_ADDRESS, "Root@Example.COM", _ASN1Type.IA5String)),
    "long": name(*((kind, "n" * 64, _ASN1Type.UTF8String) for kind in (OF, OU, CN))),
    "several in one": x509.Name(
        [
            x509.RelativeDistinguishedName(
                [x509.NameAttribute(OU, "Unit"), x509.NameAttribute(CN, "Name"), x509.NameAttribute(OF, "Of")]
            )
        ]
    ),
}


def ask(url: str, environ: Mapping[str, str] = {}) -> bytes:
    host, _, port = url.removeprefix("https://").partition(":")
    connection = HTTPSConnection(host, int(port), context=authorities.context(environ))
    with closing(connection):
        connection.request("POST", "/", b"{}")
        return connection.getresponse().read()


@pytest.mark.parametrize("subject", NAMES.values(), ids=list(NAMES))
def test_openssl_finds_an_authority_by_any_name(trusted: Path, tmp_path: Path, subject: x509.Name) -> None:
    pair = certificate(tmp_path / "server.pem", subject)
    packaging.add(pair.read_text(), trusted)
    with serving(pair) as url:
        assert ask(url) == b"{}"


@pytest.mark.usefixtures("trusted")
def test_servers_are_looked_at_as_closely_as_python_does() -> None:
    made, usual = authorities.context({}), ssl.create_default_context()
    assert made is not None
    for what in ("verify_mode", "check_hostname", "minimum_version", "verify_flags", "options"):
        assert getattr(made, what) == getattr(usual, what)


def test_authorities_by_one_name_are_numbered(trusted: Path, tmp_path: Path) -> None:
    """As when one renews its certificate. What is there already is not added again."""
    for number in (0, 1, 0, 1):
        path = tmp_path / f"{number}.pem"
        packaging.add((path if path.exists() else certificate(path)).read_text(), trusted)
    assert sorted(path.suffix for path in trusted.iterdir()) == [".0", ".1"]


@pytest.mark.usefixtures("trusted")
def test_a_server_that_nobody_vouches_for_is_not_spoken_to(secure_server: str) -> None:
    with pytest.raises(SSLCertVerificationError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(secure_server)


def test_without_the_folder_each_library_does_as_ever(trusted: Path) -> None:
    trusted.rmdir()
    assert authorities.context({}) is None


async def error_of(url: str) -> ModelError:
    model = C1Model(api_key="key", base_url=url, model="m", max_retries=0)
    with pytest.raises(ModelError) as raised:
        async for _ in model.stream([Message("user", "hi")]):
            pass
    await model.aclose()
    return raised.value


async def test_the_model_trusts_the_folder(trusted: Path, pair: Path, secure_server: str) -> None:
    assert isinstance(await error_of(secure_server), ModelUnavailable)
    packaging.add(await asyncio.to_thread(pair.read_text), trusted)
    assert isinstance(await error_of(secure_server), AnswerGarbled)  # it was spoken to, and is no model


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("variable", authorities.NAMED)
@pytest.mark.parametrize("named", ["missing", "text.pem", "empty.pem"])
def test_certificates_that_cannot_be_read_are_one_sentence(tmp_path: Path, variable: str, named: str) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    (tmp_path / "empty.pem").touch()
    with pytest.raises(authorities.AuthoritiesUnusable) as caught:
        authorities.context({variable: str(tmp_path / named)})
    assert str(caught.value) == f"{variable}: no certificates can be read at {tmp_path / named}."


def test_the_list_that_an_operator_names_is_trusted(tmp_path: Path) -> None:
    pair = certificate(tmp_path / "server.pem")
    folder = tmp_path / "folder"
    folder.mkdir()
    packaging.add(pair.read_text(), folder)
    with serving(pair) as url:
        for environ in {"SSL_CERT_FILE": str(pair)}, {"SSL_CERT_DIR": f"/nowhere:{folder}"}:
            assert ask(url, environ) == b"{}"
