"""Finding what ``_HANDLER`` names."""

import json

import pytest

from c1fn.runtime import buffered
from c1fn.runtime.doors import ForeignEvent
from c1fn.runtime.function import Function
from c1fn.runtime.load_handler import NoHandler, Plain, load
from tests.runtime.bench import get
from tests.runtime.functions.plain import app


@pytest.mark.parametrize("name", ["tests.runtime.functions.plain.app", "tests/runtime/functions/plain.app"])
async def test_a_plain_app_is_served_and_its_path_may_be_written_with_slashes(name: str) -> None:
    handler = load(name)
    assert isinstance(handler, Plain)
    scope, body = handler.request(json.loads(get("/empty", "status=418")), None)
    assert (await buffered.whole(handler.app, scope, body)).status == 418


def test_an_object_with_doors_is_taken_as_a_handler() -> None:
    doors = load("tests.runtime.functions.doors.handler")
    assert not isinstance(doors, Plain)


@pytest.mark.parametrize("name", ["", "handler", ".x", "sys.nothing", "sys.path"])
def test_what_cannot_be_served_is_refused(name: str) -> None:
    with pytest.raises(NoHandler):
        load(name)


def test_a_module_that_is_not_there_is_an_import_error() -> None:
    with pytest.raises(ModuleNotFoundError):
        load("no_such_module.app")


async def test_a_plain_app_streams_http_events_and_refuses_others() -> None:
    plain = Plain(app)
    assert plain.mode(json.loads(get("/x"))) == "stream"
    assert plain.mode({"a": 1}) == "buffer"
    assert plain.request(json.loads(get("/x")), None)[0]["path"] == "/x"
    with pytest.raises(ForeignEvent):
        await plain.buffered({}, None)


@pytest.mark.parametrize("name", ["handler", "awaited", "decorated", "called", "nothing_told", "bound"])
def test_a_function_of_an_event_and_a_context_is_served_as_such(name: str) -> None:
    assert isinstance(load(f"tests.runtime.functions.events.{name}"), Function)


@pytest.mark.parametrize("name", ["asgi", "Asgi", "with_extras"])
def test_an_asgi_app_is_known_by_its_three_parameters(name: str) -> None:
    assert isinstance(load(f"tests.runtime.functions.events.{name}"), Plain)


@pytest.mark.parametrize("name", ["wsgi", "alone", "Class"])
def test_what_is_neither_is_refused_with_what_to_name(name: str) -> None:
    with pytest.raises(NoHandler, match=r"name (an ASGI app|one of these)"):
        load(f"tests.runtime.functions.events.{name}")
