"""The plain port of the C1 quickstart to FastAPI, as one would write it.

Its threads are kept in a dict, as the quickstart's, or with TABLE set in DynamoDB, one item for each thread.
It knows no replay, no lock, no stop, no limit, and forgets a turn whose client leaves.
"""

import json
import os
from collections.abc import AsyncGenerator
from typing import Any

import boto3
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI
from pydantic import BaseModel


class Prompt(BaseModel):
    role: str
    content: str
    id: str | None = None


class ChatRequest(BaseModel):
    prompt: Prompt
    threadId: str  # noqa: N815 - the client's own spelling
    responseId: str  # noqa: N815 - the same


TABLE = os.environ.get("TABLE")
HEADERS = {"Cache-Control": "no-cache, no-transform", "Connection": "keep-alive"}

app = FastAPI()
model = AsyncOpenAI(api_key=os.environ["THESYS_API_KEY"], base_url=os.environ["BASE_URL"])
database = boto3.client("dynamodb", endpoint_url=os.environ.get("DYNAMODB_ENDPOINT"))
threads: dict[str, list[dict[str, Any]]] = {}


async def load(thread: str) -> list[dict[str, Any]]:
    if TABLE is None:
        return threads.setdefault(thread, [])
    answer = await run_in_threadpool(database.get_item, TableName=TABLE, Key={"id": {"S": thread}})
    return json.loads(answer["Item"]["messages"]["S"]) if "Item" in answer else []


async def save(thread: str, messages: list[dict[str, Any]]) -> None:
    if TABLE is not None:
        item = {"id": {"S": thread}, "messages": {"S": json.dumps(messages)}}
        await run_in_threadpool(database.put_item, TableName=TABLE, Item=item)


@app.get("/")
async def ready() -> str:
    return "ok"


@app.post("/api/chat")
async def chat(request: ChatRequest) -> StreamingResponse:
    messages = await load(request.threadId)
    messages.append(request.prompt.model_dump(exclude_none=True))
    stream = await model.chat.completions.create(
        model="c1-nightly",
        messages=[{"role": m["role"], "content": m["content"]} for m in messages],  # type: ignore[misc]
        stream=True,
    )

    async def answer() -> AsyncGenerator[str, None]:
        said = []
        async for chunk in stream:
            if chunk.choices and (content := chunk.choices[0].delta.content):
                said.append(content)
                yield content
        messages.append({"role": "assistant", "content": "".join(said), "id": request.responseId})
        await save(request.threadId, messages)

    return StreamingResponse(answer(), media_type="text/event-stream", headers=HEADERS)
