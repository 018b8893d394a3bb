"""The floor: a loop that speaks the Runtime API and answers a constant, streamed. Nothing can be less.

It reads no event and makes no decision; the bytes of its answer are made once.
"""

import os
import socket

PRELUDE = b'{"statusCode":200,"headers":{"content-type":"text/plain"},"cookies":[]}'
HEAD = (
    "POST /2018-06-01/runtime/invocation/{name}/response HTTP/1.1\r\nHost: {host}\r\n"
    "Content-Type: application/vnd.awslambda.http-integration-response\r\n"
    "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n"
)
BODY = b"".join(b"%x\r\n%s\r\n" % (len(data), data) for data in (PRELUDE, b"\0" * 8, b"Hello")) + b"0\r\n\r\n"


def read(link: socket.socket) -> bytes:
    """One answer's head; its body is read and left."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += link.recv(65536) or b"\r\n\r\n"  # closed: then the next send fails
    head, _, body = data.partition(b"\r\n\r\n")
    left = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]) - len(body)
    while left:
        left -= len(link.recv(left))
    return head


def main() -> None:
    host = os.environ["AWS_LAMBDA_RUNTIME_API"]
    address, _, port = host.partition(":")
    link = socket.create_connection((address, int(port)))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ask = f"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    while True:
        link.sendall(ask)
        name = read(link).partition(b"Aws-Request-Id: ")[2].partition(b"\r\n")[0].decode()
        link.sendall(HEAD.format(name=name, host=host).encode() + BODY)
        read(link)


if __name__ == "__main__":
    main()
