from contextlib import asynccontextmanager

from fastapi import BackgroundTasks, FastAPI, Request, WebSocket
from fastapi.responses import FileResponse, StreamingResponse
from gates import HERE, gate, mark
from sse_starlette import EventSourceResponse


@asynccontextmanager
async def lifespan(app: FastAPI):
    mark("startup")
    yield {"database": "open"}
    mark("shutdown")


app = FastAPI(lifespan=lifespan)


@app.get("/stream")
async def stream(gate_port: int):
    async def pieces():
        yield "one\n"
        await gate(gate_port)
        yield "two\n"

    return StreamingResponse(pieces(), media_type="text/plain")


@app.get("/events")
async def events(gate_port: int):
    async def pieces():
        yield {"event": "token", "data": "one"}
        await gate(gate_port)
        yield {"event": "token", "data": "two"}

    return EventSourceResponse(pieces())


@app.post("/echo/{name}")
async def echo(name: str, request: Request, word: str = ""):
    return {"name": name, "word": word, "body": (await request.body()).decode()}


@app.get("/state")
async def state(request: Request):
    return {"database": request.state.database}


@app.get("/background")
async def background(tasks: BackgroundTasks):
    tasks.add_task(mark, "background")
    return {"queued": True}


@app.get("/file")
async def file():
    return FileResponse(HERE / "download.bin", filename="download.bin")


@app.websocket("/socket")
async def socket(websocket: WebSocket):
    await websocket.accept()
