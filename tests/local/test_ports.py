"""Where a command listens, and what it says when it cannot."""

import errno
import os
import socket
import sys
from pathlib import Path

import pytest

from c1fn.local import ports
from c1fn.local.ports import NoPort, elsewhere, listen


def test_whoever_reads_the_address_can_connect() -> None:
    with listen(0, "") as listener, socket.create_connection(listener.getsockname(), 5) as client:
        assert client.getpeername()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_told_with_what_to_type() -> None:
    with listen(0, "") as listener:
        port = listener.getsockname()[1]
        with pytest.raises(NoPort, match=rf"^port {port} is taken\. Try: this$"):
            listen(port, "this")


def test_a_port_that_was_just_left_is_free() -> None:
    with listen(0, "") as listener, socket.create_connection(listener.getsockname(), 5):
        address = listener.getsockname()
        listener.accept()[0].close()  # this side ends first, and its port waits for what may still come
    listen(address[1], "").close()


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EACCES, "you may not listen on port 80; ports from 1024 on are everybody's. Try: this"),
        (
            errno.EADDRNOTAVAIL,
            "this machine has no 127.0.0.1: its loopback network is off. Linux: ip link set lo up",
        ),
        (errno.EAFNOSUPPORT, "this machine has no IPv4, and c1fn listens on 127.0.0.1 alone."),
        (errno.EMFILE, "port 80 of 127.0.0.1: Too many open files"),
    ],
)
def test_another_reason_is_told_as_what_it_is(number: int, sentence: str) -> None:
    told = ports._reason(OSError(number, os.strerror(number)), 80, "this")
    assert str(told) == sentence


@pytest.mark.parametrize(("port", "other"), [(8000, 8001), (80, 8000), (65_535, 8000), (1024, 1025)])
def test_the_port_that_is_suggested_can_be_listened_on(port: int, other: int) -> None:
    assert elsewhere("serve", port, {"MAKELEVEL": "1"}) == f"make run PORT={other}"


def test_what_is_to_be_typed_begins_as_what_was_typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "a folder" / "c1fn"
    program.parent.mkdir()
    program.touch(0o755)
    monkeypatch.setattr(sys, "argv", [str(program)])
    assert elsewhere("lambda", 9000, {"MAKELEVEL": "1", "PATH": ""}) == f"'{program}' lambda --port 9001"
    assert elsewhere("serve", 8000, {"PATH": str(program.parent)}) == "c1fn serve --port 8001"
    monkeypatch.setattr(sys, "argv", ["/somewhere/c1fn/__main__.py"])
    assert elsewhere("serve", 8000, {}) == "python -m c1fn serve --port 8001"
