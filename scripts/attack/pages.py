"""Web pages of other sites, and names that were made to lead to this machine, at every local port."""

from pathlib import Path
from typing import Any

from scripts.attack.ledger import Ledger
from scripts.attack.targets import ask, chat, emulated, local

HOSTS = (
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "0.0.0.0",
    "x@127.0.0.1",
)
ORIGINS = (
    {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    {"sec-fetch-site": "same-site", "origin": "http://localhost:1"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
)
FORM = {"content-type": "text/plain"}
INVOKE = "/2015-03-31/functions/function/invocations"


async def run(ledger: Ledger, tree: Path) -> None:
    async with (
        local(tree, C1FN_MODEL="offline") as server,
        emulated(tree, C1FN_MODEL="offline", C1FN_AUTH="none") as function,
    ):
        ports = {"serve": server.url.rstrip("/"), "function URL": function.url, "REST API": function.rest}
        await ledger.each(*(_port(ledger, name, url) for name, url in ports.items()))
        await ledger.each(_invoke(ledger, function.invoke), _headers(ledger, server))


async def _port(ledger: Ledger, name: str, url: str) -> None:
    for host in HOSTS:
        answer = await ask("GET", f"{url}/api/threads", headers={"host": host})
        ledger.note(f"{name}: Host {host} (CVE-2025-66414)", held=answer.status_code == 400, seen=answer.text)
    for origin in ORIGINS:
        for method, path in (("POST", "/api/chat"), ("POST", "/api/threads"), ("DELETE", "/api/threads/t")):
            answer = await ask(method, url + path, headers={**origin, **FORM}, json=chat())
            refused = answer.status_code == 403
            ledger.note(f"{name}: {method} {path} by a page with {origin}", held=refused, seen=answer.text)


async def _invoke(ledger: Ledger, url: str) -> None:
    for headers in (*({"host": host} for host in HOSTS), *ORIGINS):
        answer = await ask("POST", url + INVOKE, headers={**headers, **FORM}, json=chat())
        held = answer.status_code in (400, 403)
        ledger.note(f"Invoke API: a post with {headers}", held=held, seen=answer.text)


async def _headers(ledger: Ledger, server: Any) -> None:
    page = (await server.call("GET", "/")).headers
    policy = page.get("content-security-policy", "")
    ledger.note(
        "a picture of any host (CVE-2025-32711)",
        held="https:" not in policy and "*" not in policy,
        seen=policy,
    )
    ledger.note("the page in another page", held="frame-ancestors 'none'" in policy, seen=policy)
    for path in ("/api/threads", "/api/threads/none/messages", "/nowhere", "/openapi.json"):
        told = (await server.call("GET", path)).headers
        ledger.note(f"a cache keeps {path}", held="no-store" in told.get("cache-control", ""), seen=told)
        ledger.note(
            f"{path} is taken for something else",
            held=told.get("x-content-type-options") == "nosniff",
            seen=told,
        )
    answer = await server.call("POST", "/api/chat/", json=chat(), headers={"host": "localhost"})
    ledger.note(
        "a Host in a redirect",
        held="localhost" not in answer.headers.get("location", ""),
        seen=answer.headers,
    )
