import ast
import inspect
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pytest

from c1fn.errors import SettingsError
from c1fn.settings import ORIGINS, Settings, variable

NO_ADDRESS = "must be an address that begins with https:// (or http://) and a host"
MALFORMED = "the host or the port of this address is malformed"

DESCRIPTIONS = {
    field.target.id: ast.literal_eval(text.value)
    for field, text in pairwise(ast.parse(inspect.getsource(Settings)).body[0].body)  # type: ignore[attr-defined]
    if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
}
"""The text below each setting, by its field."""


def test_the_defaults_are_the_quickstarts() -> None:
    settings = Settings.read({})
    assert (settings.base_url, settings.model) == ("https://api.thesys.dev/v1/embed/", "c1-nightly")


def test_a_variable_is_read_and_converted() -> None:
    assert Settings.read({"C1FN_HISTORY_TURNS": "7"}).history_turns == 7


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.read({"C1FN_MODEL": "", "THESYS_API_KEY": ""}) == Settings.read({})


def test_variables_of_others_are_let_be() -> None:
    assert Settings.read({"PATH": "/bin", "C1FNX": "1"}) == Settings.read({})


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"C1FN_MODLE": "x"}, "C1FN_MODLE: unknown setting (docs/settings.md lists them all)."),
        ({"C1FN_API_KEY": "x"}, "C1FN_API_KEY: unknown setting. The model's key is THESYS_API_KEY."),
        (
            {"C1FN_HISTORY_TURNS": "many"},
            "C1FN_HISTORY_TURNS: Input should be a valid integer, unable to parse string as an integer.",
        ),
        ({"C1FN_DYNAMODB_ENDPOINT": "nonsense"}, f"C1FN_DYNAMODB_ENDPOINT: {NO_ADDRESS}."),
        ({"C1FN_BASE_URL": "api.thesys.dev"}, f"C1FN_BASE_URL: {NO_ADDRESS}."),
        ({"C1FN_BASE_URL": "ftp://a.example"}, f"C1FN_BASE_URL: {NO_ADDRESS}."),
        ({"C1FN_BASE_URL": "https:///v1"}, f"C1FN_BASE_URL: {NO_ADDRESS}."),
        ({"C1FN_BASE_URL": "http://[::1:80/v1"}, f"C1FN_BASE_URL: {MALFORMED}."),
        ({"C1FN_BASE_URL": "https://a.example:99999/"}, f"C1FN_BASE_URL: {MALFORMED}."),
        (
            {"C1FN_BASE_URL": "https://ann:planted@a.example/"},
            "C1FN_BASE_URL: must not hold a user name or a password.",
        ),
        (
            {"C1FN_BASE_URL": "https://a.example/v1 "},
            "C1FN_BASE_URL: must not hold blanks or a part after #.",
        ),
        (
            {"C1FN_ALLOWED_ORIGINS": "https://a.example/path"},
            f"C1FN_ALLOWED_ORIGINS: String should match pattern '{ORIGINS}'.",
        ),
        (
            {"C1FN_ALLOWED_ORIGINS": "https://a.example\n"},
            f"C1FN_ALLOWED_ORIGINS: String should match pattern '{ORIGINS}'.",
        ),
        (
            {"C1FN_JWT_ISSUER": "http://issuer.example"},
            "C1FN_JWT_ISSUER: must begin with https://, or with http:// and this machine's own name.",
        ),
        ({"C1FN_STORE": "redis"}, "C1FN_STORE: Input should be 'memory' or 'dynamodb'."),
        ({"C1FN_MCP": '{"a": {"url": "a.example"}}'}, f"C1FN_MCP: a.url: {NO_ADDRESS}."),
        ({"C1FN_MCP": '{"a": {}}'}, "C1FN_MCP: a.url: Field required."),
        (
            {"C1FN_MCP": '{"a": {"url": "https://a.example", "headers": {"x": "planted"}}}'},
            "C1FN_MCP: a.headers: Extra inputs are not permitted.",
        ),
    ],
)
def test_a_wrong_setting_is_named(environ: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read(environ)
    assert str(caught.value) == told


def test_further_settings_are_read_from_one_variable() -> None:
    further = (
        '{"C1FN_MAX_TOKENS": 8000, "C1FN_CHECKPOINTS": true, "C1FN_TEMPERATURE": 0.5, "C1FN_TABLE": "abc"}'
    )
    settings = Settings.read({"C1FN_SETTINGS": further, "C1FN_TABLE": ""})
    assert (settings.max_tokens, settings.checkpoints) == (8000, "always")
    assert (settings.temperature, settings.table) == (0.5, "abc")
    assert Settings.read({"C1FN_SETTINGS": ""}) == Settings.read({})
    servers = Settings.read({"C1FN_SETTINGS": '{"C1FN_MCP": {"docs": {"url": "https://a.example"}}}'}).mcp
    assert servers
    assert servers["docs"].url == "https://a.example"


@pytest.mark.parametrize(
    ("further", "told"),
    [
        ("C1FN_MAX_TOKENS=planted", "C1FN_SETTINGS: must be a JSON object of settings"),
        ('["planted"]', "C1FN_SETTINGS: must be a JSON object of settings"),
        ('{"C1FN_TABLE": ["planted"]}', "C1FN_SETTINGS: must be a JSON object of settings"),
        ('{"THESYS_API_KEY": "planted"}', "C1FN_SETTINGS: only C1FN_… settings belong in it, and no keys."),
        ('{"C1FN_KEYS": "planted"}', "C1FN_SETTINGS: only C1FN_… settings belong in it, and no keys."),
        ('{"C1FN_SETTINGS": "planted"}', "C1FN_SETTINGS: only C1FN_… settings belong in it, and no keys."),
        ('{"C1FN_MODEL": "planted"}', "C1FN_MODEL: is set by itself and in C1FN_SETTINGS. Set it once."),
        ('{"C1FN_MODLE": "planted"}', "C1FN_MODLE: unknown setting (docs/settings.md lists them all)."),
    ],
)
def test_wrong_further_settings_are_named_and_not_repeated(further: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({"C1FN_MODEL": "m", "C1FN_SETTINGS": further})
    assert str(caught.value).startswith(told)
    assert "planted" not in str(caught.value)


def test_the_key_shows_nowhere() -> None:
    settings = Settings.read({"THESYS_API_KEY": "sk-planted"})
    assert "sk-planted" not in f"{settings!r} {settings} {asdict(settings)}"


def test_a_wrong_value_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({"C1FN_HISTORY_TURNS": "planted"})
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("field", DESCRIPTIONS)
def test_every_setting_is_documented_with_its_default(field: str) -> None:
    told = (Path(__file__).parent.parent / "docs/settings.md").read_text("utf-8")
    default = getattr(Settings, field)
    shown = "unset" if default is None else str(default).lower() if isinstance(default, bool) else default
    assert f"| `{variable(field)}` | {shown} | {DESCRIPTIONS[field]}" in told


@pytest.mark.parametrize("key", ["sk-planted\n", "sk-plänted", " "])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(SettingsError, match=r"^THESYS_API_KEY: .*must be printable ASCII") as caught:
        Settings.read({"THESYS_API_KEY": key})
    assert "pl" not in str(caught.value)


@pytest.mark.parametrize("origins", ["*", "https://a.example", "https://a.example, http://localhost:5173"])
def test_origins_are_exact_or_any(origins: str) -> None:
    assert Settings.read({"C1FN_ALLOWED_ORIGINS": origins}).allowed_origins == origins


@pytest.mark.parametrize(
    "address",
    ["https://a.example/v1?api-version=1", "http://[::1]:8080/v1", "https://a.example/chat/completions"],
)
def test_an_address_may_have_a_query_and_an_ipv6_host(address: str) -> None:
    assert Settings.read({"C1FN_BASE_URL": address}).base_url == address


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "[::1]:8080", "localhost"])
def test_an_issuer_on_this_machine_needs_no_tls(host: str) -> None:
    assert Settings.read({"C1FN_JWT_ISSUER": f"http://{host}"}).jwt_issuer == f"http://{host}"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "arn:aws:dynamodb:eu-central-1:111111111111:table/c1fn",
            "table's name, which is what follows table/",
        ),
        ("c1 fn", "3 to 255 letters"),
        ("ab", "3 to 255 letters"),
    ],
)
def test_a_table_is_given_by_its_name(name: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=f"C1FN_TABLE.*{sentence}"):
        Settings.read({"C1FN_TABLE": name})
