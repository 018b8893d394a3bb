"""C1FN_PLAIN_START=1 runs without the levers, and so does an installed version that lacks what they touch."""

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.httpsession import URLLib3Session
from pydantic import BaseModel

from c1fn.net.aws.boto import config
from c1fn.settings import PREFIX, Settings
from c1fn.startup import (
    VARIABLE,
    authorities,
    aws,
    compiled,
    deferred_models,
    is_plain,
    lazy_imports,
)
from c1fn.stores.dynamodb.calls import LIMITS
from tests.startup.test_compiled import planted

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("text", ["1", "0", "true", "False", "yes", "off", ""])
def test_it_is_read_as_the_settings_read_it(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    assert is_plain() is Settings.read({VARIABLE: text}).plain_start
    assert f"{PREFIX}PLAIN_START" == VARIABLE


def lack_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """All is there; the variable is set."""
    monkeypatch.setenv(VARIABLE, "1")


def lack_what_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with another version of each library."""
    for module in (aws, compiled, deferred_models, lazy_imports):
        monkeypatch.setattr(module, "USABLE", False)


WITHOUT = pytest.mark.parametrize("without", [lack_nothing, lack_what_is_touched])
Without = Callable[[pytest.MonkeyPatch], None]


@WITHOUT
def test_imports_are_as_ever(without: Without, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without(monkeypatch)
    (tmp_path / "parcel").mkdir()
    (tmp_path / "parcel/__init__.py").write_text("ran = True")
    monkeypatch.syspath_prepend(tmp_path)
    with lazy_imports.lazy("parcel"):
        module = importlib.import_module("parcel")
    assert "ran" in vars(module)
    del sys.modules["parcel"]


@WITHOUT
def test_texts_are_compiled_as_ever(
    without: Without, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    planted(tmp_path / "compiled.bin")
    without(monkeypatch)
    assert not compiled.install(tmp_path / "compiled.bin")


@WITHOUT
def test_models_are_built_as_ever(without: Without, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch)
    with deferred_models.deferred():

        class Model(BaseModel):
            x: int

    assert Model.__pydantic_complete__


@WITHOUT
def test_clients_are_as_boto3_makes_them(without: Without, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch)
    client = aws.client("dynamodb", config(LIMITS), region_name="eu-west-1")
    assert type(client._endpoint.http_session) is URLLib3Session
    aws.connect(client)()  # nothing was opened, so there is nothing to give
    client.close()


def test_a_client_that_is_made_in_another_way_stays_as_it_is() -> None:
    """Without an error."""
    aws.TrustOnce.adopt(object())
    aws.connect(object())()


def test_authorities_are_the_librarys(trusted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert authorities.folder() == trusted
    lack_nothing(monkeypatch)
    assert authorities.folder() is None
    assert authorities.context({}) is None


@pytest.mark.parametrize("variable", [VARIABLE, "ANOTHER"])
def test_openai_is_loaded_whole_at_a_plain_start_alone(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    program = "import sys, c1fn.models.c1; print('openai.types.chat.chat_completion' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert told.stdout.strip() == str(variable == VARIABLE)
