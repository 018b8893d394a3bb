from gates import HERE, gate, mark
from quart import Quart, request, send_file, websocket

app = Quart(__name__)


@app.before_serving
async def startup():
    mark("startup")
    app.database = "open"


@app.after_serving
async def shutdown():
    mark("shutdown")


@app.get("/stream")
async def stream():
    port = request.args["gate_port"]

    async def pieces():
        yield b"one\n"
        await gate(port)
        yield b"two\n"

    return pieces(), 200, {"content-type": "text/plain"}


@app.get("/events")
async def events():
    port = request.args["gate_port"]

    async def pieces():
        yield b"event: token\ndata: one\n\n"
        await gate(port)
        yield b"event: token\ndata: two\n\n"

    return pieces(), 200, {"content-type": "text/event-stream"}


@app.post("/echo/<name>")
async def echo(name):
    body = await request.get_data(as_text=True)
    return {"name": name, "word": request.args.get("word", ""), "body": body}


@app.get("/state")
async def state():
    return {"database": app.database}


@app.get("/background")
async def background():
    async def work():
        mark("background")

    app.add_background_task(work)
    return {"queued": True}


@app.get("/file")
async def file():
    return await send_file(HERE / "download.bin", as_attachment=True)


@app.websocket("/socket")
async def socket():
    await websocket.accept()
