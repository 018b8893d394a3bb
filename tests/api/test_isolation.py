"""Owners are walls: two callers over every endpoint and every kind of id, in every mode, on both stores.

What Bob gets for an id of Ann's equals what he gets for an id that nobody has: the same status, the same
headers, and the same body up to the id that he named himself. Ann's threads are the same afterwards, her
running answer too. ``none`` knows one owner: there, all are that one.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from c1fn.api.app import build_app
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.events import Delta
from c1fn.identity.callers import Identify, Trust, anybody, by_jwt, by_key
from c1fn.identity.iam import DOORS, by_iam
from c1fn.identity.oidc import Issuer, Verifier
from c1fn.stores import Store, cursor
from c1fn.stores.dynamodb import DynamoStore, connect, table
from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import Origin
from tests.asgi import Client, Exchange, client_of
from tests.issuer import AUDIENCE, IssuerServer
from tests.scripted import LIMITS, ScriptedModel, says
from tests.stores.servers import Ministack, Shared

NOW = 1_800_000_000.0
AT_ONCE = 16
"""Pairs that are compared at the same time: enough to keep a server of another process busy."""

ODD = ["a/b/../c", "..", "😀 #", "T#0000000001", "%2F", "a?b&c=d", "x" * 127]
THREADS = ["plain", "stopped", "deleted", *ODD]
RUNNING = "running"
RESPONSES = ["r", "p", "unknown", "r#1"]
"""Of each thread of Ann's: its answer, its prompt's message, and what is neither."""

Who = dict[str, Any]
"""What a caller adds to a request: headers, or an event of AWS's."""


@dataclass(frozen=True)
class Mode:
    identify: Identify
    ann: Who
    bob: Who


Modes = dict[str, Mode]


def signed(arn: str) -> Who:
    event = {"requestContext": {"authorizer": {"iam": {"userArn": arn}}}}
    return {"aws.event": event, "c1fn.origin": Origin(door="function-url")}


def bearing(token: str) -> Who:
    return {"headers": {"authorization": f"Bearer {token}"}}


@pytest.fixture
async def modes() -> AsyncGenerator[Modes, None]:
    async with IssuerServer() as issuer:
        trust = Trust(issuer.url, frozenset({AUDIENCE}))
        by_gateway = {"iss": issuer.url, "aud": AUDIENCE, "sub": "bob"}
        yield {
            "iam": Mode(by_iam(DOORS), signed("arn:aws:iam::1:user/ann"), signed("arn:aws:iam::1:user/bob")),
            "key": Mode(by_key({"ann": "k1", "bob": "k2"}), bearing("k1"), bearing("k2")),
            "jwt": Mode(
                by_jwt(trust, Verifier(Issuer(issuer.url))),
                bearing(issuer.token(sub="ann")),
                bearing(issuer.token(sub="bob")),
            ),
            "jwt at the gateway": Mode(
                by_jwt(trust, Verifier(Issuer(issuer.url)), ["http-api"]),
                bearing(issuer.token(sub="ann")),
                {
                    "aws.event": {"requestContext": {"authorizer": {"jwt": {"claims": by_gateway}}}},
                    "c1fn.origin": Origin(door="http-api"),
                },
            ),
        }


@pytest.fixture(scope="module")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, Ministack(tmp_path_factory.mktemp("ministack")) as server:
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            patch.setenv(f"AWS_{name}", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        client = connect(server.url)
        yield client
        client.close()


@pytest.fixture(params=["memory", "ministack"])
def make_store(request: pytest.FixtureRequest) -> Callable[[str], Store]:
    if request.param == "memory":
        return lambda _: MemoryStore(clock=lambda: NOW)
    client: Any = request.getfixturevalue("ministack")

    def make(name: str) -> Store:
        table.create(client, name := f"isolation-{name.replace(' ', '-')}")
        return DynamoStore(Shared(client), name, clock=lambda: NOW)

    return make


@dataclass
class Scene:
    """Ann's threads, and one answer of hers that is being written."""

    client: Client
    mode: Mode
    gate: asyncio.Event
    answer: Exchange

    async def as_(self, who: Who, method: str, path: str, body: object = b"") -> Exchange:
        return await self.client.request(method, path, body, **who).whole()

    async def ann(self, method: str, path: str, body: object = b"") -> Exchange:
        return await self.as_(self.mode.ann, method, path, body)

    async def bob(self, method: str, path: str, body: object = b"") -> Exchange:
        return await self.as_(self.mode.bob, method, path, body)

    async def all_of_anns(self) -> list[Any]:
        """Everything that any endpoint tells Ann, but how far the answer is that runs."""
        listed = (await self.ann("GET", "/api/threads?limit=100")).json
        seen: list[Any] = [listed]
        for thread in listed["threads"]:
            path = f"/api/threads/{quoted(thread['threadId'])}"
            messages = (await self.ann("GET", f"{path}/messages")).json
            if thread["threadId"] == RUNNING:
                seen.append(messages[0])
            else:
                seen.append(messages)
                seen.append((await self.ann("GET", f"{path}/turns/r")).body)
        return seen


@asynccontextmanager
async def scene(mode: Mode, store: Store) -> AsyncGenerator[Scene, None]:
    gate = asyncio.Event()
    count = len(THREADS)
    model = ScriptedModel(*[says("secret of ann")] * count, [Delta("Hel"), gate, *says("lo")], says("bob's"))
    chat = Chat(store, model, Tools(), LIMITS, lambda _: None)
    app = build_app(lambda: chat, max_body=10_000, identify=mode.identify)
    async with client_of(app) as client:
        stage = Scene(client, mode, gate, Exchange())
        for thread in THREADS:
            assert (await stage.ann("POST", "/api/chat", ask(thread, "r", "prompt of ann"))).status == 200
        assert (
            await stage.ann("PUT", "/api/threads/stopped/messages/r", {"content": "filled in"})
        ).status == 204
        rated = await stage.ann("PUT", "/api/threads/plain/messages/r/feedback", {"value": "up"})
        assert rated.status == 204
        assert (await stage.ann("DELETE", "/api/threads/deleted")).status == 204
        stage.answer = client.request("POST", "/api/chat", ask(RUNNING, "r", "prompt of ann"), **mode.ann)
        assert await anext(stage.answer) == b"Hel"
        try:
            yield stage
        finally:
            gate.set()
            await stage.answer.whole()


def ask(thread: str, response: str, prompt: str) -> dict[str, Any]:
    message = {"id": "p", "role": "user", "content": prompt}
    return {"prompt": message, "threadId": thread, "responseId": response}


def run(thread: str, response: str, prompt: str) -> dict[str, Any]:
    return {"threadId": thread, "runId": response, "messages": [ask(thread, response, prompt)["prompt"]]}


def quoted(name: str) -> str:
    return quote(name, safe="")


UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Call = tuple[str, str, object]


def calls(thread: str, responses: list[str]) -> Iterator[Call]:
    """Every endpoint that takes an id, asked for this thread and each of these responses."""
    path = f"/api/threads/{quoted(thread)}"
    yield "GET", f"{path}/messages", b""
    for response in responses:
        yield "GET", f"{path}/turns/{quoted(response)}", b""
        yield "PUT", f"{path}/messages/{quoted(response)}", {"content": "of bob"}
        yield "POST", f"{path}/stop", {"responseId": response}
        approval = {"responseId": f"{response} of bob", "approved": []}
        yield "POST", f"{path}/turns/{quoted(response)}/approvals", approval
        yield "PUT", f"{path}/messages/{quoted(response)}/feedback", {"value": "down", "comment": "of bob"}
    yield "POST", f"{path}/stop", b""
    yield "POST", f"{path}/shares", b""
    yield "DELETE", f"/api/shares/{quoted(thread)}", b""
    yield "GET", f"/api/shares/{quoted(thread)}", b""
    yield "GET", "/api/shares", b""
    yield "POST", f"{path}/fork", b""
    yield "POST", f"{path}/fork", {"through": responses[0]}
    yield "POST", f"{path}/fork", {"before": responses[0]}
    openui = "/api/openui/threads"
    yield "GET", f"{openui}/get/{quoted(thread)}", b""
    yield "PATCH", f"{openui}/update/{quoted(thread)}", {"id": thread, "title": "of bob"}
    yield "DELETE", f"{openui}/delete/{quoted(thread)}", b""
    yield "PUT", path, {"title": "of bob"}
    yield "DELETE", path, b""
    # From here on Bob has a thread of that name, and still sees nothing of hers.
    yield "POST", "/api/threads", {"threadId": thread, "title": "of bob"}
    yield "POST", f"{openui}/create", b""
    yield "GET", f"{openui}/get/{quoted(thread)}", b""
    yield "GET", f"{path}/messages", b""
    for response in responses[:2]:
        yield "GET", f"{path}/turns/{quoted(response)}", b""
    yield "POST", "/api/chat", ask(thread, responses[0], "prompt of bob")
    yield "POST", "/api/agui", run(thread, responses[0], "prompt of bob")
    yield "GET", f"{path}/messages", b""
    yield "POST", f"{path}/fork", b""
    yield "POST", f"{path}/fork", {"before": responses[0]}
    yield "DELETE", path, b""


def listings(thread: str) -> Iterator[Call]:
    """The page after this thread, by either client's endpoint."""
    for path in "/api/threads", "/api/openui/threads/get":
        yield "GET", f"{path}?cursor={quoted(cursor.encode(NOW, thread))}", b""


def told(answer: Exchange, thread: str) -> tuple[Any, ...]:
    """Status, headers and body, with the id that was asked for taken out."""
    text = answer.body.decode()
    for form in json.dumps(thread)[1:-1], json.dumps(thread, ensure_ascii=False)[1:-1], quoted(thread):
        text = re.sub(rf'(?<="threadId":"){re.escape(form)}(?=")', "<id>", text)
    text = UUID.sub("<a new id>", text)
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return answer.status, headers, text


def nobodys(thread: str) -> str:
    """An id of the same kind that nobody has."""
    return f"{thread}·" if len(thread) < 127 else f"y{thread[1:]}"


@pytest.mark.parametrize("name", ["iam", "key", "jwt", "jwt at the gateway"])
async def test_an_id_of_anothers_is_an_id_that_nobody_has(
    modes: Modes, make_store: Callable[[str], Store], name: str
) -> None:
    pairs = 0
    async with scene(modes[name], make_store(name)) as stage:
        before = await stage.all_of_anns()
        assert "secret of ann" in str(before)
        limit = asyncio.Semaphore(AT_ONCE)

        async def compare(thread: str, hers: Call, none: Call) -> None:
            nonlocal pairs
            one, other = await stage.bob(*hers), await stage.bob(*none)
            assert told(one, thread) == told(other, nobodys(thread)), hers
            assert "ann" not in one.body.decode(), hers
            pairs += 1

        async def compare_all(thread: str) -> None:
            async with limit:
                both = calls(thread, RESPONSES), calls(nobodys(thread), RESPONSES)
                for hers, none in zip(*both, strict=True):
                    await compare(thread, hers, none)

        for thread in THREADS:  # while nothing changes Bob's own list
            for hers, none in zip(listings(thread), listings(nobodys(thread)), strict=True):
                await compare(thread, hers, none)
        await asyncio.gather(*map(compare_all, [*THREADS, RUNNING]))
        assert await stage.all_of_anns() == before
        stage.gate.set()
        assert (await stage.answer.whole()).body == b"Hello"
        assert (await stage.ann("GET", f"/api/threads/{RUNNING}/turns/r")).body == b"Hello"
    assert pairs >= 250  # so 1,000 in the modes together, on each store
    assert pairs == len(list(calls("t", RESPONSES))) * (len(THREADS) + 1) + 2 * len(THREADS)


async def test_every_endpoint_that_takes_an_id_is_asked() -> None:
    served = {
        (method.upper(), re.sub(r"\{\w+}", "t", path))
        for path, methods in build_app(lambda: None, max_body=1).openapi()["paths"].items()  # type: ignore[arg-type, return-value]  # never started
        for method in methods
    }
    asked = {(method, path.partition("?")[0]) for method, path, _ in [*calls("t", ["t"]), *listings("t")]}
    assert served - asked == {("GET", "/healthz"), ("GET", "/readyz")}


async def test_without_callers_all_are_one_owner(make_store: Callable[[str], Store]) -> None:
    """Mode `none`: whatever a request carries, it sees and changes the same threads."""
    everybody = [{}, bearing("k1"), signed("arn:aws:iam::1:user/bob")]
    async with scene(Mode(anybody, {}, {}), make_store("none")) as stage:
        for path in "", "/plain/messages", "/plain/turns/r", f"/{RUNNING}/messages":
            seen = [(await stage.as_(who, "GET", f"/api/threads{path}")).body for who in everybody]
            assert seen[0] == seen[1] == seen[2]
            assert b"ann" in seen[0] or b"plain" in seen[0]
        assert (await stage.as_(everybody[2], "DELETE", "/api/threads/plain")).status == 204
        assert (await stage.as_(everybody[1], "GET", "/api/threads/plain/messages")).status == 404


@pytest.mark.parametrize(("one", "other"), [("iam", "key"), ("iam", "jwt"), ("key", "jwt")])
async def test_a_caller_of_one_mode_is_never_one_of_another(modes: Modes, one: str, other: str) -> None:
    """A service that changes its mode keeps its table: nobody inherits another's threads."""
    store = MemoryStore()
    chat = Chat(store, ScriptedModel(says("secret")), Tools(), LIMITS, lambda _: None)
    for name, seen in (one, 200), (other, 404):
        async with client_of(
            build_app(lambda: chat, max_body=10_000, identify=modes[name].identify)
        ) as client:
            if seen == 200:
                await client.request("POST", "/api/chat", ask("t", "r", "hi"), **modes[name].ann).whole()
            answer = await client.request("GET", "/api/threads/t/messages", **modes[name].ann).whole()
            assert answer.status == seen
