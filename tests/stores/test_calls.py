"""The connections to DynamoDB."""

import datetime as dt
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from c1fn.errors import StoreUnavailable
from c1fn.stores.dynamodb.calls import Calls, connect


def certificate(path: Path) -> Path:
    """A server's certificate for 127.0.0.1 and its key, signed by nobody but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "DynamoDB")])
    today = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(1))
        .not_valid_after(today + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(encoding, form, serialization.NoEncryption())
    path.write_bytes(private + signed.public_bytes(encoding))
    return path


class Empty(BaseHTTPRequestHandler):
    """A DynamoDB without a row. Each connection serves one request."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """To nobody."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path / "server.pem"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        serving.join()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


async def test_the_list_of_authorities_is_read_when_the_client_is_made_and_not_again(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = tmp_path / "server.pem"
    monkeypatch.setenv("AWS_CA_BUNDLE", str(trusted))
    client = connect(server)
    trusted.unlink()
    calls = Calls(client, "table")
    for _ in range(2):  # a connection each
        assert "Item" not in await calls("get_item", Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
    await calls.aclose()


async def test_a_server_that_no_authority_vouches_for_is_not_spoken_to(server: str) -> None:
    async def at_once(_: float) -> None: ...

    calls = Calls(connect(server), "table", sleep=at_once)
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await calls("get_item", Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
    await calls.aclose()
