"""An OpenID Connect issuer on loopback: a discovery document, keys that can be rotated, the tokens it signs.

Its keys are made by cryptography; what it serves can be replaced, held at a gate, or refused.

https://openid.net/specs/openid-connect-discovery-1_0.html
"""

import asyncio
import json
import time
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "the-app"
HOUR = 3600

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def rsa_key(size: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, size)


def public_jwk(key: PrivateKey, kid: str | None, **fields: str) -> dict[str, Any]:
    """The key's public half as the issuer publishes it."""
    match key:
        case rsa.RSAPrivateKey():
            found = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            found = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case _:
            found = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    found = {name: value for name, value in found.items() if name != "key_ops"}
    return {**found, **({} if kid is None else {"kid": kid}), **fields}


class IssuerServer:
    """``async with IssuerServer() as issuer``; ``fetched`` counts how often its keys were asked for."""

    def __init__(self) -> None:
        self.key: PrivateKey = rsa_key()
        self.kid: str | None = "first"
        self.keys = [public_jwk(self.key, self.kid)]
        self.about: dict[str, Any] = {}
        self.status = 200
        self.body: bytes | None = None  # instead of what it would say
        self.gate: asyncio.Event | None = None
        self.fetched = 0
        self.arrived = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def down(self) -> None:
        """Nobody listens any more."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def rotate(self, kid: str, *, withdraw: bool) -> None:
        """Sign with another key from now on; the old one stays published, or is withdrawn."""
        self.key, self.kid = rsa_key(), kid
        self.keys = [*([] if withdraw else self.keys), public_jwk(self.key, kid)]

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Good ones, with these changes; None takes a claim out."""
        now = int(time.time())
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + HOUR}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(
        self, *, key: Any = None, algorithm: str = "RS256", kid: str | None = "", **changes: Any
    ) -> str:
        """A good token, with these changes."""
        kid = self.kid if kid == "" else kid
        headers = {} if kid is None else {"kid": kid}
        return jwt.encode(self.claims(**changes), key or self.key, algorithm, headers)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            method, path, *_ = (await reader.readuntil(b"\r\n\r\n")).split()
            document: dict[str, Any] = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.about
            if path == b"/keys":
                self.fetched += 1
                self.arrived.set()
                if self.gate:
                    await self.gate.wait()
                document = {"keys": self.keys}
            body = json.dumps(document).encode() if self.body is None else self.body
            status = self.status if method == b"GET" else 405
            head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        except ConnectionError:
            pass  # who asked has heard enough
        finally:
            writer.close()
