"""AWS's Signature Version 4, for the one form of request that the JSON protocols have: POST / with a body.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(slots=True)
class Signer:
    """Signs for one service in one region. Its representation shows no secret.

    :param token: of a session, as a role's credentials have one.
    """

    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(repr=False)
    region: str
    service: str
    _day: str = field(default="", init=False)
    _key: bytes = field(default=b"", init=False, repr=False)

    def sign(self, headers: Mapping[str, str], body: bytes, now: float) -> dict[str, str]:
        """The headers that prove who asks, to be sent beside those that are given.

        :param headers: all that are signed, with small letters and one space between words; with `host`.
        :param now: seconds since the epoch: AWS takes a request for five minutes.
        """
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        added = {"x-amz-date": at} | ({"x-amz-security-token": self.token} if self.token else {})
        signed = sorted([*headers.items(), *added.items()])
        names = ";".join(name for name, _ in signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed)
        request = f"POST\n/\n\n{lines}\n{names}\n{sha256(body).hexdigest()}"
        scope = f"{at[:8]}/{self.region}/{self.service}/aws4_request"
        text = f"{ALGORITHM}\n{at}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key_of(at[:8]), text.encode(), "sha256").hex()
        credential = f"Credential={self.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        return added | {"authorization": f"{ALGORITHM} {credential}"}

    def _key_of(self, day: str) -> bytes:
        if day != self._day:
            key = f"AWS4{self.secret}".encode()
            for part in (day, self.region, self.service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._key = day, key
        return self._key
