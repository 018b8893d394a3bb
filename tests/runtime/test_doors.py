"""Which door an event came through, and what is no door's."""

from typing import Any

import pytest

from c1fn.runtime.doors import Doors, door_of, foreign, is_ping
from tests.runtime.bench import sample


@pytest.mark.parametrize(
    ("name", "version"), [("function-url", "2.0"), ("http-api", "2.0"), ("rest-api", "1.0"), ("alb", "1.0")]
)
def test_a_door_is_known_by_the_shape_of_its_event(name: str, version: str) -> None:
    door = door_of(sample(name))
    assert door
    assert (door.name, door.payload) == (name, version)


def test_an_http_api_with_the_old_payload_is_no_rest_api() -> None:
    door = door_of(sample("rest-api", version="1.0"))
    assert door
    assert (door.name, door.payload, door.streams) == ("http-api", "1.0", False)


FOREIGN: list[Any] = [
    *(None, 1, "x", [], {}, {"requestContext": None}, {"requestContext": {}}, {"Records": []}),
    {"requestContext": {"stage": "prod"}, "httpMethod": "GET"},
    {"requestContext": {"stage": "prod"}, "path": "/"},
    {"requestContext": {"stage": "prod"}, "path": "/", "httpMethod": None},
]


@pytest.mark.parametrize("other", FOREIGN)
def test_what_is_no_http_event_came_through_no_door(other: Any) -> None:
    assert door_of(other) is None
    assert Doors().mode(other) == "buffer"


@pytest.mark.parametrize(
    "ping",
    [
        {"source": "serverless-plugin-warmup"},
        {"source": "serverless-plugin-lambda-warmup"},
        {"warmer": True, "concurrency": 3},
        {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
        {"version": "0", "source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {}},
    ],
)
def test_a_warmers_ping_is_known(ping: dict[str, Any]) -> None:
    assert is_ping(ping)


@pytest.mark.parametrize(
    "other",
    [
        *FOREIGN,
        {"warmer": "yes"},
        {"source": "aws.s3", "detail-type": "Object Created", "detail": {}},
        {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {"job": 1}},
        sample("function-url", source="serverless-plugin-warmup"),
    ],
)
def test_no_other_event_is_a_ping(other: Any) -> None:
    assert not is_ping(other)


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"Records": [{"body": "secret"}]}, "its keys are: Records"),
        ({"key1": "value1", "key2": "value2"}, "its keys are: key1, key2"),
        ({}, "its keys are: none"),
        ({f"k{number}": 1 for number in range(10)}, "k7 and 2 more"),
        ({"a prompt as a key": 1}, "its keys are: …"),
        ([1], "it is no object but a list"),
    ],
)
def test_a_foreign_event_is_told_by_the_names_of_its_keys(event: Any, told: str) -> None:
    assert told in str(foreign(event))
    assert "secret" not in str(foreign(event))


def test_a_deployment_tells_how_its_doors_are_set_up() -> None:
    made = Doors.of({"C1FN_BASE_PATH": "/chat/", "C1FN_REST_API": "buffered", "AWS_SAM_LOCAL": "true"})
    assert made == Doors(base_path="/chat", rest_streams=False, sam_local=True)
    assert Doors.of({"C1FN_BASE_PATH": "", "C1FN_REST_API": ""}) == Doors()


@pytest.mark.parametrize(
    "environ", [{"C1FN_BASE_PATH": "chat"}, {"C1FN_BASE_PATH": "/a b"}, {"C1FN_REST_API": "x"}]
)
def test_a_variable_of_another_form_is_refused_by_name(environ: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(environ))):
        Doors.of(environ)


def test_a_rest_api_streams_unless_it_is_said_to_buffer() -> None:
    assert Doors().mode(sample("rest-api")) == "stream"
    assert Doors(rest_streams=False).mode(sample("rest-api")) == "buffer"
    assert Doors(rest_streams=False).mode(sample("function-url")) == "stream"
    assert Doors(sam_local=True).mode(sample("function-url")) == "buffer"


def test_an_event_of_a_websocket_api_is_named_as_that() -> None:
    context = {"routeKey": "$connect", "eventType": "CONNECT", "connectionId": "L0SM9cOFvHcCIhw="}
    assert "WebSocket API" in str(foreign({"headers": {}, "requestContext": context}))
