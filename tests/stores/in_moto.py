"""moto below c1fn's own client: what would be sent is answered in this process."""

import asyncio

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.models import botocore_stubber

from c1fn.net.aws.client import DIALECTS, Answer, Client, Request
from c1fn.net.aws.signing import Signer
from tests.stores.servers import KEYS


class InMoto:
    """A ``Transport`` to the tables of this process."""

    async def send(self, request: Request) -> Answer:
        await asyncio.sleep(0)  # others go on meanwhile, as while a request is on its way
        headers = HTTPHeaders()
        for name, value in request.headers.items():
            headers[name] = value
        url = f"https://{request.headers['host']}/"
        answered = botocore_stubber.process_request(
            AWSPreparedRequest("POST", url, headers, request.body, stream_output=False)
        )
        assert answered is not None
        status, told, body = answered
        content = body.encode() if isinstance(body, str) else body
        return Answer(status, {name.lower(): str(value) for name, value in told.items()}, content)

    def connect(self, count: int) -> None:
        """Nothing is opened."""

    async def aclose(self) -> None:
        """Nothing is open."""


def service_in_moto() -> Client:
    """As a deployed function's: the same requests, signatures and answers."""
    region = KEYS["AWS_DEFAULT_REGION"]
    signer = Signer(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"], None, region, "dynamodb")
    return Client(DIALECTS["dynamodb"], f"dynamodb.{region}.amazonaws.com", signer, InMoto())
