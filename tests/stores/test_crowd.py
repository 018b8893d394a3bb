"""Limits under a crowd: 64 callers in two processes, one server, lost replies; and not one turn too many."""

import asyncio
import json
import sys
import uuid
from collections import Counter

import pytest

from c1fn.stores.dynamodb import connect, table
from tests.processes import ROOT, environment
from tests.stores.crowd import OWNER

CALLERS = 32  # of each of the two processes


async def _half(*options: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.stores.crowd",
        *map(str, options),
        cwd=ROOT,
        env=environment({}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def _crowd(endpoint: str, name: str, **quota: int) -> Counter[str]:
    """What all callers were told, and how many replies were lost."""
    limits = [f"--{limit}={number}" for limit, number in quota.items()]
    halves = [
        await _half(endpoint, name, f"--seed={seed}", f"--callers={CALLERS}", *limits) for seed in (1, 2)
    ]
    for half in halves:
        assert half.stdout
        assert await half.stdout.readline() == b"ready\n"
    told: Counter[str] = Counter()
    for out, _ in await asyncio.gather(*(half.communicate(b"go\n") for half in halves)):
        told += Counter(json.loads(out))
    return told


@pytest.mark.parametrize(
    ("limit", "most", "refusal"), [("at_once", 5, "too_many_turns_at_once"), ("turns", 20, "turns_used_up")]
)
async def test_exactly_so_many_begin(dynamodb: str, limit: str, most: int, refusal: str) -> None:
    """Each on a thread of its own, and all of them run on."""
    client = connect(dynamodb)
    name = f"c1fn-{uuid.uuid4()}"
    table.create(client, name)
    told = await _crowd(dynamodb, name, **{limit: most})
    key = {"pk": {"S": f"Q#{OWNER}"}, "sk": {"S": "usage"}}
    row = client.get_item(TableName=name, Key=key, ConsistentRead=True)["Item"]
    client.delete_table(TableName=name)
    client.close()
    lost = told.pop("lost")
    assert told == {"admitted": most, refusal: 2 * CALLERS - most}
    assert row["turns"]["N"] == str(most)
    assert lost > 10
