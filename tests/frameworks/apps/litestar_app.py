from contextlib import asynccontextmanager
from typing import Any

from gates import HERE, gate, mark
from litestar import Litestar, Request, get, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import State
from litestar.response import File, Response, ServerSentEvent, Stream


@asynccontextmanager
async def lifespan(app: Litestar):
    mark("startup")
    app.state.database = "open"
    yield
    mark("shutdown")


@get("/stream")
async def stream(gate_port: int) -> Stream:
    async def pieces():
        yield "one\n"
        await gate(gate_port)
        yield "two\n"

    return Stream(pieces(), media_type="text/plain")


@get("/events")
async def events(gate_port: int) -> ServerSentEvent:
    async def pieces():
        yield {"event": "token", "data": "one"}
        await gate(gate_port)
        yield {"event": "token", "data": "two"}

    return ServerSentEvent(pieces())


@post("/echo/{name:str}")
async def echo(request: Request[Any, Any, Any], name: str, word: str = "") -> dict[str, str]:
    return {"name": name, "word": word, "body": (await request.body()).decode()}


@get("/state")
async def state_of(state: State) -> dict[str, str]:
    return {"database": state.database}


@get("/background")
async def background() -> Response[dict[str, bool]]:
    return Response({"queued": True}, background=BackgroundTask(mark, "background"))


@get("/file")
async def file() -> File:
    return File(HERE / "download.bin", filename="download.bin")


app = Litestar([stream, events, echo, state_of, background, file], lifespan=[lifespan])
