"""A server on loopback that speaks TLS, with a certificate that is signed by nobody but itself."""

import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509

from tests.tls import issue

PLAIN = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "DynamoDB")])


def certificate(path: Path, name: x509.Name = PLAIN) -> Path:
    """A server's certificate for 127.0.0.1 and its key."""
    signed, private = issue(name)
    path.write_bytes(private + signed)
    return path


class Empty(BaseHTTPRequestHandler):
    """A DynamoDB without a row. Each connection serves one request."""

    def setup(self) -> None:
        super().setup()
        self._note("connected")

    def do_POST(self) -> None:
        self._note("asked")
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def _note(self, what: str) -> None:
        assert isinstance(self.server, Server)
        self.server.seen.append(what)

    def log_message(self, *_: object) -> None:
        """To nobody."""


class Server(ThreadingHTTPServer):
    """``seen`` is told what comes."""

    seen: list[str]


@contextmanager
def serving(pair: Path, seen: list[str] | None = None, *, tickets: int = 2) -> Generator[str]:
    """Its URL.

    :param pair: its certificate and key.
    :param seen: is told "connected" for each connection, and "asked" for each request.
    :param tickets: sent after each handshake; OpenSSL's default is 2.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    context.num_tickets = tickets
    with Server(("127.0.0.1", 0), Empty) as server:
        server.seen = [] if seen is None else seen
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
