"""What the DynamoDB store makes of faults: each at a chosen call, against a real server."""

import asyncio
import random
import socket
import string
import uuid
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from c1fn.errors import (
    Busy,
    LeaseLost,
    Mismatch,
    NotFound,
    StoreUnavailable,
    TokensUsedUp,
    TooManyAtOnce,
    TurnsUsedUp,
    WritesUsedUp,
)
from c1fn.net.aws import Refused, Unreachable
from c1fn.net.aws.client import Answer, Request
from c1fn.stores import DAY, LEASE, Claim, Quota, Replay, Running
from c1fn.stores.dynamodb import DynamoStore, connect, service, table
from c1fn.stores.dynamodb.calls import ATTEMPTS, Calls
from c1fn.stores.dynamodb.keys import ThreadKey, turn_sk, usage_key
from c1fn.stores.dynamodb.usage_row import UsageRow
from c1fn.turn import State, Turn, Usage
from c1fn.turn.transcript import for_model
from tests.stores.clockwork import Clockwork
from tests.stores.contract import answered, ask, claimed, told
from tests.stores.faults import reply
from tests.stores.machines import Machine, at_once, meanwhile, one_pk, passed, says

PARTS = "".join(f"{i * 104_729:08x}" for i in range(2_000))
"""A prompt that is too long for a lock."""

# ---- round trips


async def test_a_first_turn_takes_one_round_trip_before_the_model_and_one_after(one: Machine) -> None:
    """The lock makes the thread: there is nothing to read. A commit is one call, the release is for later."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    assert one.sky.seen == ["UpdateItem"]
    one.sky.seen.clear()
    await one.store.turns.commit(claim, answered(claim, "hi"))
    assert one.sky.seen == ["PutItem"]
    await one.store.settle()
    assert one.sky.seen == ["PutItem", "UpdateItem"]


async def test_a_thread_of_fewer_turns_than_are_read_takes_one_reading(one: Machine) -> None:
    """The responseId is one of theirs, or nobody's."""
    for response in ("r1", "r2"):
        await say(one, response, "t")
    one.sky.seen.clear()
    claimed(await one.store.turns.open(ask("r3"), history=2))
    assert one.sky.seen == ["UpdateItem", "Query"]


async def test_an_answer_is_known_whatever_number_the_threads_row_has_lost(
    one: Machine, endpoint: tuple[str, str]
) -> None:
    """The row's number decides how much is read, not what is believed."""
    for response in ("r1", "r2", "r3"):
        await say(one, response, "t")
    one.client.update_item(
        TableName=endpoint[1],
        Key=ThreadKey("ann", "t").row,
        UpdateExpression="REMOVE #n",
        ExpressionAttributeNames={"#n": "n"},
    )
    opened = await one.store.turns.open(ask("r1"), history=1)
    assert isinstance(opened, Replay)
    assert opened.turn.number == 1


async def test_two_round_trips_before_the_model_in_a_long_thread(one: Machine) -> None:
    """The lock first, then what stands behind it at once."""
    for response in ("r1", "r2"):
        await say(one, response, "t")
    one.sky.seen.clear()
    gate = asyncio.Barrier(2)

    async def held(_: Request) -> None:
        assert one.sky.seen[0] == "UpdateItem"
        await gate.wait()

    one.sky.at("Query", held, held)
    claimed(await one.store.turns.open(ask("r3"), history=1))
    assert one.sky.seen == ["UpdateItem", "Query", "Query"]


async def test_a_young_turn_costs_nothing(one: Machine, time: Clockwork) -> None:
    """A turn of less than a second is not renewed; a longer one listens, and writes every ten seconds."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    one.sky.seen.clear()
    await one.store.turns.renew(claim, "")
    assert one.sky.seen == []
    for _ in range(20):
        time.advance(1)
        await one.store.turns.renew(claim, "said")
    assert one.sky.seen.count("UpdateItem") == 2
    assert one.sky.seen.count("GetItem") == 18


# ---- lost replies, throttling


@pytest.mark.parametrize("operation", ["UpdateItem", "Query"])
async def test_open_through_faults(one: Machine, operation: str) -> None:
    """Throttling, errors of the server, cut connections and a lost reply: the turn opens all the same."""
    await one.store.threads.create("ann", "t", "Plans")
    one.sky.at(operation, says(400, "ThrottlingException"), says(500, "InternalServerError"))
    one.sky.at(operation, one.sky.unsent, one.sky.lost)
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    assert len(await one.store.threads.load("ann", "t")) == 1


async def test_commit_through_faults(one: Machine) -> None:
    """A commit whose reply was lost is sent again and known as our own."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    one.sky.at("PutItem", says(503, "ServiceUnavailable"), one.sky.lost)
    turn = answered(claim, "hi")
    await one.store.turns.commit(claim, turn)
    assert await one.store.threads.load("ann", "t") == (turn,)


async def test_commit_through_an_outage(one: Machine) -> None:
    """A store that is away for as long as the lease holds costs no finished answer."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    one.sky.at("PutItem", *[one.sky.unsent] * ATTEMPTS * 25)
    turn = answered(claim, "hi")
    await one.store.turns.commit(claim, turn)
    assert await one.store.threads.load("ann", "t") == (turn,)


async def test_patience_with_a_commit_ends(one: Machine) -> None:
    """It is tried for a lease after the last renewal, however many of these go through for two minutes."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    turn = answered(claim, "hi")
    for renewals, rounds in ((False, 35), (True, 161)):
        one.sky.at("PutItem", *[one.sky.unsent] * ATTEMPTS * 200)
        one.sky.at("UpdateItem", *([] if renewals else [one.sky.unsent] * ATTEMPTS * 200))
        one.sky.seen.clear()
        with pytest.raises(StoreUnavailable):
            await one.store.turns.commit(claim, turn)
        assert one.sky.seen.count("PutItem") == rounds * ATTEMPTS
        one.sky.clear()
    await one.store.turns.commit(claim, turn)
    assert await one.store.threads.load("ann", "t") == (turn,)


async def test_commit_again_through_faults(one: Machine) -> None:
    """The same for a failed turn that was run again."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, state=State.FAILED))
    one.sky.at("UpdateItem", one.sky.lost, one.sky.lost)
    again = claimed(await one.store.turns.open(ask("r1"), history=20))
    one.sky.at("PutItem", one.sky.lost)
    turn = answered(again, "hi")
    await one.store.turns.commit(again, turn)
    assert await one.store.threads.load("ann", "t") == (turn,)


async def test_take_over_through_lost_replies(one: Machine, other: Machine, time: Clockwork) -> None:
    """Fence and seizure may lose their replies: the dead turn is buried once, and ours is next."""
    claimed(await one.store.turns.open(ask("r1"), history=20))
    time.advance(LEASE)
    other.sky.at("UpdateItem", lambda _: None, other.sky.lost)
    other.sky.at("PutItem", other.sky.lost)
    claim = claimed(await other.store.turns.open(ask("r2"), history=20))
    assert (claim.number, [turn.state for turn in claim.history]) == (2, [State.INTERRUPTED])


async def test_patience_ends(one: Machine) -> None:
    """After a bounded number of tries the store is unavailable, and says so in one sentence."""
    one.sky.at("UpdateItem", *[says(400, "ThrottlingException")] * ATTEMPTS)
    with pytest.raises(StoreUnavailable, match="work: ThrottlingException"):
        await one.store.turns.open(ask("r1"), history=20)
    assert one.sky.seen.count("UpdateItem") <= ATTEMPTS + 1


async def test_half_opened_is_given_back(one: Machine) -> None:
    """An open that failed halfway leaves the thread free at once, not after a lease."""
    await one.store.threads.create("ann", "t", "Plans")
    one.sky.at("Query", *[one.sky.unsent] * ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await one.store.turns.open(ask("r1"), history=20)
    await one.store.settle()
    claim = claimed(await one.store.turns.open(ask("r2"), history=20))
    assert claim.number == 1


async def give_up(machine: Machine, response_id: str, sent: asyncio.Event) -> None:
    """Cancel an open when the request that sets ``sent`` is on its way."""
    opening = asyncio.ensure_future(machine.store.turns.open(ask(response_id), history=20))
    await sent.wait()
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)


async def test_cancelled_open_is_given_back(one: Machine) -> None:
    """So does an open that was cancelled while its lock was on its way."""
    sent, go = asyncio.Event(), asyncio.Event()

    async def slow(_: Request) -> None:
        sent.set()
        await go.wait()

    one.sky.at("UpdateItem", slow)
    await give_up(one, "r1", sent)
    go.set()
    await one.store.settle()
    assert claimed(await one.store.turns.open(ask("r2"), history=20)).number == 1


async def test_the_error_of_a_cancelled_open_is_in_no_log(one: Machine) -> None:
    """Who asked has gone. Python 3.14 logs the error of what was behind a shield."""
    sent, go, told = asyncio.Event(), asyncio.Event(), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def refused(_: Request) -> None:
        sent.set()
        await go.wait()
        raise Unreachable("planted", passes=False)

    one.sky.at("UpdateItem", refused)
    await give_up(one, "r1", sent)
    go.set()
    await one.store.settle()
    assert told == []


async def test_cancelled_take_over_is_given_back(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """The same where the open was taking over the lock of a dead turn."""
    claimed(await one.store.turns.open(ask("r1"), history=20))
    time.advance(LEASE)
    taker = Machine(endpoint, time)
    taker.sky.at("UpdateItem", passed, passed)  # the lock, its closing; then comes the taking over
    sent = taker.sky.slow("UpdateItem", "UpdateItem")
    await give_up(taker, "r2", sent)
    await taker.close()
    claim = claimed(await one.store.turns.open(ask("r3"), history=20))
    assert [turn.response_id for turn in claim.history] == ["r1"]


async def test_a_claim_has_a_lease(one: Machine, other: Machine, time: Clockwork) -> None:
    """However long an open took: when it returns a claim, nobody else can begin a turn."""
    await one.store.threads.create("ann", "t", "Plans")
    one.sky.at("Query", lambda _: time.advance(LEASE))
    claimed(await one.store.turns.open(ask("r1"), history=20))
    with pytest.raises(Busy):
        await other.store.turns.open(ask("r2"), history=20)


async def test_an_open_that_was_passed_over_is_no_claim(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Its lease ended while it wrote its prompt, and another turn ran: it is told of its interrupted turn."""

    async def another_turn() -> None:
        time.now += LEASE
        another = Machine(endpoint, time)
        claim = claimed(await another.store.turns.open(ask("r2"), history=20))
        await another.store.turns.commit(claim, answered(claim, "hi"))
        await another.close()

    one.sky.at("PutItem", meanwhile(another_turn))
    opened = await one.store.turns.open(ask("r1", PARTS), history=20)
    assert isinstance(opened, Replay)
    assert opened.turn.state == State.INTERRUPTED


async def test_lost_release_is_healed(one: Machine, other: Machine) -> None:
    """A turn whose release never arrived is finished for everybody, and the thread is not busy."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    turn = answered(claim, "hi")
    await one.store.turns.commit(claim, turn)
    one.sky.at("UpdateItem", *[one.sky.unsent] * ATTEMPTS)
    await one.store.settle()
    assert await other.store.turns.open(ask("r1"), history=20) == Replay(turn)
    assert await other.store.threads.load("ann", "t") == (turn,)
    assert await other.store.turns.stop("ann", "t", None) is False
    assert await told(other.store.turns.follow("ann", "t", "r1")) == ("hi", turn)
    claim = claimed(await other.store.turns.open(ask("r2"), history=20))
    assert (claim.number, claim.history) == (2, (turn,))


async def two_turns(machine: Machine) -> list[Turn]:
    turns = []
    for response in ("r1", "r2"):
        claim = claimed(await machine.store.turns.open(ask(response), history=20))
        turns.append(answered(claim, f"answer of {response}"))
        await machine.store.turns.commit(claim, turns[-1])
        await machine.store.settle()
    return turns


async def test_a_lock_that_comes_late(one: Machine, time: Clockwork) -> None:
    """The lock of a turn that is long over, delivered once more, stores nothing when its lease is over."""
    ghosts: list[Request] = []

    def noted(request: Request) -> None:
        ghosts.append(request)

    one.sky.at("UpdateItem", noted)
    turns = await two_turns(one)
    await one.sky.pass_on(ghosts[0])
    assert await one.store.threads.load("ann", "t") == tuple(turns)
    time.advance(LEASE)
    claim = claimed(await one.store.turns.open(ask("r3"), history=20))
    assert (claim.number, claim.history) == (3, tuple(turns))


async def test_lock_and_release_come_late(one: Machine, time: Clockwork) -> None:
    """Both, delivered once more after other turns, do not set the thread back."""
    ghosts: list[Request] = []
    one.sky.at("UpdateItem", ghosts.append, ghosts.append)
    turns = await two_turns(one)
    for ghost in ghosts:
        await one.sky.pass_on(ghost)
    row = await one.store.turns._access.threads.get(ThreadKey("ann", "t"))
    assert row
    assert row.n == 2
    time.advance(LEASE)
    claim = claimed(await one.store.turns.open(ask("r3"), history=20))
    assert (claim.number, claim.history) == (3, tuple(turns))


async def test_lock_and_seizure_come_late(one: Machine, other: Machine, time: Clockwork) -> None:
    """The same for the lock of a dead machine and the seizure of its thread."""
    locks: list[Request] = []
    seizures: list[Request] = []
    one.sky.at("UpdateItem", locks.append)
    claimed(await one.store.turns.open(ask("r1"), history=20))
    time.advance(LEASE)
    other.sky.at("UpdateItem", lambda _: None, seizures.append)
    for response in ("r2", "r3"):
        claim = claimed(await other.store.turns.open(ask(response), history=20))
        await other.store.turns.commit(claim, answered(claim, "hi"))
        await other.store.settle()
    for ghost in locks + seizures:
        await other.sky.pass_on(ghost)
    time.advance(LEASE)
    claim = claimed(await other.store.turns.open(ask("r4"), history=20))
    assert [turn.response_id for turn in claim.history] == ["r1", "r2", "r3"]


def unmarked(_: Request) -> Answer:
    """The taker is c1fn 0.1.0, which does not mark a lock that it closes."""
    return reply(200, b'{"Attributes": {"sk": {"S": "t"}}}')


async def test_a_fence_whose_dead_lock_was_cancelled(
    one: Machine, other: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """A taker that fenced an open and got no further, while that open gave up: the next turn comes after."""

    async def fenced() -> None:
        taker = Machine(endpoint, time)
        time.now += LEASE
        taker.sky.at("UpdateItem", passed, unmarked, *[taker.sky.unsent] * 2 * ATTEMPTS)
        with pytest.raises(StoreUnavailable):
            await taker.store.turns.open(ask("r2"), history=20)
        await taker.close()

    async def gives_up(request: Request) -> Answer | None:
        await fenced()
        return await one.sky.unsent(request)

    await one.store.threads.create("ann", "t", "Plans")
    one.sky.at("Query", gives_up, *[one.sky.unsent] * ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await one.store.turns.open(ask("r1"), history=20)
    one.sky.clear()
    await one.store.settle()
    claimed(await one.store.turns.open(ask("r3"), history=20))
    time.advance(LEASE)
    claim = claimed(await other.store.turns.open(ask("r4"), history=20))
    assert [turn.response_id for turn in claim.history] == ["r1", "r3"]
    await other.store.turns.commit(claim, answered(claim, "hi"))
    assert [turn.number for turn in await other.store.threads.load("ann", "t")] == [1, 2, 3]


async def test_a_lock_that_is_given_back_while_it_is_fenced(
    one: Machine, other: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Its open gave up, and the next turn began, before the fence stood: that turn keeps its number."""
    looked, looks = asyncio.Event(), asyncio.Event()
    fencing, fences = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Answer | None:
        looked.set()
        await looks.wait()
        return await one.sky.unsent(request)

    async def held(_: Request) -> None:
        fencing.set()
        await fences.wait()

    await one.store.threads.create("ann", "t", "Plans")
    one.sky.at("Query", *[slow] * 2 * ATTEMPTS)
    opening = asyncio.create_task(one.store.turns.open(ask("r1"), history=20))
    await looked.wait()
    time.advance(LEASE)
    other.sky.at("PutItem", held)
    taking = asyncio.create_task(other.store.turns.open(ask("r2"), history=20))
    await fencing.wait()
    looks.set()
    with pytest.raises(StoreUnavailable):
        await opening
    await one.store.settle()
    next_one = Machine(endpoint, time)
    claim = claimed(await next_one.store.turns.open(ask("r3"), history=20))
    fences.set()
    with pytest.raises(Busy):
        await taking
    await next_one.store.turns.commit(claim, answered(claim, "hi"))
    turns = await next_one.store.threads.load("ann", "t")
    assert [(turn.response_id, turn.state) for turn in turns][-1] == ("r3", State.DONE)
    await next_one.close()


async def test_a_fence_in_a_thread_that_is_taken_back(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """The same where the open had made the thread: it goes with all that is in it, and may be asked again."""

    async def fenced() -> None:
        taker = Machine(endpoint, time)
        time.now += LEASE
        taker.sky.at("UpdateItem", passed, unmarked, *[taker.sky.unsent] * 2 * ATTEMPTS)
        with pytest.raises(StoreUnavailable):
            await taker.store.turns.open(ask("r2"), history=20)
        await taker.close()

    async def gives_up(request: Request) -> Answer | None:
        await fenced()
        return await one.sky.unsent(request)

    one.sky.at("PutItem", gives_up, *[one.sky.unsent] * ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await one.store.turns.open(ask("r1", PARTS), history=20)
    one.sky.clear()
    await one.store.settle()
    left = one.client.scan(TableName=endpoint[1])["Items"]
    assert all("expires_at" in item for item in left)
    claim = claimed(await one.store.turns.open(ask("r1", PARTS), history=20))
    assert (claim.number, claim.history) == (1, ())


async def test_an_open_that_made_a_thread_and_was_closed_by_others_runs_again(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """Its lease ended while it wrote its prompt; who fenced it died. It finds what stands there after all."""

    async def fenced() -> None:
        taker = Machine(endpoint, time)
        time.now += LEASE
        taker.sky.at("UpdateItem", passed, passed, *[taker.sky.unsent] * 2 * ATTEMPTS)
        with pytest.raises(StoreUnavailable):
            await taker.store.turns.open(ask("r2"), history=20)
        await taker.close()

    one.sky.at("PutItem", meanwhile(fenced))
    claim = claimed(await one.store.turns.open(ask("r1", PARTS), history=20))
    turn = answered(claim, "hi")
    await one.store.turns.commit(claim, turn)
    assert await one.store.threads.load("ann", "t") == (turn,)


async def test_large_commit_through_a_lost_reply(one: Machine) -> None:
    """A turn in parts keeps its parts when its row had been written already."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    turn = answered(claim, "".join(f"{i * 104_729:08x}" for i in range(60_000)))
    one.sky.at("PutItem", lambda _: None, one.sky.lost)
    await one.store.turns.commit(claim, turn)
    assert await one.store.threads.load("ann", "t") == (turn,)


async def test_the_last_lock_comes_twice(one: Machine) -> None:
    """The lock of the newest turn, delivered once more, is not taken: nobody sees the thread run."""
    ghosts: list[Request] = []
    one.sky.at("UpdateItem", ghosts.append)
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    await one.sky.pass_on(ghosts[0])
    page = await one.store.threads.page("ann", cursor=None, limit=5)
    assert [thread.running for thread in page.threads] == [False]
    assert claimed(await one.store.turns.open(ask("r2"), history=20)).number == 2


# ---- two machines, one step in the midst of another's


async def test_zombie_commits_while_it_is_buried(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """A late machine that commits just before its fence has answered, and dies: the taker goes on after it,
    and takes none of its parts away.
    """
    late = Machine(endpoint, time)
    zombie = claimed(await late.store.turns.open(ask("r1"), history=20))
    time.advance(LEASE)
    turn = answered(zombie, "".join(f"{i * 104_729:08x}" for i in range(60_000)))

    async def commit() -> None:
        machine = Machine(endpoint, time)
        machine.sky.at("UpdateItem", *[machine.sky.unsent] * 2 * ATTEMPTS)
        await machine.store.turns.commit(zombie, turn)
        await machine.close()

    one.sky.at("PutItem", meanwhile(commit))
    claim = claimed(await one.store.turns.open(ask("r2"), history=20))
    assert (claim.number, claim.history) == (2, (turn,))
    await late.close()


async def test_turn_ends_while_its_thread_is_deleted(
    one: Machine, endpoint: tuple[str, str], time: Clockwork
) -> None:
    """A turn that ends, and another that begins, while the deletion is under way: neither comes back."""
    machine = Machine(endpoint, time)
    first = claimed(await machine.store.turns.open(ask("r1"), history=20))
    zombies = []

    async def busy() -> None:
        another = Machine(endpoint, time)
        await another.store.turns.commit(first, answered(first, "hi"))
        await another.store.settle()
        zombies.append(claimed(await another.store.turns.open(ask("r2"), history=20)))
        await another.close()

    one.sky.at("UpdateItem", meanwhile(busy))
    await one.store.threads.delete("ann", "t")
    with pytest.raises(LeaseLost):
        await machine.store.turns.commit(zombies[0], answered(zombies[0], "boo"))
    with pytest.raises(NotFound):
        await machine.store.threads.load("ann", "t")
    await machine.close()


async def test_interrupted_deletion_goes_on(one: Machine, endpoint: tuple[str, str]) -> None:
    """A deletion that broke off hides the thread at once, and goes on when it is asked for again."""
    for response in ("r1", "r2"):
        claim = claimed(await one.store.turns.open(ask(response), history=20))
        await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    one.sky.at("BatchWriteItem", *[one.sky.unsent] * ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await one.store.threads.delete("ann", "t")
    with pytest.raises(NotFound):
        await one.store.threads.load("ann", "t")
    await one.store.threads.delete("ann", "t")
    left = one.client.scan(TableName=endpoint[1])["Items"]
    assert {item.get("state", {}).get("S") for item in left if item["pk"]["S"].startswith("T#")} == {"gone"}
    with pytest.raises(NotFound):
        await one.store.threads.delete("ann", "t")


async def test_broken_deletion_of_a_reused_id(one: Machine) -> None:
    """A new thread under the id of a half-deleted one begins empty, and sweeps the rest away."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    one.sky.at("BatchWriteItem", *[one.sky.unsent] * ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await one.store.threads.delete("ann", "t")
    with pytest.raises(NotFound, match="deleted"):
        await one.store.turns.open(ask("r1"), history=20)
    claim = claimed(await one.store.turns.open(ask("r2", "anew"), history=20))
    assert (claim.number, claim.history) == (1, ())


# ---- other processes


async def test_follow_from_another_process(endpoint: tuple[str, str], time: Clockwork) -> None:
    """With checkpoints on, a follower in another process hears the answer grow."""
    writer = Machine(endpoint, time, checkpoints="always")
    reader = Machine(endpoint, time, checkpoints="always")
    claim = claimed(await writer.store.turns.open(ask("r1"), history=20))
    await writer.store.turns.renew(claim, "The answer ")
    story = reader.store.turns.follow("ann", "t", "r1")
    assert await anext(story) == "The answer "
    await writer.store.turns.renew(claim, "The answer is ")
    assert await anext(story) == "is "
    turn = answered(claim, "The answer is 42")
    await writer.store.turns.commit(claim, turn)
    assert [part async for part in story] == ["42", turn]
    await writer.close()
    await reader.close()


async def test_a_checkpoint_larger_than_a_row(endpoint: tuple[str, str], time: Clockwork) -> None:
    """A long answer that hardly compresses is stored in several checkpoints; the turn goes on."""
    writer = Machine(endpoint, time, checkpoints="always")
    claim = claimed(await writer.store.turns.open(ask("r1"), history=20))
    letters = string.ascii_letters + string.digits
    said = "".join(random.Random(1).choices(letters, k=1_000_000))
    await writer.store.turns.renew(claim, said)
    story = writer.store.turns.follow("ann", "t", "r1")
    assert await anext(story) == said
    await story.aclose()
    await writer.close()


async def test_followed_on_demand(endpoint: tuple[str, str], time: Clockwork) -> None:
    """A turn that nobody follows writes no checkpoint; from a follower's first look on it writes what it
    says, and what it had said before. Three who join get the same.
    """
    writer, reader = Machine(endpoint, time), Machine(endpoint, time)
    claim = claimed(await writer.store.turns.open(ask("r1"), history=20))
    time.advance(1)
    await writer.store.turns.renew(claim, "The answer ")
    assert writer.sky.seen.count("PutItem") == 0
    marked = reader.sky.done("UpdateItem")
    stories = [reader.store.turns.follow("ann", "t", "r1") for _ in range(3)]
    heard = [asyncio.ensure_future(anext(story)) for story in stories]
    async with asyncio.timeout(20):  # who does not ask to follow looks for ever
        await marked.wait()
    time.advance(1)
    await writer.store.turns.renew(claim, "The answer is ")
    assert await asyncio.gather(*heard) == ["The answer is "] * 3
    turn = answered(claim, "The answer is 42")
    await writer.store.turns.commit(claim, turn)
    for story in stories:
        assert [part async for part in story] == ["42", turn]
    await writer.close()
    await reader.close()


async def test_never_followed(endpoint: tuple[str, str], time: Clockwork) -> None:
    """Where no checkpoints are wanted a follower hears the answer at its end."""
    writer, reader = Machine(endpoint, time, checkpoints="never"), Machine(endpoint, time)
    claim = claimed(await writer.store.turns.open(ask("r1"), history=20))
    marked = reader.sky.done("UpdateItem")
    story = asyncio.ensure_future(told(reader.store.turns.follow("ann", "t", "r1")))
    await marked.wait()
    time.advance(1)
    await writer.store.turns.renew(claim, "The answer ")
    assert writer.sky.seen.count("PutItem") == 0
    turn = answered(claim, "The answer is 42")
    await writer.store.turns.commit(claim, turn)
    assert await story == ("The answer is 42", turn)
    await writer.close()
    await reader.close()


async def test_checkpoints_survive_a_death(endpoint: tuple[str, str], time: Clockwork) -> None:
    """With checkpoints on, what a dead machine had said is kept with its interrupted turn."""
    writer = Machine(endpoint, time, checkpoints="always")
    reader = Machine(endpoint, time)
    claim = claimed(await writer.store.turns.open(ask("r1"), history=20))
    writer.sky.at("PutItem", writer.sky.lost, *[writer.sky.unsent] * ATTEMPTS)
    with pytest.raises(StoreUnavailable):
        await writer.store.turns.renew(claim, "Half of ")
    await writer.store.turns.renew(claim, "Half of an ans")
    time.advance(LEASE)
    taker = claimed(await reader.store.turns.open(ask("r2"), history=20))
    assert [(turn.state, turn.answer) for turn in taker.history] == [(State.INTERRUPTED, "Half of an ans")]
    await writer.close()
    await reader.close()


async def test_stop_from_another_process(one: Machine, other: Machine, time: Clockwork) -> None:
    """A stop reaches the machine that runs the turn."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    assert await other.store.turns.stop("ann", "t", "r1") is True
    time.advance(1)
    assert await one.store.turns.renew(claim, "so f") is True


async def test_a_replay_does_not_make_its_thread_busy(one: Machine, other: Machine) -> None:
    """Not even if the process is killed before it undid the replay's lock, or its undoing comes late."""
    turns = await two_turns(one)
    one.sky.at("UpdateItem", passed, *[one.sky.unsent] * 2 * ATTEMPTS)
    assert isinstance(await one.store.turns.open(ask("r1"), history=20), Replay)
    await one.store.settle()
    claim = claimed(await other.store.turns.open(ask("r3"), history=20))
    assert (claim.number, claim.history) == (3, tuple(turns))
    one.sky.clear()
    with pytest.raises(Busy):
        await one.store.turns.open(ask("r4"), history=20)


@pytest.mark.parametrize("replayed", ["r1", "r2"])
async def test_a_death_between_lock_and_replay(
    one: Machine, other: Machine, time: Clockwork, replayed: str
) -> None:
    """No turn is made of the lock of a replay that nobody undid, not even where it is the newest turn's."""
    turns = await two_turns(one)
    one.sky.at("UpdateItem", passed, *[one.sky.unsent] * 2 * ATTEMPTS)
    assert isinstance(await one.store.turns.open(ask(replayed), history=20), Replay)
    await one.store.settle()
    time.advance(LEASE)
    claim = claimed(await other.store.turns.open(ask("r3"), history=20))
    assert (claim.number, claim.history) == (3, tuple(turns))
    await other.store.turns.commit(claim, answered(claim, "hi"))
    loaded = await other.store.threads.load("ann", "t")
    assert [(turn.number, turn.response_id) for turn in loaded] == [(1, "r1"), (2, "r2"), (3, "r3")]


async def test_a_replay_is_not_shown_as_running(one: Machine, other: Machine) -> None:
    """While the lock of a replay is not undone yet, no page of the thread shows its prompt again."""
    await two_turns(one)
    one.sky.at("UpdateItem", passed, *[one.sky.unsent] * 2 * ATTEMPTS)
    assert isinstance(await one.store.turns.open(ask("r1"), history=20), Replay)
    await one.store.settle()
    for limit in (None, 1):
        turns = await other.store.threads.load("ann", "t", limit=limit)
        assert [turn.response_id for turn in turns] == ["r1", "r2"][-(limit or 2) :]


async def test_running_elsewhere(one: Machine, other: Machine) -> None:
    """Busy and running are seen from every process."""
    await one.store.turns.open(ask("r1"), history=20)
    assert await other.store.turns.open(ask("r1"), history=20) == Running(1)
    with pytest.raises(Busy):
        await other.store.turns.open(ask("r2"), history=20)


# ---- damage


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ("SET body = :x", {":x": {"B": b"\x01rubbish"}}),
        ("SET body = :x", {":x": {"B": b"\x09from the future"}}),
        ("SET #state = :x", {":x": {"S": "pondering"}}),
        ("REMOVE attempt", {}),
        ("SET body = :x", {":x": {"M": {"token": {"S": "lost"}, "count": {"N": "3"}}}}),
    ],
)
async def test_damaged_turn(
    one: Machine, endpoint: tuple[str, str], change: str, values: dict[str, Any]
) -> None:
    """A turn that is damaged or newer is reported as such; the thread opens, and the model never sees it."""
    for response in ("r1", "r2"):
        claim = claimed(await one.store.turns.open(ask(response), history=20))
        await one.store.turns.commit(claim, answered(claim, f"answer of {response}"))
    await one.store.settle()
    more = {"ExpressionAttributeNames": {"#state": "state"}} if "#state" in change else {}
    more |= {"ExpressionAttributeValues": values} if values else {}
    key = {"pk": {"S": one_pk(one)}, "sk": {"S": turn_sk(1)}}
    one.client.update_item(TableName=endpoint[1], Key=key, UpdateExpression=change, **more)
    damaged, fine = await one.store.threads.load("ann", "t")
    assert (damaged.number, damaged.state, damaged.error) == (1, State.FAILED, "damaged_turn")
    assert fine.answer == "answer of r2"
    claim = claimed(await one.store.turns.open(ask("r3"), history=20))
    assert [message.content for message in for_model(claim.history)] == ["hello", "answer of r2"]


async def test_damaged_turn_is_not_run_again(one: Machine, endpoint: tuple[str, str]) -> None:
    """A responseId whose turn cannot be read does not reach the model again."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    key = {"pk": {"S": one_pk(one)}, "sk": {"S": turn_sk(1)}}
    rubbish = {":x": {"B": b"\x01rubbish"}}
    one.client.update_item(
        TableName=endpoint[1], Key=key, UpdateExpression="SET body = :x", ExpressionAttributeValues=rubbish
    )
    opened = await one.store.turns.open(ask("r1"), history=20)
    assert isinstance(opened, Replay)
    assert opened.turn.error == "damaged_turn"


# ---- retention


async def test_retention(endpoint: tuple[str, str], time: Clockwork) -> None:
    """What is past its time is not shown, though DynamoDB has not deleted it; an id then begins anew."""
    machine = Machine(endpoint, time, retention_days=30)
    claim = claimed(await machine.store.turns.open(ask("r1"), history=20))
    await machine.store.turns.commit(claim, answered(claim, "hi"))
    time.advance(20 * 86_400)
    claim = claimed(await machine.store.turns.open(ask("r2"), history=20))
    assert (claim.number, len(claim.history)) == (2, 1)
    await machine.store.turns.commit(claim, answered(claim, "hi"))
    time.advance(11 * 86_400)
    assert [turn.number for turn in await machine.store.threads.load("ann", "t")] == [2]
    claim = claimed(await machine.store.turns.open(ask("r3"), history=20))
    assert (claim.number, [turn.number for turn in claim.history]) == (3, [2])
    await machine.store.turns.commit(claim, answered(claim, "hi"))
    time.advance(31 * 86_400)
    assert (await machine.store.threads.page("ann", cursor=None, limit=5)).threads == ()
    with pytest.raises(NotFound):
        await machine.store.threads.load("ann", "t")
    claim = claimed(await machine.store.turns.open(ask("r1"), history=20))
    assert (claim.number, claim.history) == (1, ())
    await machine.store.turns.commit(claim, answered(claim, "hi"))
    await machine.close()


async def test_for_ever(one: Machine, endpoint: tuple[str, str]) -> None:
    """Without a retention nothing that counts expires."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    items = one.client.scan(TableName=endpoint[1])["Items"]
    assert [item for item in items if "expires_at" in item] == []


# ---- what cannot be used


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (400, "ResourceNotFoundException", "c1fn table create"),
        (400, "UnrecognizedClientException", "credentials"),
        (400, "ExpiredTokenException", "credentials"),
        (400, "InvalidSignatureException", "clock"),
        (400, "AccessDeniedException", "policy"),
        (400, "SomethingNewException", "SomethingNewException"),
    ],
)
async def test_refused_by_aws(one: Machine, status: int, code: str, sentence: str) -> None:
    """A missing table or wrong credentials: one clear sentence, at the first try."""
    one.sky.at("GetItem", says(status, code))
    with pytest.raises(StoreUnavailable, match=sentence) as caught:
        await one.store.threads.load("ann", "t")
    assert one.sky.seen == ["GetItem"]
    assert caught.value.__suppress_context__


async def test_nobody_there(aws: None) -> None:  # noqa: ARG001
    """An endpoint that cannot be reached: one clear sentence, after a bounded number of tries."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    store = DynamoStore(service(f"http://127.0.0.1:{port}"), "c1fn", sleep=at_once)
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await store.threads.load("ann", "t")
    await store.aclose()


def test_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a region: one clear sentence."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(StoreUnavailable, match="AWS_DEFAULT_REGION"):
        connect()


async def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials: one clear sentence."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    store = DynamoStore(service("http://127.0.0.1:9"), "c1fn", sleep=at_once)
    with pytest.raises(StoreUnavailable, match="no AWS credentials"):
        await store.threads.load("ann", "t")
    await store.aclose()


SSO = """[profile sso]
sso_start_url=https://example.awsapps.com/start
sso_region=eu-central-1
sso_account_id=111111111111
sso_role_name=dev
"""


async def asked_once() -> None:
    """A store is made, and looked at."""
    store = DynamoStore(service("http://127.0.0.1:9"), "c1fn", sleep=at_once)
    try:
        await store.ready()
    finally:
        await store.aclose()


@pytest.mark.parametrize(
    ("environ", "config", "sentence"),
    [
        ({"AWS_PROFILE": "nobody"}, "", "AWS_PROFILE names a profile"),
        ({"AWS_ACCESS_KEY_ID": "half"}, "", "Half a pair of AWS keys"),
        ({}, "this is [no file of settings", "cannot be read"),
        ({"AWS_DEFAULT_REGION": "eu central 1"}, "", "not the name of a region"),
        (
            {"AWS_PROFILE": "sso"},
            SSO,
            "aws sso login",
        ),
        ({"AWS_PROFILE": "run"}, "[profile run]\ncredential_process=false\n", "could not be fetched"),
    ],
)
async def test_aws_is_set_up_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environ: dict[str, str], config: str, sentence: str
) -> None:
    """Whatever is wrong with profiles, keys, files, regions or logins: one sentence that says what to do."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text(config)
    around = {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(tmp_path),
    }
    around |= {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    for name, value in (around | environ).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreUnavailable, match=sentence):
        await asked_once()


async def test_ready(one: Machine) -> None:
    """A store that can be used is ready; one whose table is missing, or is being made, says so."""
    await one.store.ready()
    one.sky.at("GetItem", says(400, "ResourceNotFoundException"))
    with pytest.raises(StoreUnavailable, match=r"still being created.*c1fn table create"):
        await one.store.ready()


async def test_a_wrong_call_is_a_bug(one: Machine, endpoint: tuple[str, str]) -> None:
    """A call that DynamoDB finds malformed is our bug: it is not told as an outage."""
    calls = Calls(one.service, endpoint[1], sleep=at_once)
    for operation, arguments in (("get_item", {"Key": {"pk": {"S": "a"}}}), ("query", {})):
        with pytest.raises(Refused):
            await calls(operation, **arguments)


def test_table_differences(dynamodb: str, endpoint: tuple[str, str]) -> None:
    """A table is described in words where it differs from the definition."""
    client = connect(dynamodb)
    assert table.differences(table.describe(client, endpoint[1])) == []
    other = f"c1fn-{uuid.uuid4()}"
    definition = {key: value for key, value in table.DEFINITION.items() if key != "LocalSecondaryIndexes"}
    definition["AttributeDefinitions"] = definition["AttributeDefinitions"][:2]
    client.create_table(TableName=other, **definition)
    assert table.differences(table.describe(client, other)) == [
        "it lacks the local index by_response",
        "it lacks the local index by_recency",
    ]
    with pytest.raises(StoreUnavailable, match="already, and it lacks the local index by_response"):
        table.create(client, other)
    table.delete(client, other)
    client.create_table(TableName=other, **table.DEFINITION)
    assert table.time_to_live(client, other) == "DISABLED"
    for _ in range(2):  # what was left undone is finished, and what is whole stays as it is
        table.create(client, other)
        assert table.time_to_live(client, other) == "ENABLED"
    table.delete(client, other)
    ttl = client.describe_time_to_live(TableName=endpoint[1])["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires_at")
    client.close()


def test_a_table_whose_time_to_live_is_another_attributes(dynamodb: str, endpoint: tuple[str, str]) -> None:
    """It is told, and not switched over: nobody's rows expire by surprise."""
    client, name = connect(dynamodb), endpoint[1]
    for on, attribute in ((False, "expires_at"), (True, "ends")):
        given = {"Enabled": on, "AttributeName": attribute}
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=given)
    assert table.time_to_live(client, name) == "of the attribute ends"
    with pytest.raises(StoreUnavailable, match="is of the attribute ends, not of expires_at"):
        table.create(client, name)
    client.close()


async def test_the_versions_of_a_tables_rows(one: Machine, endpoint: tuple[str, str]) -> None:
    """They are read from its rows: those of 0.1.0 have none."""
    assert table.versions(one.client, endpoint[1]) == []
    await say(one, "r1", "t")
    one.client.put_item(TableName=endpoint[1], Item={"pk": {"S": "U#ann"}, "sk": {"S": "old"}})
    assert table.versions(one.client, endpoint[1]) == [1, 2]


# ---- what an owner may take


MANY = Quota(at_once=50, turns=50, tokens=1000)


async def begin(machine: Machine, response: str, thread: str) -> Claim:
    return claimed(await machine.store.turns.open(ask(response, thread=thread), history=20))


async def say(machine: Machine, response: str, thread: str, tokens: int = 18) -> None:
    """One whole turn, released."""
    claim = await begin(machine, response, thread)
    await machine.store.turns.commit(claim, replace(answered(claim, "hi"), usage=Usage(tokens, 0)))
    await machine.store.settle()


def used(machine: Machine) -> UsageRow:
    key = usage_key("ann")
    name = machine.store._calls.table
    return UsageRow.read(machine.client.get_item(TableName=name, Key=key, ConsistentRead=True)["Item"])


@pytest.fixture
async def two(
    endpoint: tuple[str, str], time: Clockwork
) -> AsyncGenerator[Callable[[Quota], tuple[Machine, Machine]], None]:
    """Two machines that hold their owner to a quota."""
    machines: list[Machine] = []

    def make(quota: Quota) -> tuple[Machine, Machine]:
        machines.extend(Machine(endpoint, time, quota=quota) for _ in range(2))
        return machines[0], machines[1]

    yield make
    for machine in machines:
        await machine.close()


Two = Callable[[Quota], tuple[Machine, Machine]]


async def test_counted_beside_the_reads(two: Two) -> None:
    """A turn is counted by one write, beside the read behind its lock, and given back by one at its end."""
    one, _ = two(MANY)
    await say(one, "r1", "t")
    one.sky.seen.clear()
    gate = asyncio.Barrier(2)

    async def held(_: Request) -> None:
        await gate.wait()

    one.sky.at("UpdateItem", passed)
    for operation in ("UpdateItem", "Query"):
        one.sky.at(operation, held)
    claim = claimed(await one.store.turns.open(ask("r2"), history=20))
    assert sorted(one.sky.seen) == ["Query", "UpdateItem", "UpdateItem"]
    assert (used(one).turns, list(used(one).slots or {})) == (2, [claim.attempt])
    one.sky.seen.clear()
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    assert sorted(one.sky.seen) == ["PutItem", "UpdateItem", "UpdateItem"]
    assert used(one).slots == {}


@pytest.mark.parametrize("fault", ["lost", "unsent"])
async def test_counted_once(two: Two, fault: str) -> None:
    """The first count of an owner, and a later one, through a lost reply or a broken call."""
    one, _ = two(MANY)
    for number in (1, 2):
        one.sky.at("UpdateItem", passed, *[getattr(one.sky, fault)] * 2)
        claim = await begin(one, f"r{number}", "t")
        row = used(one)
        assert (row.turns, list(row.slots or {})) == (number, [claim.attempt])
        await one.store.turns.commit(claim, answered(claim, "hi"))
        one.sky.at("UpdateItem", getattr(one.sky, fault), getattr(one.sky, fault))
        await one.store.settle()
        assert (used(one).tokens, used(one).slots) == (18 * number, {})


async def test_an_end_that_comes_twice(two: Two) -> None:
    """The end of a turn, delivered once more after another has begun and ended, counts nothing."""
    one, _ = two(MANY)
    claim = await begin(one, "r1", "t")
    ghosts: list[Request] = []
    one.sky.at("UpdateItem", ghosts.append, ghosts.append)
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    await say(one, "r2", "t")
    for ghost in ghosts:
        await one.sky.pass_on(ghost)
    assert (used(one).turns, used(one).tokens, used(one).slots) == (2, 36, {})


async def test_a_replay_is_not_counted(two: Two) -> None:
    """It is looked up and counted at once; the count is taken back."""
    one, other = two(Quota(turns=2))
    await say(one, "r1", "t")
    for machine in (one, other):
        assert isinstance(await machine.store.turns.open(ask("r1"), history=20), Replay)
        await machine.store.settle()
    assert (used(one).turns, used(one).slots) == (1, {})
    await say(other, "r2", "t")
    assert isinstance(await one.store.turns.open(ask("r1"), history=20), Replay)


async def test_a_prompt_that_becomes_no_turn_is_not_written(two: Two) -> None:
    """A replay, another prompt for its responseId and one beyond the quota write none of a prompt's parts."""
    one, _ = two(Quota(turns=1))
    letters = "".join(random.Random(1).choices(string.ascii_letters, k=200_000))
    claim = claimed(await one.store.turns.open(ask("r1", letters), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    one.sky.seen.clear()
    assert isinstance(await one.store.turns.open(ask("r1", letters), history=20), Replay)
    with pytest.raises(Mismatch):
        await one.store.turns.open(ask("r1", letters[1:]), history=20)
    for thread in ("t", "new"):
        with pytest.raises(TurnsUsedUp):
            await one.store.turns.open(ask("r2", letters, thread=thread), history=20)
    await one.store.settle()
    parts = [call for call in one.sky.seen if call in ("PutItem", "BatchWriteItem")]
    assert parts == ["BatchWriteItem"]  # the tombstone of the new thread, which was not to be


async def test_writes_outside_of_turns_cost_one_more(two: Two, time: Clockwork) -> None:
    """One write of the owner's row each; and a turn costs nothing for it."""
    one, _ = two(Quota(writes=9))
    await one.store.threads.create("ann", "t", "Plans")
    assert one.sky.seen == ["UpdateItem", "UpdateItem", "UpdateItem", "PutItem"]  # the row's first day
    one.sky.seen.clear()
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    await one.store.settle()
    assert one.sky.seen.count("UpdateItem") == 2
    one.sky.seen.clear()
    await one.store.threads.rename("ann", "t", "More plans")
    assert one.sky.seen == ["GetItem", "UpdateItem", "UpdateItem"]
    one.sky.at("UpdateItem", one.sky.unsent, one.sky.lost)
    await one.store.threads.revise("ann", "t", "r1", "x" * 2048)
    assert used(one).writes == 6  # the reply that was lost counts twice
    time.advance(DAY)
    await one.store.threads.rename("ann", "t", "Yesterday's plans")
    assert used(one).writes == 1


async def test_writes_and_turns_have_one_day(two: Two, time: Clockwork) -> None:
    """Whichever comes first on a day begins it for both, and a row of before is counted on."""
    one, _ = two(Quota(turns=9, writes=9))
    await say(one, "r1", "t")
    one.client.update_item(
        TableName=one.store._calls.table, Key=usage_key("ann"), UpdateExpression="REMOVE writes"
    )
    await one.store.threads.rename("ann", "t", "Plans")
    assert (used(one).turns, used(one).writes) == (1, 1)
    time.advance(DAY)
    await one.store.threads.rename("ann", "t", "More plans")
    assert (used(one).turns, used(one).tokens, used(one).writes) == (0, 0, 1)
    await say(one, "r2", "t")
    time.advance(DAY)
    await say(one, "r3", "t")
    assert (used(one).turns, used(one).writes) == (1, 0)


async def test_stopping_again_writes_nothing(one: Machine, time: Clockwork) -> None:
    """A turn is asked to stop by one write, however often its reader presses the button."""
    claim = claimed(await one.store.turns.open(ask("r1"), history=20))
    assert await one.store.turns.stop("ann", "t", "r1")
    one.sky.seen.clear()
    assert await one.store.turns.stop("ann", "t", None)
    assert "UpdateItem" not in one.sky.seen
    time.advance(1)
    assert await one.store.turns.renew(claim, "")


async def test_writes_race(two: Two) -> None:
    """Of twenty that race on two machines, exactly so many are written."""
    machines = two(Quota(writes=5))

    async def one(number: int) -> bool:
        try:
            await machines[number % 2].store.threads.create("ann", f"t{number}", "Plans")
        except WritesUsedUp:
            return False
        return True

    assert sum(await asyncio.gather(*(one(number) for number in range(20)))) == 5
    assert used(machines[0]).writes == 5


async def test_settled_once(two: Two, time: Clockwork, endpoint: tuple[str, str]) -> None:
    """Two that find the same dead turn in the same moment count its reserve once."""
    one, _ = two(MANY)
    await one.store.turns.open(ask("r1", "word " * 60, thread="a"), history=20)
    time.advance(LEASE)

    async def meanwhile_another() -> None:
        another = Machine(endpoint, time, quota=MANY)
        await begin(another, "r2", "b")
        await another.close()

    one.sky.at("UpdateItem", passed, passed, meanwhile(meanwhile_another))
    await begin(one, "r3", "c")
    row = used(one)
    assert (row.turns, row.tokens, len(row.slots or {})) == (3, 100, 2)


async def test_renewed_before_it_is_settled(two: Two, time: Clockwork, endpoint: tuple[str, str]) -> None:
    """A slot whose lease was renewed in the moment in which another found it over is not given back."""
    one, other = two(Quota(at_once=1))
    claim = await begin(one, "r1", "a")
    time.advance(LEASE)

    async def renewed() -> None:
        another = Machine(endpoint, time, quota=Quota(at_once=1))
        await another.store.turns.renew(claim, "")
        await another.close()

    other.sky.at("UpdateItem", passed, passed, meanwhile(renewed))
    with pytest.raises(TooManyAtOnce):
        await other.store.turns.open(ask("r2", thread="b"), history=20)
    assert list(used(one).slots or {}) == [claim.attempt]


async def test_two_begin_a_day(two: Two, time: Clockwork, endpoint: tuple[str, str]) -> None:
    """The first two turns of a day are two, also where both saw the day before."""
    one, _ = two(MANY)
    await say(one, "r1", "a")
    time.advance(DAY)

    async def another_begins() -> None:
        another = Machine(endpoint, time, quota=MANY)
        await say(another, "r3", "b")
        await another.close()

    one.sky.at("UpdateItem", passed, passed, meanwhile(another_begins))
    await begin(one, "r2", "a")
    row = used(one)
    assert (row.day, row.turns, row.tokens) == (int(time.now // DAY), 2, 18)


async def test_a_slow_clock_brings_no_day_back(two: Two, time: Clockwork) -> None:
    """A machine whose clock is a little behind counts into the day that has begun."""
    one, other = two(Quota(turns=2))
    time.advance(DAY - time.now % DAY)
    await say(one, "r1", "a")
    time.now -= 5
    await say(other, "r2", "a")
    with pytest.raises(TurnsUsedUp):
        await one.store.turns.open(ask("r3", thread="b"), history=20)


async def test_a_lost_end_costs_a_place_for_a_lease(two: Two, time: Clockwork) -> None:
    """Whose end never came is settled like a dead turn: the place is free again, and its reserve counts."""
    one, other = two(Quota(at_once=1, tokens=1000))
    claim = claimed(await one.store.turns.open(ask("r1", "word " * 60, thread="a"), history=20))
    await one.store.turns.commit(claim, answered(claim, "hi"))
    one.sky.at("UpdateItem", *[one.sky.unsent] * 2 * ATTEMPTS)
    await one.store.settle()
    with pytest.raises(TooManyAtOnce):
        await other.store.turns.open(ask("r2", thread="b"), history=20)
    time.advance(LEASE)
    await begin(other, "r2", "b")
    assert used(one).tokens == 100


async def test_the_last_tokens_of_a_day(two: Two) -> None:
    """Tokens are known when turns are over: those that run together may pass the limit, the next may not."""
    one, other = two(Quota(tokens=100))
    claims = [await begin(one, "r1", "a"), await begin(other, "r2", "b")]
    for machine, claim in zip((one, other), claims, strict=True):
        await machine.store.turns.commit(claim, replace(answered(claim), usage=Usage(60, 0)))
        await machine.store.settle()
    with pytest.raises(TokensUsedUp):
        await one.store.turns.open(ask("r3", thread="a"), history=20)
    assert used(one).tokens == 120


@pytest.mark.parametrize(
    "row",
    [
        {"day": {"S": "today"}},
        {"v": {"N": "99"}},
        {"day": {"N": "20833"}, "turns": {"N": "4"}, "tokens": {"S": "many"}, "running": {"M": {}}},
        {"day": {"N": "20833"}, "turns": {"N": "4"}, "tokens": {"N": "9"}, "places": {"M": {}}},
    ],
)
async def test_a_row_that_cannot_be_read(two: Two, row: dict[str, Any]) -> None:
    """What an owner used may be damaged, or of another version: what cannot be read counts from nothing."""
    one, _ = two(MANY)
    one.client.put_item(TableName=one.store._calls.table, Item=usage_key("ann") | row)
    await say(one, "r1", "t")
    assert (used(one).turns, used(one).slots) == (5 if "places" in row else 1, {})


async def test_a_slot_that_cannot_be_read_is_taken(two: Two, time: Clockwork) -> None:
    """A slot of a newer version counts as a turn that runs."""
    one, _ = two(Quota(at_once=2))
    await say(one, "r1", "t")
    one.client.update_item(
        TableName=one.store._calls.table,
        Key=usage_key("ann"),
        UpdateExpression="SET running.newer = :x",
        ExpressionAttributeValues={":x": {"M": {"shape": {"S": "new"}}}},
    )
    time.advance(LEASE)
    await begin(one, "r2", "a")
    with pytest.raises(TooManyAtOnce):
        await one.store.turns.open(ask("r3", thread="b"), history=20)


# ---- an open that takes long, and a deletion that broke off


async def test_an_open_that_took_half_a_lease_renews_it(
    endpoint: tuple[str, str], one: Machine, time: Clockwork
) -> None:
    """Its lock, and its place among the turns that its owner runs at once."""
    machine = Machine(endpoint, time, quota=Quota(at_once=1))
    await say(machine, "r0", "t")

    def late(_: object) -> None:
        time.advance(LEASE * 0.55)

    machine.sky.at("Query", late)
    claimed(await machine.store.turns.open(ask("r1"), history=20))
    time.advance(LEASE * 0.8)
    with pytest.raises(Busy):
        await one.store.turns.open(ask("r2"), history=20)
    with pytest.raises(TooManyAtOnce):
        await machine.store.turns.open(ask("r2", thread="u"), history=20)
    await machine.close()


async def test_a_prompt_goes_on_with_a_deletion_that_broke_off(one: Machine) -> None:
    """What ran in the deleted thread is not asked again; any other prompt begins a new thread."""
    await say(one, "r1", "t")
    claimed(await one.store.turns.open(ask("r2"), history=20))
    one.sky.at("Query", *[says(400, "AccessDeniedException")] * 9)
    with pytest.raises(StoreUnavailable):
        await one.store.threads.delete("ann", "t")
    one.sky.clear()
    with pytest.raises(NotFound, match="deleted"):
        await one.store.turns.open(ask("r2"), history=20)
    assert claimed(await one.store.turns.open(ask("r3"), history=20)).number == 1
