"""`c1fn serve --page-config`: how people sign in to the page of a developer's machine."""

import json
from pathlib import Path

import pytest

from c1fn.errors import SettingsError
from c1fn.local import page_config

GOOD = {"authority": "https://login.example.com/pool", "clientId": "the-page"}


def written(folder: Path, text: str) -> Path:
    path = folder / "config.json"
    path.write_text(text)
    return path


def test_the_page_gets_the_file_as_it_stands(tmp_path: Path) -> None:
    text = json.dumps({"oidc": GOOD}, indent=3)
    assert page_config.read(written(tmp_path, text)).text == text.encode()


@pytest.mark.parametrize(
    ("more", "origins"),
    [
        ({}, ("https://login.example.com",)),
        ({"authority": "http://127.0.0.1:8080"}, ("http://127.0.0.1:8080",)),
        ({"authority": "http://[::1]:8080/realm"}, ("http://[::1]:8080",)),
        (
            {"logoutUrl": "https://a.auth.example.com/logout?to=https://b.example"},
            ("https://login.example.com", "https://a.auth.example.com"),
        ),
        ({"logoutUrl": "https://login.example.com/out"}, ("https://login.example.com",)),
        ({"audience": "https://api.example.com"}, ("https://login.example.com",)),
        ({"logoutUrl": "https://a.example; script-src *"}, ("https://login.example.com",)),
        ({"logoutUrl": "https://a.example,b"}, ("https://login.example.com",)),
        ({"logoutUrl": 7}, ("https://login.example.com",)),
    ],
)
def test_the_page_may_call_its_issuers_origins_alone(
    tmp_path: Path, more: dict[str, object], origins: tuple[str, ...]
) -> None:
    path = written(tmp_path, json.dumps({"oidc": GOOD | more}))
    assert page_config.read(path).origins == origins


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"oidc": null}',
        '{"oidc": {"authority": "https://a.example"}}',
        '{"oidc": {"authority": "https://a.example", "clientId": 7}}',
        "[" * 20_000,
        json.dumps({"oidc": GOOD | {"scope": "x" * page_config.LONGEST}}),
    ],
)
def test_another_file_is_refused_before_the_server_starts(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError, match=r"config\.json is not as .*docs/auth\.md"):
        page_config.read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.json cannot be read: No such file or directory"):
        page_config.read(tmp_path / "gone.json")
