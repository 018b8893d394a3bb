"""Whole turns with the tools of MCP servers that nobody here wrote: one from npm, and one from PyPI."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from httpx2 import AsyncClient

from c1fn import compose
from c1fn.settings import Settings
from c1fn.startup.log_levels import keep_private
from tests.asgi import Client, client_of
from tests.mcp_servers.conftest import EVERYTHING, PYPI
from tests.processes import chat_body, serving
from tests.upstream import Answer as Said
from tests.upstream import Upstream, call, delta, say


@dataclass
class Program:
    """A server in a process of its own, which can be killed and started again on its port."""

    command: tuple[str | Path, ...]
    port: int
    environment: Mapping[str, str]
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            env={**os.environ, **self.environment},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(60):
            while not await self._is_up():
                await asyncio.wait({asyncio.create_task(self.process.wait())}, timeout=0.1)
                assert self.process.returncode is None, "the server did not start"

    async def kill(self) -> None:
        assert self.process
        self.process.kill()
        await self.process.wait()

    async def _is_up(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@asynccontextmanager
async def started(command: tuple[str | Path, ...], port: int, **environment: str) -> AsyncGenerator[Program]:
    program = Program(command, port, environment)
    await program.start()
    try:
        yield program
    finally:
        await program.kill()


@asynccontextmanager
async def everything() -> AsyncGenerator[Program]:
    port = free_port()
    async with started(("node", EVERYTHING, "streamableHttp"), port, PORT=str(port)) as program:
        yield program


@dataclass
class Scene:
    client: Client
    upstream: Upstream

    async def ask(self, response_id: str, *answers: Said) -> str:
        """What the model was told of the last round's calls."""
        self.upstream.queue(*answers)
        message = {"role": "user", "content": "hi"}
        body = {"prompt": message, "threadId": "t", "responseId": response_id}
        answer = (await self.client.post("/api/chat", body)).body.decode()
        assert answer.endswith("Done")
        return "\n".join(self.results())

    def results(self) -> list[str]:
        messages = self.upstream.requests[-1].body["messages"]
        last = max(n for n, message in enumerate(messages) if message["role"] == "assistant")
        return [message["content"] for message in messages[last:] if message["role"] == "tool"]

    def offered(self) -> list[str]:
        return [one["function"]["name"] for one in self.upstream.requests[-1].body["tools"]]


@asynccontextmanager
async def scene(**servers: Mapping[str, Any]) -> AsyncGenerator[Scene]:
    keep_private()
    async with Upstream() as upstream:
        settings = Settings.read(
            {
                "THESYS_API_KEY": "k",
                "C1FN_BASE_URL": upstream.url,
                "C1FN_MCP": json.dumps(servers),
                "C1FN_PLAIN_TEXT": "raw",
            }
        )
        async with client_of(compose.web_app(settings)) as client:
            yield Scene(client, upstream)


def url(program: Program) -> dict[str, str]:
    return {"url": f"http://127.0.0.1:{program.port}/mcp"}


async def test_the_reference_server_of_npm_answers_in_turns() -> None:
    async with everything() as server, scene(every=url(server)) as one:
        told = await one.ask(
            "r1",
            call(("a", "every__echo", '{"message": "hello"}'), ("b", "every__get-sum", '{"a": 2, "b": 40}')),
            call(("c", "every__get-tiny-image", "{}"), ("d", "every__get-sum", '{"a": "two", "b": 40}')),
            say("Done"),
        )
        assert {"every__echo", "every__get-sum", "every__get-tiny-image", "current_time"} <= set(
            one.offered()
        )
        first, second = one.upstream.requests[1].body["messages"][-2:]
        assert first["content"] == "Echo: hello"
        assert "42" in second["content"]
        assert "[image/png, " in told
        assert "error" in told  # a number was a word: the server tells which


async def test_a_server_that_is_killed_costs_its_tools_and_its_next_process_serves_the_same_turn() -> None:
    gate = asyncio.Event()
    held = Said((delta("Let me see. "), gate, *call(("b", "every__echo", '{"message": "two"}')).steps))
    async with everything() as server, scene(every=url(server)) as one:
        turn = asyncio.create_task(
            one.ask("r1", call(("a", "every__echo", '{"message": "one"}')), held, say("Done"))
        )
        await one.upstream.arrived(2)
        await server.kill()
        await server.start()  # it knows no session of before
        gate.set()
        assert await turn == "Echo: two"

        await server.kill()
        assert "cannot be reached" in await one.ask(
            "r2", call(("c", "every__echo", '{"message": "three"}')), say("Done")
        )
        await server.start()
        assert await one.ask("r3", call(("d", "every__echo", '{"message": "4"}')), say("Done")) == "Echo: 4"


async def test_a_tool_of_the_reference_server_that_takes_long_tells_its_progress() -> None:
    arguments = '{"duration": 0.4, "steps": 2}'
    async with everything() as server, scene(every=url(server)) as one:
        told = await one.ask(
            "r1", call(("a", "every__trigger-long-running-operation", arguments)), say("Done")
        )
        assert "completed" in told


async def test_a_server_of_pypi_tells_the_time() -> None:
    port = free_port()
    program = PYPI / "bin"
    command = (program / "mcp-proxy", "--port", str(port), program / "mcp-server-time")
    async with (
        started(command, port) as server,
        scene(clock={**url(server), "tools": ["convert_time"]}) as one,
    ):
        arguments = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
        told = json.loads(
            await one.ask("r1", call(("a", "clock__convert_time", json.dumps(arguments))), say("Done"))
        )
        assert told["target"]["datetime"].endswith("T21:00:00+09:00")
        assert one.offered() == ["current_time", "clock__convert_time"]


async def test_two_servers_of_which_one_is_down_serve_what_is_up() -> None:
    async with (
        everything() as server,
        scene(every=url(server), down={"url": "http://127.0.0.1:1/mcp"}) as one,
    ):
        assert await one.ask("r1", call(("a", "every__echo", '{"message": "x"}')), say("Done")) == "Echo: x"
        assert not any(name.startswith("down__") for name in one.offered())


async def test_an_approved_call_is_made_once_also_after_the_process_was_killed(tmp_path: Path) -> None:
    """`approve` in C1FN_MCP: the question survives SIGKILL; the answer makes the stored call, once."""
    async with everything() as server, Upstream() as upstream:
        settings = {
            "THESYS_API_KEY": "k",
            "C1FN_BASE_URL": upstream.url,
            "C1FN_MCP": json.dumps({"every": {**url(server), "approve": ["echo"]}}),
        }
        command = ("serve", "--port", "0", "--persist", str(tmp_path / "threads.db"))
        upstream.queue(call(("a", "every__echo", '{"message": "hello"}')), say("Done"))
        async with (
            serving(*command, folder=tmp_path, **settings) as one,
            AsyncClient(base_url=one.url) as client,
        ):
            await client.post("/api/chat", json=chat_body("echo it", "r1"))
        assert upstream.calls == 1

        async with (
            serving(*command, folder=tmp_path, **settings) as one,
            AsyncClient(base_url=one.url) as client,
        ):
            path = "/api/threads/t/turns/r1/approvals"
            listed = (await client.get("/api/threads/t/messages")).json()
            assert [one["name"] for one in listed[-1]["waiting"]["calls"]] == ["every__echo"]
            both = await asyncio.gather(
                *(client.post(path, json={"responseId": name, "approved": ["a"]}) for name in ("r2", "r3"))
            )
            assert sorted(one.status_code for one in both) == [200, 409]
            winner = "r2" if both[0].status_code == 200 else "r3"
            again = await client.post(path, json={"responseId": winner, "approved": ["a"]})
            assert again.status_code == 200
        assert upstream.calls == 2
        results = [one for one in upstream.requests[-1].body["messages"] if one["role"] == "tool"]
        assert [one["content"] for one in results] == ["Echo: hello"]
