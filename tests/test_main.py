"""The command line, as a person uses it: real processes, a real client, the real openai package upstream."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from httpx2 import URL, AsyncClient

from c1fn import __version__
from c1fn.__main__ import main
from tests.processes import Command, chat_body, serving, start, until_stored
from tests.upstream import END, ROLE, Answer, Upstream, delta, held, refuse, say


@pytest.fixture
async def server(upstream: Upstream, tmp_path: Path) -> AsyncGenerator[Command, None]:
    async with serving("serve", "--port", "0", folder=tmp_path, **key(upstream)) as command:
        yield command


@pytest.fixture
async def client(server: Command) -> AsyncGenerator[AsyncClient, None]:
    async with AsyncClient(base_url=server.url, timeout=30) as client:
        yield client


def key(upstream: Upstream) -> dict[str, str]:
    return {"THESYS_API_KEY": "sk-planted", "C1FN_BASE_URL": upstream.url}


async def test_serve_says_in_one_line_what_it_uses_and_where_to_look(server: Command) -> None:
    assert (
        server.line == f"c1fn {__version__} · model c1-nightly · store memory, until it ends · {server.url}\n"
    )


async def test_serve_without_a_key_answers_offline(tmp_path: Path) -> None:
    async with (
        serving("serve", "--port", "0", folder=tmp_path) as command,
        AsyncClient(base_url=command.url, timeout=30) as client,
    ):
        assert "model offline (no THESYS_API_KEY)" in command.line
        answer = await client.post("/api/chat", json=chat_body("hello"))
        assert answer.text.startswith('<content thesys="true">')
        assert answer.headers["connection"] == "keep-alive"
        assert (await command.end())[0] == 0


async def test_settings_come_from_env_files_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("THESYS_API_KEY=sk-x\nC1FN_MODEL=one\nC1FN_MAX_BODY=2048\n")
    (tmp_path / ".env.local").write_text("C1FN_MODEL=two\n")
    async with serving("serve", "--port", "0", folder=tmp_path) as command:
        assert "model two" in command.line
    async with serving("serve", "--port", "0", folder=tmp_path, C1FN_MODEL="three") as command:
        assert "model three" in command.line


async def test_the_second_call_carries_the_first_turn_and_no_id(
    client: AsyncClient, upstream: Upstream
) -> None:
    upstream.queue(say("one"), say("two"))
    await client.post("/api/chat", json=chat_body("first", "r1"))
    await client.post("/api/chat", json=chat_body("second", "r2"))
    assert upstream.requests[1].body["messages"] == [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "one"},
        {"role": "user", "content": "second"},
    ]
    assert upstream.requests[1].body["model"] == "c1-nightly"
    assert upstream.requests[1].headers["authorization"] == "Bearer sk-planted"


async def test_a_name_that_was_made_to_lead_here_is_not_answered_to(client: AsyncClient) -> None:
    """Else a web site could read this machine's threads: its page would be of this server's origin."""
    assert (await client.get("/api/threads", headers={"host": "evil.example"})).status_code == 400
    assert (await client.get("/api/threads", headers={"host": "localhost:8000"})).status_code == 200


SILENT = {"hang-early": "", "hang": "Hel"}


@pytest.mark.parametrize("fault", SILENT)
async def test_a_model_that_falls_silent_is_not_waited_for_without_end(
    upstream: Upstream, tmp_path: Path, fault: str
) -> None:
    # What says nothing at all may be given up at once; a busy machine needs a while for the first delta.
    patience = key(upstream) | {"C1FN_MODEL_SILENCE": "3" if SILENT[fault] else "0.2"}
    async with (
        serving("serve", "--port", "0", folder=tmp_path, **patience) as command,
        AsyncClient(base_url=command.url, timeout=30) as client,
    ):
        answer = await client.post("/api/chat", json=chat_body(f"fault:{fault}"))
        assert answer.text.startswith(SILENT[fault])
        assert "The model took too long" in answer.text
        assert answer.status_code == (200 if SILENT[fault] else 504)
        assert (await client.post("/api/chat", json=chat_body("well?", "r2"))).status_code == 200


async def test_ctrl_c_interrupts_a_turn_visibly(
    client: AsyncClient, server: Command, upstream: Upstream
) -> None:
    upstream.queue(held(asyncio.Event()))
    async with client.stream("POST", "/api/chat", json=chat_body("hi")) as answer:
        pieces = answer.aiter_bytes()
        assert await anext(pieces) == b"Hel"
        status, printed = await server.end()
    assert status == 0
    assert "Traceback" not in printed
    assert '"state":"interrupted"' in printed


async def test_a_second_ctrl_c_changes_nothing(
    client: AsyncClient, server: Command, upstream: Upstream
) -> None:
    upstream.queue(held(asyncio.Event()))
    async with client.stream("POST", "/api/chat", json=chat_body("hi")) as answer:
        pieces = answer.aiter_bytes()
        assert await anext(pieces) == b"Hel"
        server.process.send_signal(signal.SIGINT)
        while (await client.post("/api/chat", json=chat_body("?", "r2", "t2"))).status_code != 503:
            pass
        status, printed = await server.end()
        assert b"was interrupted" in b"".join([piece async for piece in pieces])
    assert (status, "Traceback" in printed) == (0, False)


async def test_ctrl_c_does_not_wait_for_a_client_that_never_reads(upstream: Upstream, tmp_path: Path) -> None:
    settings = key(upstream) | {"C1FN_MAX_ANSWER": "100000000"}
    upstream.queue(Answer((ROLE, *[delta("x" * 100_000)] * 100, *END)))  # more than any socket's buffers hold
    with socket.socket() as never:
        async with (
            serving("serve", "--port", "0", folder=tmp_path, **settings) as command,
            AsyncClient(base_url=command.url, timeout=30) as client,
        ):
            never.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            never.connect(("127.0.0.1", URL(command.url).port))
            body = json.dumps(chat_body("hi")).encode()
            never.sendall(
                b"POST /api/chat HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )
            while not (await client.get("/api/threads")).json()["threads"]:
                pass
            assert len((await until_stored(client))[1]["content"]) == 10_000_000
            status, printed = await command.end()
    assert (status, "Traceback" in printed) == (0, False)


async def test_the_key_and_the_prompt_are_in_nothing_that_is_printed(
    client: AsyncClient, server: Command, upstream: Upstream
) -> None:
    upstream.queue(say("planted-answer"), *[refuse(401)] * 3)
    await client.post("/api/chat", json=chat_body("planted-prompt"))
    await client.post("/api/chat", json=chat_body("planted-prompt", "r2"))
    assert "planted" not in (await server.end())[1]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_serve_ends_cleanly(tmp_path: Path, how: signal.Signals) -> None:
    async with serving("serve", "--port", "0", folder=tmp_path) as command:
        status, printed = await command.end(how)
    assert (status in (0, -how), printed) == (True, "")


async def test_a_killed_server_loses_nothing_that_it_told(upstream: Upstream, tmp_path: Path) -> None:
    """`--persist`: the next process has the threads, and the turn that died can be run again at once. While
    one process has the file no other does. Where the port is taken too, that is told: `make run` names the
    file by its port, so another port is the way out.
    """
    persisted = ("serve", "--port", "0", "--persist", "threads.sqlite")
    upstream.queue(say("one"), held(asyncio.Event()), say("two"))
    async with (
        serving(*persisted, folder=tmp_path, **key(upstream)) as command,
        AsyncClient(base_url=command.url, timeout=30) as client,
    ):
        assert "store threads.sqlite, until deleted" in command.line
        await client.post("/api/chat", json=chat_body("first"))
        async with client.stream("POST", "/api/chat", json=chat_body("second", "r2")) as answer:
            await anext(answer.aiter_bytes())
            refused = await run(*persisted, folder=tmp_path)
            port = command.url.rstrip("/").rpartition(":")[2]
            status, _, told = await run(*persisted, "--port", port, folder=tmp_path)
            assert (status, f"port {port} is taken. Try: " in told) == (1, True)
            command.process.kill()
            await command.process.wait()
    assert refused == (
        2,
        "",
        "c1fn: Another process uses threads.sqlite. End that one, or name another file.\n",
    )
    async with (
        serving(*persisted, folder=tmp_path, **key(upstream)) as command,
        AsyncClient(base_url=command.url, timeout=30) as client,
    ):
        messages = await until_stored(client)
        assert [message["content"] for message in messages][:3] == ["first", "one", "second"]
        assert (await client.post("/api/chat", json=chat_body("second", "r2"))).text == "two"
        assert (await command.end())[0] == 0


async def test_a_file_beside_a_database_is_not_used(tmp_path: Path) -> None:
    settings = {"C1FN_STORE": "dynamodb", "C1FN_DYNAMODB_ENDPOINT": "http://127.0.0.1:9"}
    process = await start("serve", "--persist", "a", folder=tmp_path, settings=settings)
    assert process.stdout
    told = await process.stdout.readline()
    process.kill()
    await process.communicate()
    assert told == b"c1fn: C1FN_STORE is dynamodb, so --persist is not used.\n"


async def run(*arguments: str, folder: Path, typed: str = "", **settings: str) -> tuple[int, str, str]:
    process = await start(*arguments, folder=folder, settings=settings, piped=True)
    out, err = await process.communicate(typed.encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_what_is_piped_into_chat_is_answered(upstream: Upstream, tmp_path: Path) -> None:
    upstream.queue(say("Hel", "lo"))
    assert await run("chat", folder=tmp_path, typed="hi\n", **key(upstream)) == (0, "Hello\n", "")
    assert upstream.requests[0].body["messages"] == [{"role": "user", "content": "hi"}]


async def test_chat_ends_with_a_status_that_tells_a_failure(upstream: Upstream, tmp_path: Path) -> None:
    upstream.queue(*[refuse(401)] * 3)
    status, out, err = await run("chat", folder=tmp_path, typed="hi\n", **key(upstream))
    assert (status, out, "model key was rejected" in err) == (1, "", True)


async def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    status, out, err = await run("serve", folder=tmp_path, C1FN_STORE="redis")
    assert (status, out, err) == (2, "", "c1fn: C1FN_STORE: Input should be 'memory' or 'dynamodb'.\n")


async def test_what_only_the_start_finds_wrong_is_one_sentence_too(tmp_path: Path) -> None:
    wrong = {"THESYS_API_KEY": "sk-x", "C1FN_SYSTEM_PROMPT_FILE": "missing"}
    status, _, err = await run("serve", "--port", "0", folder=tmp_path, **wrong)
    assert (status, "Traceback" in err) == (2, False)
    assert err.endswith("c1fn: C1FN_SYSTEM_PROMPT_FILE: FileNotFoundError while it was read.\n")


@pytest.mark.parametrize("port", ["65536", "-1", "x"])
async def test_a_port_that_cannot_be_is_refused(tmp_path: Path, port: str) -> None:
    status, out, err = await run("serve", f"--port={port}", folder=tmp_path)
    assert (status, out) == (2, "")
    assert err.endswith("a port is a number from 0 to 65535\n")


async def test_a_taken_port_is_told_with_a_way_out(server: Command, tmp_path: Path) -> None:
    port = int(server.url.rstrip("/").rpartition(":")[2])
    told = f"c1fn: port {port} is taken. Try: {{}} --port {port + 1}\n"
    for command in ("serve", "lambda"):
        ended = await run(command, "--port", str(port), folder=tmp_path, MAKELEVEL="")
        assert ended == (1, "", told.format(f"python -m c1fn {command}"))


async def test_a_reader_that_leaves_ends_chat_quietly(tmp_path: Path) -> None:
    process = await start("chat", folder=tmp_path, settings={}, piped=True)
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdin.write(b"hi\n")
    process.stdin.close()
    await process.stdout.read(1)
    process.stdout._transport.close()  # type: ignore[attr-defined]  # the pipe's own end, which asyncio hides
    assert await process.stderr.read() == b""
    await process.wait()


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"c1fn {__version__}\n"


async def test_two_stacks_can_serve_side_by_side(tmp_path: Path) -> None:
    """Ports are the system's choice when asked for 0."""
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(serving("serve", "--port", "0", folder=tmp_path))
            for _ in range(2)
        ]
        assert one.url != two.url
    assert os.getpid() not in (one.process.pid, two.process.pid)
