from contextlib import asynccontextmanager

from gates import HERE, gate, mark
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute


@asynccontextmanager
async def lifespan(app):
    mark("startup")
    yield {"database": "open"}
    mark("shutdown")


async def stream(request):
    async def pieces():
        yield b"one\n"
        await gate(request.query_params["gate_port"])
        yield b"two\n"

    return StreamingResponse(pieces(), media_type="text/plain")


async def events(request):
    async def pieces():
        yield {"event": "token", "data": "one"}
        await gate(request.query_params["gate_port"])
        yield {"event": "token", "data": "two"}

    return EventSourceResponse(pieces())


async def echo(request):
    return JSONResponse(
        {
            "name": request.path_params["name"],
            "word": request.query_params.get("word", ""),
            "body": (await request.body()).decode(),
        }
    )


async def state(request):
    return JSONResponse({"database": request.state.database})


async def background(request):
    return JSONResponse({"queued": True}, background=BackgroundTask(mark, "background"))


async def file(request):
    return FileResponse(HERE / "download.bin", filename="download.bin")


async def socket(websocket):
    await websocket.accept()


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/stream", stream),
        Route("/events", events),
        Route("/echo/{name}", echo, methods=["POST"]),
        Route("/state", state),
        Route("/background", background),
        Route("/file", file),
        WebSocketRoute("/socket", socket),
    ],
)
