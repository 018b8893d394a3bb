"""What a careless tool, a confused model and an unusual person do: a visible answer, and the thread goes on.

The whole way, from our HTTP side through the real openai package to the upstream server and back.
"""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from html import escape, unescape

import pytest

from c1fn.api.app import build_app
from c1fn.api.wires.c1 import error_card
from c1fn.chat.converse import Chat
from c1fn.chat.rounds import Limits
from c1fn.chat.tools import Tools
from c1fn.errors import TooLarge
from c1fn.models.c1 import C1Model
from c1fn.settings import Settings
from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import to_nobody
from c1fn.turn import State
from tests.asgi import Client, Exchange, client_of
from tests.upstream import Upstream, call, say

DEFAULT = Settings.read({})
BROWSER = {"sec-fetch-mode": "cors", "origin": "http://127.0.0.1", "host": "127.0.0.1", "accept": "*/*"}
hung = threading.Event()


def strange() -> object:
    """Return what is no JSON."""
    return object()


def huge() -> str:
    """Return 10 MB."""
    return "x" * 10_000_000


def huge_list() -> list[int]:
    """Return 10 MB of JSON."""
    return list(range(1_500_000))


async def never() -> None:
    """Not end."""
    await asyncio.Event().wait()


def hangs() -> None:
    """Not end either, in a thread."""
    hung.wait()


def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@dataclass
class Scene:
    client: Client
    upstream: Upstream
    store: MemoryStore

    async def ask(self, prompt: str, response_id: str = "r1", **headers: str) -> Exchange:
        message = {"role": "user", "content": prompt}
        body = {"prompt": message, "threadId": "t", "responseId": response_id}
        return await self.client.post(
            "/api/chat", json.dumps(body, ensure_ascii=False).encode(), headers=headers
        )

    async def goes_on(self) -> None:
        """Whatever came before, the next prompt of the thread is answered."""
        self.upstream.queue(say("well"))
        assert (await self.ask("and now?", "next")).body == b"well"

    @property
    def heard(self) -> str:
        """The newest prompt that the model was sent."""
        return self.upstream.requests[-1].prompt


@pytest.fixture
async def scene() -> AsyncGenerator[Scene, None]:
    """A service with the default limits; tools have a moment, so that nobody waits for those that hang."""
    limits = Limits(
        history_turns=DEFAULT.history_turns,
        history_tokens=DEFAULT.history_tokens,
        max_answer=DEFAULT.max_answer,
        max_seconds=DEFAULT.max_seconds,
        max_rounds=DEFAULT.max_rounds,
    )
    tools = Tools([strange, huge, huge_list, never, hangs, add], seconds=0.5)
    async with Upstream() as upstream:
        store = MemoryStore()
        model = C1Model(api_key="k", base_url=upstream.url, model="m", max_retries=0)
        chat = Chat(store, model, tools, limits, to_nobody)
        app = build_app(lambda: chat, max_body=DEFAULT.max_body, max_answer=DEFAULT.max_answer)
        async with client_of(app) as client:
            yield Scene(client, upstream, store)


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left() -> Iterator[None]:
    yield
    hung.set()


# --- tools and models


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("strange", "{}", "cannot be written as JSON"),
        ("huge", "{}", "The result has 10000000 characters"),
        ("huge_list", "{}", "at most 100000 can be used"),
        ("never", "{}", "took longer than 0.5 seconds"),
        ("hangs", "{}", "took longer than 0.5 seconds"),
        ("nope", "{}", "There is no tool named 'nope'"),
        ("add", "{bad", "The arguments do not fit: all: Invalid JSON"),
        ("add", "[1, 2, 3]", "The arguments do not fit"),
        ("add", '{"a": "\\u0000", "b": 2}', "The arguments do not fit: a"),
        ("add", '{"a": ' + "[" * 5000, "The arguments do not fit"),
    ],
    ids=lambda value: value[:12],
)
async def test_a_tool_call_that_goes_wrong_is_told_to_the_model_which_answers(
    scene: Scene, name: str, arguments: str, told: str
) -> None:
    scene.upstream.queue(call(("c1", name, arguments)), say("I could not."))
    answer = await scene.ask("do it")
    result = scene.upstream.requests[1].body["messages"][-1]
    assert (result["role"], result["tool_call_id"]) == ("tool", "c1")
    assert told in json.loads(result["content"])["error"]
    assert answer.body.decode().endswith("I could not.")
    await scene.goes_on()


async def test_a_call_that_names_nothing_ends_the_answer_with_a_card(scene: Scene) -> None:
    scene.upstream.queue(call(("c1", "", "{}")))
    answer = await scene.ask("do it", **BROWSER)
    assert "The model's answer could not be understood" in unescape(answer.body.decode())
    await scene.goes_on()


@pytest.mark.parametrize("rounds", [[("c", "add", '{"a":1,"b":2}')], [("c", "nope", "{bad")]])
async def test_a_model_that_calls_for_ever_is_ended_and_its_turn_is_kept_from_the_next(
    scene: Scene, rounds: list[tuple[str, str, str]]
) -> None:
    scene.upstream.queue(*[call(*rounds)] * DEFAULT.max_rounds)
    answer = await scene.ask("do it")
    assert "The model did not come to an answer" in answer.body.decode()
    assert scene.upstream.calls == DEFAULT.max_rounds
    assert (await scene.store.threads.load("anybody", "t"))[0].state is State.FAILED
    await scene.goes_on()
    assert [m["content"] for m in scene.upstream.requests[-1].body["messages"]] == ["and now?"]


# --- people


def wrapped(words: str) -> str:
    return f'<content thesys="true">{escape(words)}</content>'


VALUES = {f"field{n}": {"value": f"value {n} ü", "componentType": "Input"} for n in range(1000)}
CONTEXT = f"<context>{escape(json.dumps(['User clicked on Button: submit', {'contact': VALUES}]))}</context>"


@pytest.mark.parametrize(
    "prompt",
    [
        wrapped("   "),
        "x" * 100_000,
        wrapped("ما هي الإيرادات؟ " * 3000),
        "ما هي الإيرادات؟",
        "a\0b\0",
        wrapped("\0"),
        wrapped("Submit") + CONTEXT,
    ],
    ids=["spaces", "100 kB", "much Arabic", "Arabic", "NULs", "a NUL", "1,000 fields"],
)
async def test_an_unusual_prompt_is_answered_and_listed(scene: Scene, prompt: str) -> None:
    scene.upstream.queue(say("<content>so</content>"))
    answer = await scene.ask(prompt)
    assert (answer.status, answer.body) == (200, b"<content>so</content>")
    assert scene.heard == prompt
    (thread,) = (await scene.client.get("/api/threads")).json["threads"]
    assert thread["title"].isprintable()
    assert 0 < len(thread["title"]) <= 61
    assert len((await scene.client.get("/api/threads/t/messages")).json) == 2
    await scene.goes_on()


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t\u3000"])
async def test_a_prompt_that_says_nothing_is_refused_before_a_model_could(scene: Scene, prompt: str) -> None:
    answer = await scene.ask(prompt)
    assert (answer.status, answer.json["field"]) == (422, "prompt.content")
    assert answer.json["detail"] == "must not be empty"
    await scene.goes_on()
    assert scene.upstream.calls == 1


async def test_a_person_who_sends_a_book_is_told_so_on_the_page(scene: Scene) -> None:
    """The official client shows nothing for a status other than 2xx, and whoever pastes is no programmer."""
    book = "x" * DEFAULT.max_body
    told = await scene.ask(book, **BROWSER)
    assert (told.status, told.headers["c1fn-error"]) == (200, "too_large")
    detail = f"The body may have {DEFAULT.max_body} bytes at most. Send less at once."
    assert told.body.decode() == error_card(TooLarge(detail))
    assert (await scene.ask(book)).status == 413
    await scene.goes_on()


def form(fields: int) -> str:
    """A form as C1 writes it."""
    children = [
        {
            "label": f"Field {n}",
            "children": {"component": "Input", "props": {"name": f"field{n}", "rules": {"required": True}}},
        }
        for n in range(fields)
    ]
    component = {"component": "Form", "props": {"name": "contact", "children": children}}
    return wrapped(json.dumps({"component": component, "error": None}))


async def test_the_state_of_a_form_with_a_thousand_fields_is_kept(scene: Scene) -> None:
    """It comes with the whole answer, which may be larger than any prompt."""
    asked = form(1000)
    scene.upstream.queue(say(asked))
    assert (await scene.ask("a form, please")).body.decode() == asked
    saved = asked + CONTEXT
    body = json.dumps({"content": saved}).encode()
    assert len(body) > DEFAULT.max_body
    path = "/api/threads/t/messages/r1"
    assert (await scene.client.request("PUT", path, body).whole()).status == 204
    assert (await scene.client.get("/api/threads/t/messages")).json[1]["content"] == saved
    await scene.goes_on()


async def test_an_answer_that_is_saved_has_a_limit_too(scene: Scene) -> None:
    body = b"x" * (DEFAULT.max_answer + DEFAULT.max_body + 1)
    refused = await scene.client.request("PUT", "/api/threads/t/messages/r1", body).whole()
    assert (refused.status, refused.json["code"]) == (413, "too_large")
