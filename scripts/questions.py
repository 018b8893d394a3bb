"""Questions whose machine is killed, on a real DynamoDB server: ``python scripts/questions.py``.

A tool asks first; the process that asked is killed with SIGKILL. Half of the questions are then answered by
another function, from four clients at once, which approve and refuse: one of them is heard. The others are
approved by a function whose process is killed, too: at a random moment, or between the call and its result.
The answer is then asked for again until it is whole. What was approved is made once, what was refused never.
Where a process died with the result, the model reads that nobody knows. Ends with 1 if anything is wrong.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from httpx2 import AsyncClient, HTTPError  # noqa: E402 - the path comes first

from c1fn.api.wires.question import APPROVE, REFUSE  # noqa: E402
from c1fn.runtime.emulator import Emulator  # noqa: E402
from c1fn.turn.transcript import UNKNOWN  # noqa: E402
from scripts.books import Books  # noqa: E402
from scripts.survive import PATIENCE, functions  # noqa: E402
from tests.processes import chat_body  # noqa: E402
from tests.upstream import Answer, Request, Upstream, call, say  # noqa: E402

DONE = "It is decided."
LOOK = 0.01  # seconds between two looks whether the call was made
LONGEST = 2.0  # seconds after an answer was posted in which its process is killed: it starts, calls, answers


@dataclass
class Questions(Books):
    """What happened, and what was wrong with it."""

    ends: Counter[str] = field(default_factory=Counter)


def respond(request: Request) -> Answer:
    """Call the tool for a prompt; after its result say that all is decided."""
    if request.body["messages"][-1]["role"] == "tool":
        return say(DONE)
    return call(("c1", "refund", f'{{"order": "{request.prompt}"}}'))


def pressed(button: str, question: str) -> str:
    """What the official client sends for a button of this question."""
    return f'<content>Yes</content><context>["User clicked on Button: {button}{question}", {{}}]</context>'


def kill(function: Emulator) -> None:
    for pid in function.function.processes:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


async def post(function: Emulator, client: AsyncClient, prompt: str, response: str, thread: str) -> str:
    """What came of a prompt, or the code of the refusal."""
    answer = await client.post(f"{function.url}/api/chat", json=chat_body(prompt, response, thread))
    return answer.headers.get("c1fn-error") or answer.text.replace("<!-- -->", "")


async def answered(other: Emulator, client: AsyncClient, name: str, books: Questions) -> bool:
    """Four clients answer at once. Whether it was approved."""
    buttons = [APPROVE, REFUSE, APPROVE, REFUSE]
    told = await asyncio.gather(
        *(post(other, client, pressed(b, name), f"{name}-{n}", name) for n, b in enumerate(buttons))
    )
    heard = [button for button, text in zip(buttons, told, strict=True) if text.endswith(DONE)]
    books.demand(len(heard) == 1, f"{name}: {len(heard)} answers were heard: {told}")
    books.demand(
        all(text.endswith(DONE) or text in {"thread_busy", "not_waiting"} for text in told), f"{name}: {told}"
    )
    books.ends["heard at once"] += 1
    return heard == [APPROVE]


async def died(mortal: Emulator, client: AsyncClient, name: str, moment: Awaitable[None]) -> None:
    """The process is killed at this moment after the answer was posted."""

    async def first() -> None:
        with suppress(HTTPError):
            await post(mortal, client, pressed(APPROVE, name), f"{name}-0", name)

    await awake(mortal, client)
    posting = asyncio.create_task(first())
    await moment
    kill(mortal)
    await posting


async def awake(function: Emulator, client: AsyncClient) -> None:
    """Wait for a process that serves, in the place of the one that was killed."""
    for _ in range(int(PATIENCE / LOOK)):
        with suppress(HTTPError):
            if (await client.get(f"{function.url}/healthz")).is_success:
                return
        await asyncio.sleep(LOOK)


async def call_made(made: IO[str], name: str) -> None:
    """The moment between a call and its result, which the tool holds open for a while."""
    for _ in range(int(PATIENCE / LOOK)):
        made.seek(0)
        if f"{name}\n" in made.read():
            return
        await asyncio.sleep(LOOK)


async def again(other: Emulator, client: AsyncClient, name: str, books: Questions) -> None:
    """Ask for the answer until it is whole."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        if (await post(other, client, pressed(APPROVE, name), f"{name}-0", name)).endswith(DONE):
            return
        await asyncio.sleep(0.2)
    books.demand(False, f"{name}: no whole answer within {PATIENCE:g} s")


async def questions(count: int, seed: int) -> Questions:
    unknown: list[str] = []
    dice, books, approved = random.Random(seed), Questions(), dict[str, bool | None]()
    with tempfile.NamedTemporaryFile("r") as made:
        extra = {"C1FN_TOOLS": "scripts.refunds:TOOLS", "REFUNDS": made.name}
        async with (
            Upstream(respond) as upstream,
            functions(upstream, (1, 1), (1, 64), environ=extra) as (mortal, other),
            AsyncClient(timeout=60) as client,
        ):
            retries = []
            for number in range(count):
                name = f"order-{number}"
                await awake(mortal, client)
                card = await post(mortal, client, name, name, name)
                books.demand(APPROVE + name in card, f"{name}: no question, but {card[:200]}")
                kill(mortal)
                if number % 2:
                    approved[name] = await answered(other, client, name, books)
                else:
                    midway = number % 4 == 0
                    after = dice.uniform(0, LONGEST)
                    moment = call_made(made, name) if midway else asyncio.sleep(after)
                    await died(mortal, client, name, moment)
                    books.ends["killed midway" if midway else "killed at random"] += 1
                    approved[name] = True if midway else None
                    unknown += [name] * midway
                    retries.append(asyncio.create_task(again(other, client, name, books)))
                print(f"question {number + 1} of {count}", flush=True)
            await asyncio.gather(*retries)
            told = {r.prompt: r.body["messages"][-1]["content"] for r in upstream.requests}
            for name in unknown:
                books.demand(UNKNOWN in told[name], f"{name}: the model read {told[name]}")
            await check(other, client, counted(made), approved, books)
    return books


def counted(made: IO[str]) -> Counter[str]:
    made.seek(0)
    return Counter(made.read().split())


async def check(
    other: Emulator,
    client: AsyncClient,
    made: Counter[str],
    approved: dict[str, bool | None],
    books: Questions,
) -> None:
    for name, wanted in approved.items():
        calls = made[name]
        right = calls <= 1 if wanted is None else calls == wanted
        books.demand(right, f"{name}: {calls} calls, approved: {wanted}")
        books.ends["made once" if calls else "not made"] += 1
        found = (await client.get(f"{other.url}/api/threads/{name}/messages")).json()
        books.demand([m["role"] for m in found] == ["user", "assistant"] * 2, f"{name}: stored as {found}")
        books.demand(found[-1]["content"] == DONE, f"{name}: ends with {found[-1]['content']}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    books = asyncio.run(questions(options.count, options.seed))
    print(dict(books.ends))
    print(f"{len(books.wrong)} wrong, in {time.monotonic() - began:.0f} s")
    return 1 if books.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
