"""What the levers touch and no library promises: one test for each name, which fails where it is gone.

Then c1fn starts as ever, only slower, so that nobody would notice. What to do: see whether the library has
another name for it, or a public way; else take the lever out.
"""

import collections
import dataclasses
import re
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from c1fn.local.package.record import Recorder
from c1fn.net.aws.boto import config
from c1fn.startup import aws, compiled, deferred_models, lazy_imports
from c1fn.startup.deferred_models import deferred
from c1fn.stores.dynamodb.calls import LIMITS


@pytest.mark.parametrize(("module", "name"), compiled.TOUCHED, ids=lambda value: str(value)[:40])
def test_python_has_what_compiled_touches(module: Any, name: str) -> None:
    assert hasattr(module, name)


@pytest.mark.parametrize("name", lazy_imports.TOUCHED)
def test_importlib_has_what_lazy_imports_touches(name: str) -> None:
    assert hasattr(lazy_imports._BOOTSTRAP, name)


def test_lazy_imports_reads_this_pythons_bytecode() -> None:
    assert lazy_imports.reads_bytecode()


def test_pydantic_has_what_deferred_models_touches() -> None:
    assert hasattr(BaseModel, deferred_models.TOUCHED)


@pytest.mark.parametrize(("kind", "name"), aws.TOUCHED, ids=lambda value: str(value)[:60])
def test_botocore_and_urllib3_have_what_aws_touches(kind: type, name: str) -> None:
    assert hasattr(kind, name)


@pytest.fixture
def recorded() -> Iterator[Recorder]:
    recorder = Recorder()
    re.purge()
    recorder.begin()
    yield recorder
    recorder.end()
    re.purge()


def make_a_dataclass() -> None:
    dataclasses.make_dataclass("Point", ["x"])


def make_a_named_tuple() -> None:
    collections.namedtuple("Point", ["x"])  # noqa: PYI024 - it is what compiles a text


def read_an_annotation() -> None:
    typing.get_type_hints(type("Point", (), {"__annotations__": {"x": "list[int]"}}))


@pytest.mark.parametrize(
    ("kind", "act"),
    [("exec", make_a_dataclass), ("eval", make_a_named_tuple), ("eval", read_an_annotation)],
)
def test_python_still_compiles_such_texts_where_compiled_looks(
    recorded: Recorder, kind: str, act: Callable[[], None]
) -> None:
    act()
    assert kind in {kind for kind, _ in recorded.texts}


def test_python_still_compiles_patterns_where_compiled_looks(recorded: Recorder) -> None:
    re.compile("(?:a canary)+")
    assert recorded.patterns.keys() == {("(?:a canary)+", 0)}


def test_pydantic_still_defers_by_the_configuration_that_models_inherit() -> None:
    with deferred():

        class Model(BaseModel):
            x: int

    assert not Model.__pydantic_complete__
    assert Model(x=1).x == 1


def test_botocores_clients_still_are_made_as_aws_knows_them() -> None:
    client = aws.client("dynamodb", config(LIMITS), region_name="eu-west-1")
    assert isinstance(client._endpoint.http_session, aws.TrustOnce)
    client.close()
