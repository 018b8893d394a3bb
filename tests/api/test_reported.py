"""What users of other chats reported of branches, feedback and shared links, asked of this one.

docs/testing.md names the reports.
"""

from c1fn.errors import AnswerCut
from c1fn.events import Delta
from tests.api.owners import ANN, Meet, Owners
from tests.asgi import Exchange
from tests.scripted import says


async def opened(scene: Owners, token: str) -> Exchange:
    return await scene.client.request("GET", f"/api/shares/{token}", b"", {}).whole()


async def test_the_first_of_many_answers_is_tried_again(meet: Meet) -> None:
    """From that point, and not from a later one; the model is sent the one prompt, and no old one."""
    scene = await meet(*[says(f"answer {number}") for number in range(7)], says("better"))
    for number in range(7):
        await scene.say("t", f"r{number}", f"question {number}")
    await scene.call("POST", "/t/fork", {"threadId": "u", "before": "r0"})
    await scene.say("u", "again", "question 0")
    assert [message.content for message in scene.model.asked[-1]] == ["question 0"]
    assert await scene.texts("u") == ["question 0", "better"]
    assert len(await scene.texts("t")) == 14


async def test_a_prompt_is_edited_again_and_again(meet: Meet) -> None:
    """Each time a thread of its own, and none of the earlier ones loses a message."""
    scene = await meet(says("a"))
    await scene.say("t", "r1", "first")
    await scene.say("t", "r2", "second")
    for edit in range(6):
        await scene.call("POST", "/t/fork", {"threadId": f"u{edit}", "before": "r2"})
        await scene.say(f"u{edit}", "r2", f"edit {edit}")
    for edit in range(6):
        assert await scene.texts(f"u{edit}") == ["first", "a", f"edit {edit}", "a"]
    assert await scene.texts("t") == ["first", "a", "second", "a"]


async def test_in_a_branch_an_answer_is_tried_again(meet: Meet) -> None:
    """A branch of a branch, also before an answer that came along; and an answer that failed."""
    scene = await meet(says("one"), says("two"), [Delta("thr"), AnswerCut()], says("three"), says("new"))
    await scene.say("t", "r1", "first")
    await scene.say("t", "r2", "second")
    await scene.call("POST", "/t/fork", {"threadId": "u"})
    await scene.say("u", "r3", "third")
    await scene.call("POST", "/u/fork", {"threadId": "v", "before": "r3"})
    await scene.say("v", "r4", "third")
    assert await scene.texts("v") == ["first", "one", "second", "two", "third", "three"]
    await scene.call("POST", "/v/fork", {"threadId": "w", "before": "r2"})
    await scene.say("w", "r5", "second")
    assert await scene.texts("w") == ["first", "one", "second", "new"]


async def test_an_answer_is_tried_again_many_times(meet: Meet) -> None:
    """Nothing is hidden, no prompt stands there twice, and no old answer reaches the model."""
    scene = await meet(*[says(f"poem {number}") for number in range(9)])
    await scene.say("t0", "r0", "a poem")
    for number in range(1, 9):
        await scene.call(
            "POST", f"/t{number - 1}/fork", {"threadId": f"t{number}", "before": f"r{number - 1}"}
        )
        await scene.say(f"t{number}", f"r{number}", "a poem")
        assert [message.content for message in scene.model.asked[-1]] == ["a poem"]
    for number in (0, 4, 8):
        assert await scene.texts(f"t{number}") == ["a poem", f"poem {number}"]


async def test_a_failed_second_try_leaves_the_first_answer(meet: Meet) -> None:
    scene = await meet(says("good"), [Delta("ba"), AnswerCut()])
    await scene.say("t", "r1", "first")
    await scene.call("POST", "/t/fork", {"threadId": "u", "before": "r1"})
    await scene.say("u", "r2", "first")
    assert await scene.texts("t") == ["first", "good"]
    assert (await scene.texts("u"))[0] == "first"


async def test_feedback_is_there_when_the_thread_is_opened_again(meet: Meet) -> None:
    """Also after further turns; feedback of a failed answer too."""
    scene = await meet(says("one"), [Delta("tw"), AnswerCut()], says("three"))
    for response in ("r1", "r2", "r3"):
        await scene.say("t", response, response)
    for response, value in (("r1", "up"), ("r2", "down")):
        path = f"/t/messages/{response}/feedback"
        assert (await scene.call("PUT", path, {"value": value, "comment": "why"})).status == 204
    messages = (await scene.call("GET", "/t/messages")).json
    assert [one.get("feedback", {}).get("value") for one in messages if one["role"] == "assistant"] == [
        "up",
        "down",
        None,
    ]


async def test_a_new_link_shows_what_was_said_since_and_an_old_one_does_not(meet: Meet) -> None:
    scene = await meet(says("a"))
    await scene.say("t", "r1", "first")
    old = (await scene.call("POST", "/t/shares")).json["token"]
    await scene.say("t", "r2", "second")
    new = (await scene.call("POST", "/t/shares")).json["token"]
    assert [len((await opened(scene, token)).json["messages"]) for token in (old, new)] == [2, 4]


async def test_links_go_with_their_threads(meet: Meet) -> None:
    """From the list too: nobody is led from there to a conversation that is not there."""
    scene = await meet(says("a"))
    for thread in ("t", "u"):
        await scene.say(thread, "r1", "first")
        await scene.call("POST", f"/{thread}/shares")
    await scene.call("DELETE", "/t")
    shares = (await scene.client.get("/api/shares", headers=ANN)).json["shares"]
    assert [share["threadId"] for share in shares] == ["u"]
