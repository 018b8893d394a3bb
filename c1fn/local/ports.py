"""The port of 127.0.0.1 that a command listens on; and why it cannot, in a sentence that says what to type.

https://man7.org/linux/man-pages/man2/bind.2.html · https://man7.org/linux/man-pages/man2/socket.2.html
"""

import errno
import shlex
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

HOST = "127.0.0.1"

MAX_PORT = 65_535

USUAL = 8000
"""Suggested where the next number is no way out."""

UNPRIVILEGED = 1024
"""From here on everybody may listen: https://docs.kernel.org/networking/ip-sysctl.html"""

_WHY = {
    errno.EADDRINUSE: "port {port} is taken. Try: {again}",
    errno.EACCES: "you may not listen on port {port}; ports from 1024 on are everybody's. Try: {again}",
    errno.EADDRNOTAVAIL: f"this machine has no {HOST}: its loopback network is off. Linux: ip link set lo up",
    errno.EAFNOSUPPORT: f"this machine has no IPv4, and c1fn listens on {HOST} alone.",
}


class NoPort(Exception):
    """Why nothing can listen, as a sentence."""


def listen(port: int, again: str) -> socket.socket:
    """A socket that listens before its address is told, so that whoever reads it can connect.

    :param port: 0 lets the system choose.
    :param again: the command with another port, as `elsewhere` writes it.
    :raises NoPort: it cannot.
    """
    try:
        listener = socket.socket()
    except OSError as error:
        raise _reason(error, port, again) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise _reason(error, port, again) from None
    return listener


def _reason(error: OSError, port: int, again: str) -> NoPort:
    told = _WHY.get(error.errno or 0, f"port {{port}} of {HOST}: {error.strerror or error}")
    return NoPort(told.format(port=port, again=again))


def elsewhere(command: str, port: int, environ: Mapping[str, str]) -> str:
    """What to type for another port: as make started it, or as the person did."""
    other = port + 1 if UNPRIVILEGED <= port < MAX_PORT else USUAL
    if environ.get("MAKELEVEL") and command == "serve":
        return f"make run PORT={other}"
    return f"{_program(environ)} {command} --port {other}"


def _program(environ: Mapping[str, str]) -> str:
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return "python -m c1fn"
    found = shutil.which(started.name, path=environ.get("PATH"))
    known = found is not None and started.exists() and Path(found).samefile(started)
    return started.name if known else shlex.quote(str(started))
