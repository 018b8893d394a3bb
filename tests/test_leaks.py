"""Planted keys, tokens and prompts come out nowhere; and the watch over all tests (leaks.py) can see."""

import json
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient

from c1fn.api.bodies import read_ask
from c1fn.errors import AnswerGarbled, BadField
from c1fn.identity.callers import Caller
from c1fn.runtime.emulator import Emulator
from c1fn.turn import Ask, Message
from tests.leaks import Watch, watch
from tests.upstream import FAULTS, Upstream

ROOT = Path(__file__).parent.parent
MODEL_KEY, CALLERS_KEY = "planted-key-of-the-model", "planted-key-of-a-caller"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.planted-signature"
PROMPT = "planted words of a person"
QUICK = FAULTS.keys() - {"hang", "hang-early", "split"}  # a silence takes its time and has tests of its own


def body(prompt: str, number: int) -> dict[str, Any]:
    return {"prompt": {"role": "user", "content": prompt}, "threadId": f"t{number}", "responseId": "r"}


def bad_bodies() -> list[bytes]:
    made = json.dumps(body(PROMPT, 0)).encode()
    return [
        made[:-1],
        made.replace(b'"user"', b'"system"'),
        made.replace(b'"role": "user"', f'"role": "{PROMPT}"'.encode()),
        made.replace(b'"t0"', f'"{PROMPT * 20}"'.encode()),
        made.replace(b'"t0"', f'{{"{PROMPT}": 1}}'.encode()),
        json.dumps({**body(PROMPT, 0), "prompt": PROMPT}).encode(),
        json.dumps({**body(PROMPT, 0), "prompt": {"role": "user", "content": [{"type": PROMPT}]}}).encode(),
        PROMPT.encode() + b"\xff",
    ]


async def told(client: AsyncClient, url: str) -> list[str]:
    """All that a function tells of bad days: bodies and headers of every refusal, and its OpenAPI page."""
    mine = {"authorization": f"Bearer {CALLERS_KEY}"}
    days = [
        *[(json.dumps(body(f"fault:{name} {PROMPT}", n)).encode(), mine) for n, name in enumerate(QUICK)],
        *[(made, mine) for made in bad_bodies()],
        *[(made, {"authorization": f"Bearer {TOKEN}"}) for made in bad_bodies()[:2]],
    ]
    answers = [await client.post(f"{url}/api/chat", content=made, headers=head) for made, head in days]
    answers += [await client.get(f"{url}/openapi.json"), await client.get(f"{url}/docs")]
    answers.append(await client.get(f"{url}/api/threads?cursor={TOKEN}", headers=mine))
    return [answer.text + str(answer.headers) for answer in answers]


EVERYTHING = {"AWS_LAMBDA_LOG_LEVEL": "DEBUG", "AWS_LAMBDA_LOG_FORMAT": "JSON", "OPENAI_LOG": "debug"}


@pytest.mark.parametrize(
    ("level", "loop"),
    [({}, {}), (EVERYTHING, {}), (EVERYTHING, {"bootstrap": None})],
    ids=["as deployed", "at DEBUG", "at DEBUG under AWS's own loop"],
)
async def test_a_function_tells_neither_keys_nor_tokens_nor_prompts_on_its_worst_days(
    level: dict[str, str], loop: dict[str, Any]
) -> None:
    log: list[str] = []
    async with Upstream(key=MODEL_KEY) as upstream:
        environ = level | {
            "THESYS_API_KEY": MODEL_KEY,
            "C1FN_BASE_URL": upstream.url,
            "C1FN_AUTH": "key",
            "C1FN_KEYS": json.dumps({"ann": CALLERS_KEY}),
        }
        async with Emulator(
            task_root=ROOT, environ=environ, concurrency=1, log=log.append, **loop
        ) as emulator:
            async with AsyncClient(timeout=50) as client:
                answers = await told(client, emulator.url)
            event = json.dumps({"prompt": {"role": "system", "content": PROMPT}, "key": CALLERS_KEY})
            async with AsyncClient(timeout=50) as client:
                path = f"{emulator.invoke_url}/2015-03-31/functions/function/invocations"
                answers += [(await client.post(path, content=text)).text for text in (event, event[:-1])]
    assert len([line for line in log if '"event":"turn"' in line]) >= len(QUICK)
    for secret in (MODEL_KEY, CALLERS_KEY, TOKEN, PROMPT):
        assert [text for text in (*log, *answers) if secret in text] == []


# --- the watch itself


def test_the_watch_learns_prompts_and_sees_them_in_what_was_printed() -> None:
    Ask("o", "t", "r", Message("user", PROMPT))
    assert PROMPT in watch.secrets
    seen = Watch()
    seen.plant(PROMPT)
    assert list(seen.leaks([("Captured log", f"why: {PROMPT}")])) == [f"{PROMPT!r} in Captured log"]
    assert list(seen.leaks([("Captured log", "why: planted")])) == []


def test_the_watch_sees_what_stands_in_the_chain_of_an_error() -> None:
    seen = Watch()
    seen.plant(PROMPT)
    careless = AnswerGarbled()
    careless.__cause__ = KeyError("a", ValueError(PROMPT))
    seen.made(careless)
    assert len(list(seen.leaks())) == 1
    careless.__cause__ = None  # `from None`
    assert list(seen.leaks()) == []


def test_a_refused_body_carries_no_trace_of_what_was_in_it() -> None:
    watch.plant(PROMPT)
    with pytest.raises(BadField):
        read_ask(bad_bodies()[5], Caller("o"))
    assert list(watch.leaks()) == []
