"""Threads that survive: the command line and several processes on one real DynamoDB server."""

import asyncio
import json
from collections.abc import Generator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from tests.processes import chat_body, serving, start, until_stored
from tests.stores.servers import SERVER, Server
from tests.upstream import END, ROLE, Answer, Upstream, delta, say


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server, None, None]:
    with SERVER(tmp_path_factory.mktemp("dynamodb")) as server:
        yield server


def settings(database: Server, upstream: Upstream, table: str) -> dict[str, str]:
    return database.settings(table) | {
        "C1FN_CHECKPOINTS": "true",
        "C1FN_BASE_URL": upstream.url,
        "THESYS_API_KEY": "k",
    }


async def table(action: str, given: dict[str, str], folder: Path, typed: str = "") -> tuple[int | None, str]:
    process = await start("table", *action.split(), folder=folder, settings=given, piped=True)
    out, err = await process.communicate(typed.encode())
    return process.returncode, (out + err).decode()


async def test_the_table_is_created_described_and_deleted(
    database: Server, upstream: Upstream, tmp_path: Path
) -> None:
    given = settings(database, upstream, "administered")
    missing = (
        "c1fn: The DynamoDB table does not exist, or is still being created. "
        "Create it with: c1fn table create\n"
    )
    assert await table("describe", given, tmp_path) == (2, missing)
    assert await table("create", given, tmp_path) == (0, "administered is ready.\n")
    assert await table("create", given, tmp_path) == (0, "administered is ready.\n")
    described = (
        "administered: ACTIVE, 0 rows, 0 bytes\n"
        "administered: time to live enabled, point-in-time recovery disabled, deletion protection off, "
        "versions of rows none\n"
    )
    assert await table("describe", given, tmp_path) == (0, described)
    assert (await table("delete", given, tmp_path, typed="no\n"))[0] == 1
    status, told = await table("delete", given, tmp_path, typed="administered\n")
    assert (status, told.endswith("administered is deleted.\n")) == (0, True)


async def test_a_missing_table_is_a_503_that_says_what_to_do(
    database: Server, upstream: Upstream, tmp_path: Path
) -> None:
    given = settings(database, upstream, "missing")
    async with (
        serving("serve", "--port", "0", folder=tmp_path, **given) as command,
        AsyncClient(timeout=60) as client,
    ):
        answer = await client.post(f"{command.url}api/chat", json=chat_body("hi"))
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert answer.json()["detail"].endswith("Create it with: c1fn table create")
        again = await client.post(f"{command.url}api/chat", json=chat_body("hi"))
        assert again.json() == answer.json()  # the process lives on
        logged = [json.loads(line) for line in (await command.end())[1].splitlines() if line.startswith("{")]
    assert [(line["error"], line["detail"]) for line in logged] == [
        ("store_unavailable", answer.json()["detail"])
    ] * 2
    assert upstream.requests == []


@pytest.mark.parametrize("second", ["serve", "lambda"])
async def test_two_processes_share_threads_and_one_answer(
    database: Server, upstream: Upstream, tmp_path: Path, second: str
) -> None:
    """One responseId posted to both is one model call; the other follows it to identical bytes; a third
    process still has it.
    """
    given = settings(database, upstream, f"shared-{second}")
    assert (await table("create", given, tmp_path))[0] == 0
    gate = asyncio.Event()
    upstream.queue(Answer((ROLE, delta("Hel"), gate, delta("lo"), *END)), say("two"))
    async with AsyncExitStack() as stack:
        urls = [
            (await stack.enter_async_context(serving(name, "--port", "0", folder=tmp_path, **given))).url
            for name in ("serve", second)
        ]
        one, two = [await stack.enter_async_context(AsyncClient(base_url=u, timeout=30)) for u in urls]
        async with one.stream("POST", "/api/chat", json=chat_body("hi")) as first:
            pieces = first.aiter_bytes()
            assert await anext(pieces) == b"Hel"
            busy = await two.post("/api/chat", json=chat_body("other", "r2"))
            assert busy.status_code == 409
            async with two.stream("POST", "/api/chat", json=chat_body("hi")) as follower:
                growing = follower.aiter_bytes()
                seen = b""
                while b"Hel" not in seen:
                    seen += await anext(growing)
                gate.set()
                seen += b"".join([piece async for piece in growing])
            assert b"Hel" + b"".join([piece async for piece in pieces]) == b"Hello"
            assert seen.replace(b"<!-- -->", b"") == b"Hello"
        assert (await two.post("/api/chat", json=chat_body("next", "r2"))).text == "two"
    assert [m["content"] for m in upstream.requests[1].body["messages"]] == ["hi", "Hello", "next"]
    assert len(upstream.requests) == 2
    async with (
        serving("serve", "--port", "0", folder=tmp_path, **given) as command,
        AsyncClient(timeout=60) as client,
    ):
        client.base_url = command.url
        assert [m["content"] for m in await until_stored(client)] == ["hi", "Hello", "next", "two"]


async def test_a_stop_is_heard_by_another_process(
    database: Server, upstream: Upstream, tmp_path: Path
) -> None:
    given = settings(database, upstream, "stopped")
    assert (await table("create", given, tmp_path))[0] == 0
    upstream.queue(Answer((ROLE, delta("Hel"), asyncio.Event())))
    async with AsyncExitStack() as stack:
        commands = [
            await stack.enter_async_context(serving("serve", "--port", "0", folder=tmp_path, **given))
            for _ in range(2)
        ]
        one, two = [
            await stack.enter_async_context(AsyncClient(base_url=c.url, timeout=30)) for c in commands
        ]
        async with one.stream("POST", "/api/chat", json=chat_body("hi")) as answer:
            pieces = answer.aiter_bytes()
            assert await anext(pieces) == b"Hel"
            assert (await two.post("/api/threads/t/stop")).json() == {"stopping": True}
            assert [piece async for piece in pieces] == []
        assert [m["content"] for m in await until_stored(two)] == ["hi", "Hel"]


async def test_two_owners_have_threads_of_their_own(
    database: Server, upstream: Upstream, tmp_path: Path
) -> None:
    """Created, listed, renamed, deleted and reloaded by both, under the same ids: neither meets the other."""
    keys = {"ann": "a-long-key-of-ann", "bob": "a-long-key-of-bob"}
    given = settings(database, upstream, "owned") | {"C1FN_AUTH": "key", "C1FN_KEYS": json.dumps(keys)}
    assert (await table("create", given, tmp_path))[0] == 0
    async with AsyncExitStack() as stack:
        command = await stack.enter_async_context(serving("serve", "--port", "0", folder=tmp_path, **given))
        ann, bob = [
            await stack.enter_async_context(
                AsyncClient(base_url=command.url, timeout=30, headers={"authorization": f"Bearer {key}"})
            )
            for key in keys.values()
        ]
        made = await ann.post("/api/threads", json={"threadId": "t", "title": "Ann's"})
        assert (made.status_code, await titles(ann), await titles(bob)) == (201, ["Ann's"], [])
        assert (await bob.get("/api/threads/t/messages")).status_code == 404
        assert (await bob.put("/api/threads/t", json={"title": "Bob's"})).status_code == 404
        assert (await bob.delete("/api/threads/t")).status_code == 404
        for client, name in ((ann, "ann"), (bob, "bob")):
            upstream.queue(say(f"to {name}"))
            assert (await client.post("/api/chat", json=chat_body(f"of {name}"))).text == f"to {name}"
        assert await titles(bob) == ["of bob"]
        assert (await bob.put("/api/threads/t", json={"title": "Bob's"})).json()["title"] == "Bob's"
        assert (await titles(ann), await titles(bob)) == (["Ann's"], ["Bob's"])
        assert [m["content"] for m in await until_stored(ann)] == ["of ann", "to ann"]
        assert (await ann.delete("/api/threads/t")).status_code == 204
        assert (await ann.get("/api/threads/t/messages")).status_code == 404
        assert (await titles(ann), await titles(bob)) == ([], ["Bob's"])
        assert [m["content"] for m in await until_stored(bob)] == ["of bob", "to bob"]
    assert [[m["content"] for m in r.body["messages"]] for r in upstream.requests] == [["of ann"], ["of bob"]]


async def titles(client: AsyncClient) -> list[str]:
    return [thread["title"] for thread in (await client.get("/api/threads")).json()["threads"]]
