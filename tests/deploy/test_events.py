"""Events that nobody here wrote: those of `sam local generate-event`, answered in AWS's own RIE.

The HTTP ones are a chat's POST, answered under awslambdaric and under our loop. An authorizer's event is no
HTTP request: its invocation fails by the names of its keys, and the process lives on.
"""

import json
from collections.abc import Generator
from typing import Any

import pytest

from c1fn.runtime.emulator.prelude import Prelude
from tests.deploy.conftest import TOOLS, run
from tests.rie import MANAGED, WRAPPED, Rie, running

pytestmark = pytest.mark.timeout(600)  # seconds: SAM, osls and cfn-lint start slowly where others work, too

BODY = json.dumps(
    {"prompt": {"role": "user", "content": "hi"}, "threadId": "generated", "responseId": "generated"}
)
HTTP = [("apigateway", "aws-proxy"), ("apigateway", "http-api-proxy"), ("alb", "request")]


@pytest.fixture(scope="module", params=[MANAGED, WRAPPED], ids=["awslambdaric", "our loop"])
def rie(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Rie, None, None]:
    with running(request.param, tmp_path_factory.mktemp("rie") / "log") as started:
        yield started


def generated(service: str, kind: str, *options: str) -> Any:
    return json.loads(run([TOOLS / "bin" / "sam", "local", "generate-event", service, kind, *options]))


def answer(payload: bytes) -> tuple[int, str]:
    """Status and body, streamed with a prelude or whole."""
    if found := Prelude().feed(payload):
        return found[0].status, found[1].decode()
    whole = json.loads(payload)
    return whole["statusCode"], whole["body"]


@pytest.mark.parametrize(("service", "kind"), HTTP)
def test_a_generated_http_event_is_a_chat(service: str, kind: str, rie: Rie) -> None:
    event = generated(service, kind, "--body", BODY, "--method", "POST", "--path", "api/chat")
    status, text = answer(rie.invoke(event))
    assert status == 200, text
    assert text.startswith('<content thesys="true">')


def test_a_generated_authorizers_event_fails_by_the_names_of_its_keys(rie: Rie) -> None:
    told = json.loads(rie.invoke(generated("apigateway", "authorizer")))
    assert told["errorType"].rpartition(".")[2] == "ForeignEvent"
    assert told["errorMessage"].endswith("its keys are: type, authorizationToken, methodArn")


def test_a_generated_authorizers_event_that_looks_like_a_request_is_refused_readably(rie: Rie) -> None:
    status, _ = answer(rie.invoke(generated("apigateway", "request-authorizer")))
    assert status in (400, 404, 405)
