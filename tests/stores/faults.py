"""Fault injection under boto3: what networks and DynamoDB do to a call, done at botocore's own events.

Nothing is replaced: requests are signed, sent and parsed by the real code, to a real server. An emulator
never throttles, never loses a reply and never reads stale, so this does, by a seed.
https://docs.aws.amazon.com/boto3/latest/guide/events.html
"""

import io
import json
import random
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

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


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.getvalue()


def reply(request: AWSPreparedRequest, status: int, body: bytes) -> AWSResponse:
    return AWSResponse(request.url, status, {"Content-Type": "application/x-amz-json-1.0"}, _Raw(body))


def trouble(request: AWSPreparedRequest, status: int, code: str) -> AWSResponse:
    return reply(request, status, json.dumps({"__type": code, "message": "on purpose"}).encode())


class Faults:
    """Faults for any number of clients; ``rate`` of their calls meet one of ``kinds`` while it is on."""

    def __init__(self, seed: int, rate: float, kinds: Mapping[str, int] = KINDS) -> None:
        self.rate = rate
        self._kinds = kinds
        self.faults: Counter[str] = Counter()
        self.calls = 0
        self._rng = random.Random(seed)
        self._lock = threading.Lock()
        self._session = URLLib3Session(max_pool_connections=32)
        self._late: list[tuple[int, AWSPreparedRequest]] = []
        self._past: dict[bytes, deque[bytes]] = defaultdict(lambda: deque(maxlen=PAST))

    def over(self, client: Any) -> None:
        """From now on the calls of this client meet these faults."""
        client.meta.events.register("before-send.dynamodb", self._send)

    def clear(self) -> None:
        """Stop injecting: late requests arrive now, and no more faults happen."""
        self.rate = 0.0
        with self._lock:
            late, self._late = self._late, []
        for _, request in late:
            self._session.send(request)

    def close(self) -> None:
        self._session.close()

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        kind, due = self._choose(request)
        for late in due:
            self._session.send(late)
        match kind:
            case "unsent":
                if self.faults["unsent"] % 2:
                    raise EndpointConnectionError(endpoint_url=request.url)
                raise ConnectionClosedError(endpoint_url=request.url)
            case "throttled":
                return trouble(request, 400, "ThrottlingException")
            case "failed":
                return trouble(request, 500, "InternalServerError")
            case "lost":
                self._session.send(request)
                raise ReadTimeoutError(endpoint_url=request.url)
            case "twice":
                self._session.send(request)
                return None
            case "late":
                raise ReadTimeoutError(endpoint_url=request.url)
            case "stale" | "remembered":
                return self._read(request, stale=kind == "stale")
            case _:
                return None

    def _choose(self, request: AWSPreparedRequest) -> tuple[str | None, list[AWSPreparedRequest]]:
        lax = _is_lax(request)
        with self._lock:
            self.calls += 1
            due = [late for at, late in self._late if at <= self.calls]
            self._late = [(at, late) for at, late in self._late if at > self.calls]
            kind: str | None = None
            if self._rng.random() < self.rate:
                (kind,) = self._rng.choices(list(self._kinds), list(self._kinds.values()))
            if kind == "stale" and not lax:
                kind = None
            if kind:
                self.faults[kind] += 1
            if kind == "late":
                self._late.append((self.calls + self._rng.randint(*LATE), request))
            return kind or ("remembered" if lax and self.rate else None), due

    def _read(self, request: AWSPreparedRequest, *, stale: bool) -> AWSResponse:
        answer = self._session.send(request)
        if answer.status_code != 200:
            return answer
        with self._lock:
            past = self._past[request.body]
            past.append(answer.content)
            return reply(request, 200, self._rng.choice(past) if stale else answer.content)


def _is_lax(request: AWSPreparedRequest) -> bool:
    """Whether this is a read that may tell of the past."""
    operation = request.headers["X-Amz-Target"].rpartition(b".")[2]
    return operation in (b"Query", b"GetItem") and not json.loads(request.body).get("ConsistentRead")
