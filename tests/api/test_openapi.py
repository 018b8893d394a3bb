"""What schemathesis cannot see from outside; the rest is asked by ``make fuzz``."""

import json
import re
from typing import Any

import pytest

from c1fn.api import openapi
from c1fn.errors import kinds
from c1fn.settings import Settings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    from c1fn import compose

    return compose.web_app(Settings.read({"C1FN_MODEL": "offline"})).openapi()


def test_every_endpoint_is_described(document: dict[str, Any]) -> None:
    served = {(verb, path) for path, verbs in document["paths"].items() for verb in verbs}
    assert served == set(openapi.ENDPOINTS)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for found in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        place: Any = document
        for step in found.split("/"):
            place = place[step]


def test_every_code_stands_under_its_status(document: dict[str, Any]) -> None:
    responses = document["paths"]["/api/chat"]["post"]["responses"]
    for kind in kinds():
        schema = responses[str(kind.status)]["content"]["application/problem+json"]["schema"]
        assert kind.code in schema["allOf"][1]["properties"]["code"]["enum"]


def test_a_strangers_refusal_is_told_of_every_endpoint_but_those_that_ask_nobody(
    document: dict[str, Any],
) -> None:
    silent = {
        path
        for path, verbs in document["paths"].items()
        for verb in verbs.values()
        if "401" not in verb["responses"]
    }
    assert silent == {"/healthz", openapi.OPENED}


def test_a_second_look_at_the_document_changes_nothing() -> None:
    from c1fn import compose

    app = compose.web_app(Settings.read({"C1FN_MODEL": "offline"}))
    assert json.dumps(app.openapi()) == json.dumps(app.openapi())


def test_the_rest_of_an_answer_may_be_nothing(document: dict[str, Any]) -> None:
    """A client that asks for what comes after the end gets a 204: `make fuzz` found it in no document."""
    responses = document["paths"][openapi.FOLLOWED]["get"]["responses"]
    assert {"200", "204"} <= responses.keys()
