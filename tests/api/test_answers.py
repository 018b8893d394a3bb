"""An answer is followed, whole or from a place in it. (It is stopped in test_threads.py.)"""

import asyncio

from c1fn.errors import AnswerCut
from c1fn.events import Delta
from tests.api.scene import BROWSER, Stage
from tests.scripted import says


async def test_an_answer_can_be_read_again_by_its_name(stage: Stage) -> None:
    scene = await stage(says("ab"))
    await scene.ask()
    assert (await scene.client.get("/api/threads/t/turns/r1")).body == b"ab"
    assert (await scene.client.get("/api/threads/t/turns/r2")).status == 404


async def test_a_follower_comes_back_for_what_it_has_not_until_there_is_nothing(stage: Stage) -> None:
    scene = await stage(says("<content>", "größe"))
    whole = (await scene.ask()).body
    path = "/api/threads/t/turns/r1"
    for cut in range(len(whole.decode())):
        begun = whole.decode()[:cut].encode()
        answer = await scene.client.get(f"{path}?after={len(begun)}")
        assert (answer.status, begun + answer.body) == (200, whole)
    for after in (len(whole), len(whole) + 1, 2**31 - 1):
        answer = await scene.client.get(f"{path}?after={after}")
        assert (answer.status, answer.body) == (204, b"")
    assert (await scene.client.get("/api/threads/t/turns/none?after=5")).status == 404
    for wrong in ("-1", "x", "1.5", str(2**31), "9" * 5000):
        answer = await scene.client.get(f"{path}?after={wrong}")
        assert (answer.status, answer.json["field"]) == (422, "after")


async def test_a_failure_is_told_once(stage: Stage) -> None:
    scene = await stage([Delta("<content>so"), AnswerCut()])
    whole = (await scene.ask()).body
    path = "/api/threads/t/turns/r1"
    partial = len("<content>so")
    assert (await scene.client.get(f"{path}?after={partial}")).body == whole[partial:] != b""
    assert (await scene.client.get(f"{path}?after={len(whole)}")).status == 204


async def test_plain_text_is_told_on_from_within_its_card(stage: Stage) -> None:
    """A browser gets it as a card, and counts the bytes that it got."""
    scene = await stage(says("plain ", "text"))
    whole = (await scene.ask(**BROWSER)).body
    for after in range(1, len(whole)):
        answer = await scene.client.get(f"/api/threads/t/turns/r1?after={after}", headers=BROWSER)
        assert (answer.status, whole[:after] + answer.body) == (200, whole)


async def test_a_wait_for_the_rest_sends_nothing_that_is_no_part_of_it(stage: Stage) -> None:
    gate = asyncio.Event()
    scene = await stage([Delta("<content>a"), gate, *says("b")])
    running = scene.post_chat()
    assert await anext(running) == b"<content>a"
    follower = scene.client.request("GET", "/api/threads/t/turns/r1?after=10")
    gate.set()
    await running.whole()
    assert (await follower.whole()).body == b"b"
