"""The stand-in for Lambda Web Adapter: a process of its own between the Runtime API and uvicorn, streaming.

It does what the adapter does and no more: starts the web server, asks until it answers, takes an event, sends
it on as an HTTP request over a kept connection, and streams the response back. Written on bare sockets, so
that it costs as little as Python can (the adapter itself is written in Rust, and costs less).

``python adapter.py shipped|nodelay APPLICATION``. With "nodelay" uvicorn's sockets get TCP_NODELAY.
"""

import json
import os
import socket
import subprocess
import sys
import time

MODE, APPLICATION = sys.argv[1:]
LOOK = 0.01
"""Seconds between two looks whether the server is there: the adapter's own."""

HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib would cost a start 5 ms
INTEGRATION = (
    "POST /2018-06-01/runtime/invocation/{name}/response HTTP/1.1\r\nHost: {host}\r\n"
    "Content-Type: application/vnd.awslambda.http-integration-response\r\n"
    "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def connect(port: int, host: str = "127.0.0.1") -> socket.socket:
    link = socket.create_connection((host, port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def receive(link: socket.socket) -> bytes:
    """:raises ConnectionError: the other side has closed."""
    if data := link.recv(65536):
        return data
    raise ConnectionError


def head_of(link: socket.socket) -> tuple[bytes, bytes]:
    """A head, and what came behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(link)
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def length_of(head: bytes) -> int:
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)


def whole(link: socket.socket) -> tuple[bytes, bytes]:
    head, body = head_of(link)
    while len(body) < length_of(head):
        body += receive(link)
    return head, body


def serve(port: int) -> "subprocess.Popen[bytes]":
    """uvicorn, and the wait until it answers."""
    starter = os.path.join(HERE, "nodelay.py") if MODE == "nodelay" else "uvicorn"  # noqa: PTH118 - as above
    command = [starter] if MODE == "nodelay" else ["-m", "uvicorn"]
    options = [APPLICATION, "--port", str(port), "--log-level", "warning", "--no-access-log"]
    server = subprocess.Popen([sys.executable, *command, *options])
    while server.poll() is None:
        try:
            link = connect(port)
        except OSError:
            time.sleep(LOOK)
            continue
        link.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        whole(link)
        link.close()
        return server
    raise SystemExit("uvicorn has ended")


def request_of(event: dict[str, object]) -> bytes:
    context = event["requestContext"]
    fields = {name: value for name, value in event["headers"].items() if name != "content-length"}  # type: ignore[attr-defined]
    body = str(event.get("body") or "").encode()
    lines = [f"{context['http']['method']} {event['rawPath']} HTTP/1.1"]  # type: ignore[index]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    lines += [f"content-length: {len(body)}", f"x-amzn-request-context: {json.dumps(context)}", "", ""]
    return "\r\n".join(lines).encode() + body


def prelude_of(head: bytes) -> bytes:
    line, *rest = head.decode().split("\r\n")
    fields = dict(one.split(": ", 1) for one in rest)
    told = {"statusCode": int(line.split(" ")[1]), "headers": fields, "cookies": []}
    data = json.dumps(told).encode()
    return b"%x\r\n%s\r\n8\r\n%s\r\n" % (len(data), data, b"\0" * 8)


def relay(web: socket.socket, api: socket.socket, head: bytes, rest: bytes, opening: bytes) -> None:
    """The body, as it comes: chunks go on as the chunks they are."""
    if b"chunked" in head.lower():
        api.sendall(opening + rest)
        tail = rest[-7:]
        while not tail.endswith(b"\r\n0\r\n\r\n") and tail != b"0\r\n\r\n":
            piece = receive(web)
            api.sendall(piece)
            tail = (tail + piece)[-7:]
        return
    while len(rest) < length_of(head):
        rest += receive(web)
    api.sendall(opening + b"%x\r\n%s\r\n0\r\n\r\n" % (len(rest), rest))


def main() -> None:
    host = os.environ["AWS_LAMBDA_RUNTIME_API"]
    address, _, api_port = host.partition(":")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve(port)
    api, web = connect(int(api_port), address), connect(port)
    ask = f"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    while True:
        api.sendall(ask)
        head, event = whole(api)
        name = head.partition(b"Aws-Request-Id: ")[2].partition(b"\r\n")[0].decode()
        request = request_of(json.loads(event))
        try:
            web.sendall(request)
            answer, rest = head_of(web)
        except OSError:  # uvicorn gives up an idle connection after five seconds
            web = connect(port)
            web.sendall(request)
            answer, rest = head_of(web)
        opening = INTEGRATION.format(name=name, host=host).encode() + prelude_of(answer)
        relay(web, api, answer, rest, opening)
        whole(api)


main()
