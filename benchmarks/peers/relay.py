"""The floor of a streamed delta: a loop that reads the model's socket and sends its text on at once.

It speaks the Runtime API as floor.py does, keeps nothing, checks nothing but the certificate, and finds a
delta's text by the bytes around it. Blocking sockets in one thread: a delta costs one wait, one decryption
and one send. What any Python costs beyond that is what it does with a delta.
"""

import os
import re
import socket
import ssl
from urllib.parse import urlsplit

from floor import HEAD, PRELUDE, read

OPENING = b"".join(b"%x\r\n%s\r\n" % (len(data), data) for data in (PRELUDE, b"\0" * 8))
MODEL = urlsplit(os.environ["BASE_URL"])
ASK = (
    f"POST {MODEL.path}chat/completions HTTP/1.1\r\nhost: {MODEL.netloc}\r\ncontent-length: 2\r\n\r\n" + "{}"
).encode()
TEXT = re.compile(rb'"content":"([^"]+)"')
END = b"\r\n0\r\n\r\n"


def connect(host: str | None, port: int | None) -> socket.socket:
    link = socket.create_connection((host, port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def relay(model: ssl.SSLSocket, link: socket.socket) -> None:
    model.sendall(ASK)
    data = b""
    while not data.endswith(END):
        data = model.recv(65536)
        if text := b"".join(TEXT.findall(data)):
            link.sendall(b"%x\r\n%s\r\n" % (len(text), text))
    link.sendall(b"0\r\n\r\n")


def main() -> None:
    host = os.environ["AWS_LAMBDA_RUNTIME_API"]
    address, _, port = host.partition(":")
    link = connect(address, int(port))
    context = ssl.create_default_context()
    model = context.wrap_socket(connect(MODEL.hostname, MODEL.port), server_hostname=MODEL.hostname)
    ask = f"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    while True:
        link.sendall(ask)
        name = read(link).partition(b"Aws-Request-Id: ")[2].partition(b"\r\n")[0].decode()
        link.sendall(HEAD.format(name=name, host=host).encode() + OPENING)
        relay(model, link)
        read(link)


if __name__ == "__main__":
    main()
