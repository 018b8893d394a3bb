"""Fault injection under c1fn's client of DynamoDB, at its transport: what networks and DynamoDB do to a call.

Nothing is replaced: requests are signed, sent and parsed by the real code, to a real server. An emulator
never throttles, never loses a reply and never reads stale, so this does, by a seed.
"""

import json
import random
from collections import Counter, defaultdict, deque
from collections.abc import Mapping

from c1fn.net.aws import Unreachable
from c1fn.net.aws.client import Answer, Client, Request, Transport

KINDS = {
    "unsent": 4,  # the request never reached the server
    "throttled": 3,
    "failed": 2,  # an internal error, nothing was done
    "lost": 5,  # it was done, but the reply never came
    "twice": 3,  # it was done twice, and only the second reply came
    "late": 2,  # it seemed lost, and is done after other calls
    "stale": 4,  # an eventually consistent read tells of the past
}
"""What happens, and how often beside the others."""

LATE = (2, 30)
"""Calls of anybody after which a late request arrives."""

PAST = 6
"""Answers kept for a stale read."""


def reply(status: int, body: bytes) -> Answer:
    return Answer(status, {"content-type": "application/x-amz-json-1.0"}, body)


def trouble(status: int, code: str) -> Answer:
    return reply(status, json.dumps({"__type": code, "message": "on purpose"}).encode())


class Faults:
    """Faults for any number of clients; ``rate`` of their calls meet one of ``kinds`` while it is on."""

    def __init__(self, seed: int, rate: float, kinds: Mapping[str, int] = KINDS) -> None:
        self.rate = rate
        self._kinds = kinds
        self.faults: Counter[str] = Counter()
        self.calls = 0
        self._rng = random.Random(seed)
        self._late: list[tuple[int, Transport, Request]] = []
        self._past: dict[bytes, deque[bytes]] = defaultdict(lambda: deque(maxlen=PAST))

    def over(self, client: object) -> None:
        """From now on the calls of this client meet these faults."""
        assert isinstance(client, Client)
        client._transport = _Weather(client._transport, self)

    async def clear(self) -> None:
        """Stop injecting: late requests arrive now, and no more faults happen."""
        self.rate = 0.0
        late, self._late = self._late, []
        for _, transport, request in late:
            await transport.send(request)

    async def send(self, transport: Transport, request: Request) -> Answer:
        """One call through the faults."""
        kind, due = self._choose(transport, request)
        for way, late in due:
            await way.send(late)
        match kind:
            case "unsent":
                raise Unreachable("ConnectError" if self.faults["unsent"] % 2 else "RemoteProtocolError")
            case "throttled":
                return trouble(400, "ThrottlingException")
            case "failed":
                return trouble(500, "InternalServerError")
            case "lost":
                await transport.send(request)
                raise Unreachable("ReadTimeout")
            case "twice":
                await transport.send(request)
            case "late":
                raise Unreachable("ReadTimeout")
            case "stale" | "remembered":
                return await self._read(transport, request, stale=kind == "stale")
        return await transport.send(request)

    def _choose(
        self, transport: Transport, request: Request
    ) -> tuple[str | None, list[tuple[Transport, Request]]]:
        lax = _is_lax(request)
        self.calls += 1
        due = [(way, late) for at, way, late in self._late if at <= self.calls]
        self._late = [late for late in self._late if late[0] > self.calls]
        kind: str | None = None
        if self._rng.random() < self.rate:
            (kind,) = self._rng.choices(list(self._kinds), list(self._kinds.values()))
        if kind == "stale" and not lax:
            kind = None
        if kind:
            self.faults[kind] += 1
        if kind == "late":
            self._late.append((self.calls + self._rng.randint(*LATE), transport, request))
        return kind or ("remembered" if lax and self.rate else None), due

    async def _read(self, transport: Transport, request: Request, *, stale: bool) -> Answer:
        answer = await transport.send(request)
        if answer.status != 200:
            return answer
        past = self._past[request.body]
        past.append(answer.body)
        return reply(200, self._rng.choice(past) if stale else answer.body)


class _Weather:
    """A transport with faults."""

    def __init__(self, transport: Transport, faults: Faults) -> None:
        self._transport = transport
        self._faults = faults

    async def send(self, request: Request) -> Answer:
        return await self._faults.send(self._transport, request)

    def connect(self, count: int) -> None:
        self._transport.connect(count)

    async def aclose(self) -> None:
        await self._transport.aclose()


def _is_lax(request: Request) -> bool:
    """Whether this is a read that may tell of the past."""
    return request.operation in ("Query", "GetItem") and not json.loads(request.body).get("ConsistentRead")
