"""Many calls at once, some of them cancelled, on a server that does what was reported of some."""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import aclosing

import pytest

from c1fn.net.aws import AwsError, Limits
from c1fn.net.aws.client import DIALECTS, Client
from c1fn.net.aws.connections import Connections
from c1fn.net.aws.signing import Signer
from tests.net.aws.scripted import answer
from tests.net.test_stream import reset, serving
from tests.tls import HOST, client_context, server_context

INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
LATE = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
OTHERS = answer({"N": -1})

ODD: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    lambda good, dice: good[: dice.randrange(len(good))],  # and then the connection is reset
    lambda good, _: good + OTHERS,
    lambda good, dice: good + OTHERS[: dice.randrange(len(OTHERS))],
    lambda good, _: good * 3,
    lambda good, dice: good + dice.randbytes(20),
    lambda good, _: good + LATE,
    lambda good, _: INTERIM * 3 + good,
    lambda _, __: answer(b"<html>", 200),
    lambda _, __: answer(b"", 503),
    lambda _, __: answer({}, 200, f"x-more: {'x' * 150_000}"),
    lambda good, _: good.replace(b"\r\n", b"\r\nconnection: close\r\n", 1),
)


class Server:
    """It answers each call with the call's number, while it is well."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.odd = 0.5

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                number = json.loads(await reader.readuntil(b"}"))["N"]
                good = said = answer({"N": number})
                if self._dice.random() < self.odd:
                    said = self._dice.choice(ODD)(good, self._dice)
                writer.write(said)
                await writer.drain()
                if len(said) < len(good) and good.startswith(said):
                    reset(writer)
        except asyncio.IncompleteReadError:
            pass


@pytest.mark.parametrize("seed", range(4))
async def test_a_call_gets_its_own_answer_or_none(seed: int) -> None:
    """And when the server is well again all calls are answered."""
    dice, tls = random.Random(seed), seed % 2 == 0
    server, limits = Server(dice), Limits(connect=10, read=10, connections=5)
    signer = Signer("AKIDEXAMPLE", "secret", None, "eu-west-1", "dynamodb")

    async with (
        serving(server.serve, server_context() if tls else None) as port,
        aclosing(
            Connections(f"http{'s' * tls}://{HOST}:{port}", limits, client_context() if tls else None)
        ) as transport,
    ):
        client = Client(DIALECTS["dynamodb"], HOST, signer, transport)

        async def call(number: int) -> bool:
            try:
                assert await client("get_item", {"N": number}) == {"N": number}
            except AwsError:
                return False
            return True

        for first in range(0, 80, 8):
            calls = [asyncio.create_task(call(first + more)) for more in range(8)]
            for _ in range(dice.randrange(8)):
                await asyncio.sleep(0)
            for one in dice.sample(calls, 2):
                one.cancel()
            async with asyncio.timeout(10):
                found = await asyncio.gather(*calls, return_exceptions=True)
            assert not [one for one in found if not isinstance(one, bool | asyncio.CancelledError)]
        server.odd = 0
        await asyncio.gather(*(call(100 + more) for more in range(5)))  # each may meet what is left of it
        assert all(await asyncio.gather(*(call(200 + more) for more in range(10))))
