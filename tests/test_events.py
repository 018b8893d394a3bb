import dataclasses
from typing import get_args

import pytest

from c1fn.events import Event, ModelEvent


@pytest.mark.parametrize("kind", dict.fromkeys([*get_args(Event), *get_args(ModelEvent)]))
def test_an_event_is_frozen(kind: type) -> None:
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]  # dataclasses keeps it untyped
    assert dataclasses.fields(kind)
