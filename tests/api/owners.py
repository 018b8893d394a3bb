"""Ann and Bob, each with a key of their own, in front of one application."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from c1fn.telemetry.log import Line
from tests.asgi import Client, Exchange
from tests.scripted import ScriptedModel

ANN, BOB = {"x-api-key": "key of ann"}, {"x-api-key": "key of bob"}


@dataclass
class Owners:
    """What they do, and what was logged of it."""

    client: Client
    model: ScriptedModel
    lines: list[Line]

    def start(self, thread: str, response: str, prompt: str, who: dict[str, str] = ANN) -> Exchange:
        message = {"role": "user", "content": prompt, "id": f"p-{response}"}
        body = {"prompt": message, "threadId": thread, "responseId": response}
        return self.client.request("POST", "/api/chat", body, who)

    async def say(self, thread: str, response: str, prompt: str, who: dict[str, str] = ANN) -> str:
        return (await self.start(thread, response, prompt, who).whole()).body.decode()

    async def call(self, method: str, path: str, body: object = b"", who: dict[str, str] = ANN) -> Exchange:
        return await self.client.request(method, f"/api/threads{path}", body, who).whole()

    async def texts(self, thread: str, who: dict[str, str] = ANN) -> list[str]:
        return [one["content"] for one in (await self.call("GET", f"/{thread}/messages", who=who)).json]


Meet = Callable[..., Any]
"""The stage of tests with two owners: `Owners` on a running application, on each kind of store."""
