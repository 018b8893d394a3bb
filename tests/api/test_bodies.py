import json
import re
from typing import Any

import pytest

from c1fn.api import bodies
from c1fn.api.bodies import WORD, ChatBody, read_ask
from c1fn.errors import BadField, BadRequest, NotJson, RoleNotAllowed, UnsupportedPart
from c1fn.identity.callers import Caller
from tests.api.scene import Stage
from tests.scripted import says

GOOD: dict[str, Any] = {"prompt": {"role": "user", "content": "hi"}, "threadId": "t", "responseId": "r"}


def read(body: object) -> Any:
    return read_ask(body if isinstance(body, bytes) else json.dumps(body).encode(), Caller("o"))


def with_prompt(**fields: object) -> dict[str, Any]:
    return {**GOOD, "prompt": {"role": "user", "content": "hi", **fields}}


def refusal(body: object) -> tuple[type[BadRequest], str | None]:
    with pytest.raises(BadRequest) as caught:
        read(body)
    return type(caught.value), caught.value.field


def test_the_official_clients_body_is_read_verbatim() -> None:
    content = '<content thesys="true">hello &lt;b&gt;</content>'
    ask = read(with_prompt(content=content, id="74f25709-3684-4439-bd67-964ed98ed0df"))
    assert (ask.owner, ask.thread_id, ask.response_id) == ("o", "t", "r")
    assert (ask.prompt.role, ask.prompt.content) == ("user", content)
    assert ask.prompt.id == "74f25709-3684-4439-bd67-964ed98ed0df"


def test_text_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert read(with_prompt(content=parts)).prompt.content == "ab"


def test_fields_that_newer_clients_add_are_let_be() -> None:
    assert read({**with_prompt(name="Ann"), "extra": 1}) == read(GOOD)


@pytest.mark.parametrize("name", ["__proto__", "a/b/../c", "😀", " ", "a#b", "T#0000000001", "a" * 128])
def test_any_printable_name_is_a_thread(name: str) -> None:
    assert read({**GOOD, "threadId": name}).thread_id == name


@pytest.mark.parametrize("content", ["a ", "\0", "مرحبا", "a" * 100_000, "</content>"])
def test_any_text_is_a_prompt(content: str) -> None:
    assert read(with_prompt(content=content)).prompt.content == content


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b'"a"', b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_refused_as_such(body: bytes) -> None:
    assert refusal(body) == (NotJson, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompt"),
        ({**GOOD, "prompt": "hi"}, "prompt"),
        ({**GOOD, "prompt": {"content": "hi"}}, "prompt.role"),
        ({**GOOD, "prompt": {"role": "user"}}, "prompt.content"),
        (with_prompt(content=""), "prompt.content"),
        (with_prompt(content=[]), "prompt.content"),
        (with_prompt(content=5), "prompt.content"),
        (with_prompt(content=None), "prompt.content"),
        (with_prompt(content=[5]), "prompt.content"),
        (with_prompt(content=[{"type": "text"}]), "prompt.content"),
        (with_prompt(id=""), "prompt.id"),
        ({**GOOD, "threadId": None}, "threadId"),
        ({**GOOD, "threadId": ""}, "threadId"),
        ({**GOOD, "threadId": 5}, "threadId"),
        ({**GOOD, "threadId": "a" * 129}, "threadId"),
        ({**GOOD, "threadId": "a\nb"}, "threadId"),
        ({**GOOD, "responseId": "a\0"}, "responseId"),
        ({**GOOD, "responseId": "\x85"}, "responseId"),
    ],
)
def test_a_wrong_field_is_named(body: object, field: str) -> None:
    assert refusal(body) == (BadField, field)


@pytest.mark.parametrize("role", ["system", "assistant", "tool", "developer", "User", "", None, 1])
def test_only_a_user_may_speak(role: object) -> None:
    assert refusal(with_prompt(role=role)) == (RoleNotAllowed, "prompt.role")


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file", "refusal"])
def test_a_part_that_is_no_text_is_refused_with_its_place(kind: str) -> None:
    parts = [{"type": "text", "text": "see"}, {"type": kind, kind: {"url": "data:"}}]
    assert refusal(with_prompt(content=parts)) == (UnsupportedPart, "prompt.content.1.type")


def test_a_refusal_does_not_repeat_the_prompt() -> None:
    with pytest.raises(BadRequest) as caught:
        read({**with_prompt(content="planted"), "threadId": ""})
    assert "planted" not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__suppress_context__}"
    assert caught.value.__suppress_context__


def test_half_a_character_is_no_json() -> None:
    assert refusal(b'{"prompt":{"role":"user","content":"\\ud83d"}}') == (NotJson, None)


def test_the_schema_tells_exactly_which_texts_are_blank() -> None:
    """Whoever generates requests from it meets no refusal that it does not foresee."""
    characters = map(chr, range(0x3100))  # every blank of Unicode is below
    assert [c for c in characters if bool(re.search(WORD, c)) != bool(c.strip())] == []
    text, parts = ChatBody.model_json_schema()["$defs"]["Prompt"]["properties"]["content"]["anyOf"]
    assert text["pattern"] == parts["contains"]["properties"]["text"]["pattern"] == WORD


def test_a_prompt_without_an_id_has_none() -> None:
    assert read(GOOD).prompt.id is None


def test_a_saved_answer_has_at_least_one_character() -> None:
    """An empty one would hide what was said: it is a fault of the client."""
    assert bodies.read(bodies.AnswerBody, b'{"content": "x"}').content == "x"
    with pytest.raises(BadField) as caught:
        bodies.read(bodies.AnswerBody, b'{"content": ""}')
    assert caught.value.field == "content"


@pytest.mark.parametrize(("length", "fits"), [(bodies.ID_LENGTH, True), (bodies.ID_LENGTH + 1, False)])
def test_an_id_may_be_exactly_as_long_as_the_limit(length: int, fits: bool) -> None:  # noqa: FBT001 - a case
    body = {**GOOD, "threadId": "a" * length}
    if fits:
        assert read(body).thread_id == "a" * length
    else:
        assert refusal(body) == (BadField, "threadId")


@pytest.mark.parametrize(
    ("length", "fits"), [(1, True), (bodies.TITLE_LENGTH, True), (bodies.TITLE_LENGTH + 1, False)]
)
def test_a_title_may_be_exactly_as_long_as_the_limit(length: int, fits: bool) -> None:  # noqa: FBT001 - a case
    body = json.dumps({"title": "a" * length}).encode()
    if fits:
        assert bodies.read(bodies.TitleBody, body).title == "a" * length
    else:
        with pytest.raises(BadField):
            bodies.read(bodies.TitleBody, body)


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_not_read(stage: Stage, declared: bool) -> None:  # noqa: FBT001 - a case
    scene = await stage(says("a"), max_body=1024)
    size = {"content-length": "999999"} if declared else {}
    answer = await scene.client.post("/api/chat", b"x" * (10 if declared else 1025), headers=size)
    assert (answer.status, answer.json["code"]) == (413, "too_large")
    assert answer.json["detail"] == "The body may have 1024 bytes at most. Send less at once."


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_may_be_exactly_as_long_as_the_limit(stage: Stage, declared: bool) -> None:  # noqa: FBT001 - a case
    scene = await stage(says("a"), max_body=1024)
    prompt = {"role": "user", "content": "hi"}
    body = json.dumps({"prompt": prompt, "threadId": "t", "responseId": "r"}).encode().ljust(1024)
    headers = {"content-length": "1024"} if declared else {}
    assert (await scene.client.post("/api/chat", body, headers=headers)).status == 200


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_bug(stage: Stage) -> None:
    scene = await stage(says("a"))
    exchange = scene.client.request("POST", "/api/chat", b'{"pro', whole=False)
    exchange.leave()
    assert (await exchange.whole()).json["code"] == "bad_request"
    assert scene.model.asked == []


async def test_a_length_that_is_no_number_any_more_is_too_large(stage: Stage) -> None:
    scene = await stage(says("a"))
    answer = await scene.client.post("/api/chat", b"{}", headers={"content-length": "9" * 5000})
    assert answer.status == 413
