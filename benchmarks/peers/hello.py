"""The smallest FastAPI app that answers a chat with a text: what is left is the way to it and back."""

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

app = FastAPI()


@app.get("/")
async def ready() -> str:
    return "ok"


@app.post("/api/chat")
async def chat() -> PlainTextResponse:
    return PlainTextResponse("Hello")
