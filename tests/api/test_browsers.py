"""An answer in plain text is a card to the official client, and to nobody else."""

import asyncio
from typing import Any

import pytest

from c1fn.api.wires.c1 import KEEP_ALIVE, content, error_card, whole
from c1fn.errors import AnswerCut
from c1fn.events import Delta
from c1fn.turn import Message
from tests.api.scene import BROWSER, Scene, Stage, body
from tests.scripted import STOP, says

CARD = whole("Hello *world*", None, cards=True)
C1 = content({"component": "Card", "props": {"children": []}})

CLIENTS: dict[str, tuple[dict[str, str], bool]] = {
    "the official client": (BROWSER, True),
    "a page of an old browser": ({"origin": "http://a.example", "host": "a.example"}, True),
    "a page of the same site": ({"sec-fetch-mode": "cors"}, True),
    "a page that asks for JSON": ({**BROWSER, "accept": "application/json, text/plain, */*"}, False),
    "a program": ({}, False),
    "a program that takes anything": ({"accept": "*/*", "user-agent": "curl/8"}, False),
}
"""What each sends, and whether it renders C1."""


async def answers(scene: Scene, headers: dict[str, str]) -> list[str]:
    """The answer as it is streamed, streamed again, followed, and listed among the messages."""
    client = scene.client
    streamed = [(await client.post("/api/chat", body(), headers=headers)).body.decode() for _ in range(2)]
    followed = await client.get("/api/threads/t/turns/r1", headers=headers)
    listed = await client.get("/api/threads/t/messages", headers=headers)
    return [*streamed, followed.body.decode(), listed.json[-1]["content"]]


@pytest.mark.parametrize(("headers", "renders"), CLIENTS.values(), ids=list(CLIENTS))
async def test_plain_text_is_a_card_to_a_client_that_renders_c1(
    stage: Stage,
    headers: dict[str, str],
    renders: bool,  # noqa: FBT001 - a case
) -> None:
    scene = await stage(says("Hello ", "*world*"))
    *sent, listed = await answers(scene, headers)
    assert sent == [CARD if renders else "Hello *world*"] * 3
    assert listed == (CARD if {*headers} & {"origin", "sec-fetch-mode"} else "Hello *world*")


@pytest.mark.parametrize(
    ("plain_text", "headers", "sent"), [("card", {}, CARD), ("raw", BROWSER, "Hello *world*")]
)
async def test_an_operator_may_have_it_one_way_for_all(
    stage: Stage, plain_text: str, headers: dict[str, str], sent: str
) -> None:
    scene = await stage(says("Hello ", "*world*"), plain_text=plain_text)
    assert await answers(scene, headers) == [sent] * 4


@pytest.mark.parametrize("plain_text", ["auto", "card", "raw"])
@pytest.mark.parametrize("headers", [client for client, _ in CLIENTS.values()], ids=list(CLIENTS))
async def test_c1s_own_form_is_the_same_to_everybody(
    stage: Stage, plain_text: str, headers: dict[str, str]
) -> None:
    scene = await stage(says(*C1), plain_text=plain_text)
    assert await answers(scene, headers) == [C1] * 4


async def test_the_card_grows_while_the_model_is_held(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = await stage([Delta("Hel"), gate, Delta("lo"), STOP])
    exchange = scene.post_chat(headers=BROWSER)
    assert (await anext(exchange)).decode() == CARD.partition("Hello")[0] + "Hel"
    gate.set()
    assert (await exchange.whole()).body.decode() == whole("Hello", None, cards=True)


async def test_a_silence_within_the_card_is_filled(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool may work for longer than a door waits for bytes."""
    monkeypatch.setattr("c1fn.api.streaming.SILENCE", 0.01)
    gate = asyncio.Event()
    scene = await stage([Delta("Hel"), gate, Delta("lo"), STOP])
    exchange = scene.post_chat(headers=BROWSER)
    pieces = [await anext(exchange) for _ in range(3)]
    assert pieces[1:] == [KEEP_ALIVE] * 2
    gate.set()
    body = (await exchange.whole()).body.replace(KEEP_ALIVE, b"").decode()
    assert body == whole("Hello", None, cards=True)


async def test_a_silence_within_a_followed_card_is_not_filled(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client asks for the rest by the number of its bytes: a keep-alive would count as a part of the
    card, and as many bytes of the rest would be lost.
    """
    monkeypatch.setattr("c1fn.api.streaming.SILENCE", 0.01)
    monkeypatch.setattr("c1fn.chat.converse.RENEWAL", 0.01)
    gate = asyncio.Event()
    scene = await stage([Delta("Hel"), gate, Delta("lo"), STOP])
    running = scene.post_chat(headers=BROWSER)
    await anext(running)
    following = scene.client.request("GET", "/api/threads/t/turns/r1", headers=BROWSER)
    begun = b""
    while b"Hel" not in begun:
        begun += await anext(following)
    for _ in range(running.sent.qsize() + 3):  # as long a silence to both
        assert await anext(running) == KEEP_ALIVE
    gate.set()
    await running.whole()
    before, begins, card = (await following.whole()).body.decode().partition("<content")
    assert before.replace("<!-- -->", "") == ""
    assert begins + card == whole("Hello", None, cards=True)


async def test_a_failure_is_told_below_the_text_wherever_it_is_read(stage: Stage) -> None:
    failed: list[Any] = [Delta("Half"), AnswerCut()]
    scene = await stage(failed, failed)
    told = await answers(scene, BROWSER)
    assert told == [whole("Half", AnswerCut(), cards=True)] * 4
    assert told[0] != "Half" + error_card(AnswerCut())


async def test_the_model_sees_what_it_said_and_no_card(stage: Stage) -> None:
    scene = await stage(says("Hello ", "*world*"), says("again"))
    await scene.client.post("/api/chat", body(), headers=BROWSER)
    await scene.client.post("/api/chat", body("and?", "r2"), headers=BROWSER)
    assert scene.model.asked[1][1] == Message("assistant", "Hello *world*")


async def test_what_its_reader_saved_is_shown_as_it_was_saved(stage: Stage) -> None:
    scene = await stage(says("Hello"))
    await scene.client.post("/api/chat", body(), headers=BROWSER)
    saved = f"{whole('Hello', None, cards=True)}<context>[]</context>"
    await scene.client.request("PUT", "/api/threads/t/messages/r1", {"content": saved}).whole()
    listed = await scene.client.get("/api/threads/t/messages", headers=BROWSER)
    assert listed.json[-1]["content"] == saved
