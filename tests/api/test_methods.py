import pytest

from tests.api.scene import Stage
from tests.scripted import says


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/api/threads", "/openapi.json", "/api/threads/none/messages"]
)
async def test_head_is_get_without_its_body(stage: Stage, path: str) -> None:
    client = (await stage(says("a"))).client
    get, head = await client.get(path), await client.request("HEAD", path).whole()
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


async def test_head_reads_no_answer(stage: Stage) -> None:
    scene = await stage(says("a"))
    await scene.ask()
    head = await scene.client.request("HEAD", "/api/threads/t/turns/r1").whole()
    assert (head.status, head.body, head.headers["content-type"]) == (200, b"", "text/event-stream")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/api/threads", "GET, POST, HEAD"),
        ("GET", "/api/threads/t", "PUT, DELETE"),
        ("HEAD", "/api/chat", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
async def test_a_method_that_is_not_taken_is_told_all_that_are(
    stage: Stage,
    method: str,
    path: str,
    allowed: str,
) -> None:
    answer = await (await stage(says("a"))).client.request(method, path).whole()
    assert (answer.status, answer.headers["allow"]) == (405, allowed)
