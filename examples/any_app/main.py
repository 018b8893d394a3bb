import asyncio

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

app = FastAPI()


@app.get("/")
async def count(to: int = 10) -> StreamingResponse:
    async def numbers():
        for number in range(to):
            yield f"{number}\n"
            await asyncio.sleep(0.2)

    return StreamingResponse(numbers(), media_type="text/plain")
