"""Log records as JSON lines."""

import json
import logging
from collections.abc import Generator
from typing import Any

import pytest

from c1fn.runtime import records
from c1fn.runtime.context import Context
from c1fn.runtime.messages import Invocation


def line(record: logging.LogRecord) -> dict[str, Any]:
    text = records.JsonLines().format(record)
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def record(message: str, *args: object, error: Exception | None = None) -> logging.LogRecord:
    told = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("room", logging.WARNING, "f.py", 1, message, args, told)


@pytest.fixture
def root() -> Generator[logging.Logger, None, None]:
    """The root logger, given back as it was."""
    logger = logging.getLogger()
    before = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:], level = before
    logger.setLevel(level)


def test_a_record_is_one_line_with_its_message() -> None:
    found = line(record("a %s\nb", "ü"))
    assert (found["level"], found["logger"], found["message"]) == ("WARNING", "room", "a ü\nb")
    assert "requestId" not in found


def test_a_record_carries_the_request_it_belongs_to() -> None:
    token = records.current.set(Context.of(Invocation("id-1", b"", tenant_id="t-1")))
    try:
        found = line(record("x"))
    finally:
        records.current.reset(token)
    assert (found["requestId"], found["tenantId"]) == ("id-1", "t-1")


def test_an_exception_is_told_by_its_type_and_place_but_not_by_its_text() -> None:
    with pytest.raises(ValueError, match="my prompt") as caught:
        int("my prompt")
    found = line(record("it failed", error=caught.value))
    assert found["errorType"] == "ValueError"
    assert "test_records.py" in found["stackTrace"][-1]
    assert "my prompt" not in json.dumps(found)


@pytest.mark.parametrize(("level", "number"), [("debug", 10), ("ERROR", 40), ("nonsense", 20)])
def test_the_level_is_lambdas_own_setting(
    level: str,
    number: int,
    root: logging.Logger,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", level)
    records.install()
    assert root.level == number
    logging.getLogger("room").critical("on stdout")
    assert json.loads(capsys.readouterr().out)["message"] == "on stdout"
