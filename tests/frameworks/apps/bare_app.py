import json
from urllib.parse import parse_qs

from gates import HERE, gate, mark


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
    body = (await receive())["body"]

    async def start(kind, status=200):
        headers = [(b"content-type", kind)]
        await send({"type": "http.response.start", "status": status, "headers": headers})

    async def say(data, *, more=False):
        await send({"type": "http.response.body", "body": data, "more_body": more})

    match scope["path"].removeprefix(scope["root_path"]).split("/")[1:]:
        case ["stream"]:
            await start(b"text/plain")
            await say(b"one\n", more=True)
            await gate(query["gate_port"])
            await say(b"two\n")
        case ["events"]:
            await start(b"text/event-stream")
            await say(b"event: token\ndata: one\n\n", more=True)
            await gate(query["gate_port"])
            await say(b"event: token\ndata: two\n\n")
        case ["echo", name]:
            await start(b"application/json")
            told = {"name": name, "word": query.get("word", ""), "body": body.decode()}
            await say(json.dumps(told).encode())
        case ["state"]:
            await start(b"application/json")
            await say(json.dumps({"database": scope["state"]["database"]}).encode())
        case ["background"]:
            await start(b"application/json")
            await say(b'{"queued": true}')
            mark("background")
        case ["file"]:
            await start(b"application/octet-stream")
            await say((HERE / "download.bin").read_bytes())
        case _:
            await start(b"text/plain", 404)
            await say(b"not found")


async def lifespan(scope, receive, send):
    await receive()
    mark("startup")
    scope["state"]["database"] = "open"
    await send({"type": "lifespan.startup.complete"})
    await receive()
    mark("shutdown")
    await send({"type": "lifespan.shutdown.complete"})
