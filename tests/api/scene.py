"""An application around a scripted model and the memory store, and what a browser sends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import Line
from tests.asgi import Client, Exchange
from tests.scripted import ScriptedModel

BROWSER = {"sec-fetch-mode": "cors", "origin": "http://127.0.0.1", "host": "127.0.0.1", "accept": "*/*"}
PROBLEM = "application/problem+json"


def body(prompt: str = "hi", response_id: str = "r1", thread_id: str = "t") -> dict[str, Any]:
    message = {"id": "p1", "role": "user", "content": prompt}
    return {"prompt": message, "threadId": thread_id, "responseId": response_id}


@dataclass
class Scene:
    """An application that runs, and what it logged."""

    model: ScriptedModel
    store: MemoryStore
    lines: list[Line] = field(default_factory=list)
    client: Client = field(init=False)

    async def ask(self, *about: Any, **headers: str) -> Exchange:
        return await self.client.post(
            "/api/chat", body(*about), headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    def post_chat(self, *about: Any, **scope: Any) -> Exchange:
        return self.client.request("POST", "/api/chat", body(*about), **scope)


Stage = Callable[..., Any]
