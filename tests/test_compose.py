import json
import logging
import os
import re
import subprocess
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from c1fn import compose
from c1fn.chat.mcp import Servers
from c1fn.chat.titles import TOKENS
from c1fn.compose import authentication, models
from c1fn.compose.mcp import servers
from c1fn.compose.tools import tools
from c1fn.errors import SettingsError, Unauthorized
from c1fn.identity.callers import Caller
from c1fn.models.c1 import C1Model
from c1fn.models.offline import OfflineModel
from c1fn.settings import Settings
from c1fn.stores.memory import MemoryStore
from c1fn.telemetry.log import Origin
from c1fn.turn import Ask, Message
from tests.asgi import client_of
from tests.mcp_server import scripted, tool
from tests.upstream import Upstream

ON_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "chat"}


def test_without_a_key_the_offline_model_answers() -> None:
    assert compose.settle(Settings.read({}), {}).model == "offline"


def test_with_a_key_the_named_model_answers() -> None:
    assert compose.settle(Settings.read({"THESYS_API_KEY": "k"}), ON_LAMBDA).model == "c1-nightly"


def test_a_deployed_function_without_a_key_does_not_start() -> None:
    with pytest.raises(SettingsError, match="THESYS_API_KEY is not set"):
        compose.settle(Settings.read({}), ON_LAMBDA)


def test_a_deployed_function_may_be_told_to_be_offline() -> None:
    assert compose.settle(Settings.read({"C1FN_MODEL": "offline"}), ON_LAMBDA).model == "offline"


def test_either_offline_model_needs_no_key() -> None:
    for name in ("offline", "offline-openui"):
        assert compose.settle(Settings.read({"C1FN_MODEL": name}), ON_LAMBDA).model == name


def test_under_sam_local_no_key_is_needed() -> None:
    assert compose.settle(Settings.read({}), {**ON_LAMBDA, "AWS_SAM_LOCAL": "true"}).model == "offline"


async def test_the_parts_follow_the_settings() -> None:
    assert isinstance(compose.store(Settings.read({})), MemoryStore)
    assert isinstance(compose.model(Settings.read({})), OfflineModel)
    assert isinstance(
        compose.model(Settings.read({"THESYS_API_KEY": "k", "C1FN_MODEL": "offline"})), OfflineModel
    )
    in_openui = compose.model(Settings.read({"C1FN_MODEL": "offline-openui"}))
    assert (type(in_openui), in_openui.name) == (OfflineModel, "offline-openui")
    model = compose.model(Settings.read({"THESYS_API_KEY": "k", "C1FN_MODEL": "m"}))
    assert isinstance(model, C1Model)
    assert model.name == "m"
    await model.aclose()


async def test_the_models_own_settings_reach_the_provider(tmp_path: Path) -> None:
    (tmp_path / "system.txt").write_text("Be brief.")
    async with Upstream() as upstream:
        model = compose.model(
            Settings.read(
                {
                    "THESYS_API_KEY": "k",
                    "C1FN_BASE_URL": upstream.url,
                    "C1FN_SYSTEM_PROMPT_FILE": str(tmp_path / "system.txt"),
                    "C1FN_TEMPERATURE": "0.5",
                    "C1FN_MAX_TOKENS": "100",
                    "C1FN_CUSTOM_ACTIONS": '{"download": {"type": "object"}}',
                    "C1FN_CUSTOM_COMPONENTS": '{"Flight": {"type": "object", "properties": {}}}',
                    "C1FN_INCLUDED_COMPONENTS": "Layout, Slides",
                    "C1FN_EXCLUDED_COMPONENTS": "Form",
                }
            )
        )
        _ = [event async for event in model.stream([Message("user", "hi")])]
        await model.aclose()
    (request,) = upstream.requests
    assert request.body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (request.body["temperature"], request.body["max_tokens"]) == (0.5, 100)
    assert json.loads(request.body["metadata"]["thesys"]) == {
        "c1_custom_actions": {"download": {"type": "object"}},
        "c1_custom_components": {"Flight": {"type": "object", "properties": {}}},
        "c1_included_components": ["Layout", "Slides"],
        "c1_excluded_components": ["Form"],
    }


async def test_what_is_not_set_is_not_sent() -> None:
    async with Upstream() as upstream:
        model = compose.model(Settings.read({"THESYS_API_KEY": "k", "C1FN_BASE_URL": upstream.url}))
        _ = [event async for event in model.stream([Message("user", "hi")])]
        await model.aclose()
    assert set(upstream.requests[0].body) == {"model", "messages", "stream", "stream_options"}


def test_a_system_prompt_that_cannot_be_read_is_told() -> None:
    with pytest.raises(SettingsError, match="C1FN_SYSTEM_PROMPT_FILE: FileNotFoundError"):
        compose.model(Settings.read({"THESYS_API_KEY": "k", "C1FN_SYSTEM_PROMPT_FILE": "/nowhere"}))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SSL_CERT_FILE", "/nowhere"),
        ("ALL_PROXY", "socks://127.0.0.1:1"),
        ("C1FN_BASE_URL", "https://☃.example"),
    ],
)
def test_what_a_model_cannot_be_set_up_with_is_told(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable):
        compose.model(Settings.read({**os.environ, "THESYS_API_KEY": "k"}))


@pytest.mark.usefixtures("aws")
def test_what_the_store_cannot_be_set_up_with_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with pytest.raises(SettingsError, match="AWS_CA_BUNDLE"):
        compose.store(Settings.read({"C1FN_STORE": "dynamodb"}))
    with pytest.raises(SettingsError, match="C1FN_SECRET: AWS_CA_BUNDLE"):
        compose.settle(Settings.read({"C1FN_SECRET": "arn:aws:secretsmanager:eu-west-1:1:secret:a"}), {})


@pytest.mark.parametrize(
    ("settings", "unused"),
    [
        (
            "{}",
            ["openai", "botocore", "uvicorn", "mangum", "dotenv", "jwt", "cryptography", "mcp", "jsonschema"],
        ),
        (
            "{'THESYS_API_KEY': 'k'}",
            ["botocore", "uvicorn", "mangum", "dotenv", "jwt", "cryptography", "mcp", "jsonschema"],
        ),
    ],
)
def test_what_the_settings_do_not_use_is_not_imported(settings: str, unused: list[str]) -> None:
    code = (
        "import sys; from c1fn import compose; from c1fn.settings import Settings;"
        f"s = Settings.read({settings}); compose.web_app(s); compose.model(s); compose.store(s);"
        f"print([name for name in {unused} if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "[]\n"


# --- who calls


def test_the_local_server_asks_nobody_and_a_deployed_function_asks_aws() -> None:
    assert compose.settle(Settings.read({}), {}).auth == "none"
    assert compose.settle(Settings.read({"THESYS_API_KEY": "k"}), ON_LAMBDA).auth == "iam"


def test_a_deployed_function_asks_nobody_only_when_it_is_told_so() -> None:
    settings = Settings.read({"THESYS_API_KEY": "k", "C1FN_AUTH": "none"})
    assert compose.settle(settings, ON_LAMBDA).auth == "none"


@pytest.mark.parametrize("keys", ["", "{}", "[]", "planted", '{"ann": "planted"}', '{"ann": 5}'])
def test_keys_that_protect_nothing_are_refused_and_not_repeated(keys: str) -> None:
    with pytest.raises(SettingsError) as caught:
        compose.settle(Settings.read({"C1FN_AUTH": "key", "C1FN_KEYS": keys}), {})
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"C1FN_JWT_ISSUER": "https://issuer.example"},
        {"C1FN_JWT_AUDIENCE": "app"},
        {"C1FN_JWT_ISSUER": "https://issuer.example", "C1FN_JWT_AUDIENCE": " , "},
    ],
)
def test_tokens_of_anybody_or_for_anybody_are_refused_at_the_start(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="C1FN_AUTH=jwt needs C1FN_JWT_ISSUER and C1FN_JWT_AUDIENCE"):
        compose.settle(Settings.read({"C1FN_AUTH": "jwt", **given}), {})


PLANTED = "planted-sk-0123456789abcdef"


@pytest.mark.parametrize("mode", ["key", "jwt"])
async def test_keys_and_tokens_show_nowhere(
    mode: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not in the OpenAPI page, an answer, a log or a value's text, nor in the traceback of a bug."""
    caplog.set_level(logging.DEBUG)
    environ = {
        "THESYS_API_KEY": PLANTED,
        "C1FN_AUTH": mode,
        "C1FN_KEYS": json.dumps({"ann": PLANTED}),
        "C1FN_JWT_ISSUER": "https://127.0.0.1:1",
        "C1FN_JWT_AUDIENCE": "app",
    }
    settings = compose.settle(Settings.read(environ), {})
    identify, model, app = compose.identify(settings), compose.model(settings), compose.web_app(settings)
    seen = [repr(settings), repr(identify), repr(model), repr(vars(app)), json.dumps(app.openapi())]
    head = jwt.encode({}, PLANTED * 2, "HS256").partition(".")[0]
    unknown = jwt.encode({"kid": "k"}, rsa.generate_private_key(65537, 2048), "RS256")
    tokens = [PLANTED, f"{PLANTED}x", f"{head}.{PLANTED}.{PLANTED}", unknown]
    async with client_of(app) as client:
        for token in tokens:
            headers = {"authorization": f"Bearer {token}"}
            for path in "/api/threads", "/api/threads/t/messages":
                answer = await client.get(path, headers=headers)
                seen += [answer.body.decode(), repr(answer.headers)]

        async def broken(*_: object, **__: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(app.state.chat.store.threads, "page", broken)
        if mode == "key":
            with pytest.raises(RuntimeError) as caught:
                await client.get("/api/threads", headers={"x-api-key": PLANTED})
            seen.append("".join(traceback.format_exception(caught.value)))
    await model.aclose()
    told = "".join([*seen, caplog.text, *capsys.readouterr()])
    assert [secret for secret in tokens if secret in told] == []


async def test_with_keys_each_holder_sees_only_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "OFFLINE_PACE", 0)
    keys = {"ann": "a-long-key-of-ann", "bob": "a-long-key-of-bob"}
    settings = compose.settle(Settings.read({"C1FN_AUTH": "key", "C1FN_KEYS": json.dumps(keys)}), {})
    body = {"prompt": {"role": "user", "content": "hi"}, "threadId": "t", "responseId": "r"}
    async with client_of(compose.web_app(settings)) as client:
        assert (await client.post("/api/chat", body)).json["code"] == "unauthorized"
        ann, bob = ({"headers": {"x-api-key": key}} for key in keys.values())
        assert (await client.post("/api/chat", body, **ann)).status == 200
        assert (await client.get("/api/threads/t/messages", **ann)).status == 200
        for path in ("/api/threads/t/messages", "/api/threads/t/turns/r"):
            assert (await client.get(path, **bob)).status == 404
            assert (await client.get(path)).status == 401
        assert (await client.get("/api/threads", **bob)).json["threads"] == []
        assert (await client.post("/api/chat", body, **bob)).status == 200


@pytest.mark.usefixtures("aws")
async def test_the_secret_is_read_when_the_function_starts() -> None:
    client = boto3.client("secretsmanager", region_name="eu-west-1")
    held = {"THESYS_API_KEY": "planted", "C1FN_KEYS": {"ann": "a-long-key-of-ann"}}
    arn = client.create_secret(Name="c1fn", SecretString=json.dumps(held))["ARN"]
    settings = compose.settle(Settings.read({"C1FN_SECRET": arn, "C1FN_AUTH": "key"}), ON_LAMBDA)
    assert settings.api_key
    assert settings.api_key.get_secret_value() == "planted"
    assert (
        await compose.identify(settings)({"headers": [(b"x-api-key", b"a-long-key-of-ann")]})
    ).owner == "key:ann"
    with pytest.raises(SettingsError, match=r"C1FN_SECRET: The secret .* cannot be read: ResourceNotFound"):
        compose.settle(Settings.read({"C1FN_SECRET": arn + "x"}), ON_LAMBDA)


# --- whom an event may speak of

ROLE = "arn:aws:sts::123456789012:assumed-role/app"


def forged(door: str) -> dict[str, Any]:
    """A scope as the entry makes it, of an event that names somebody in every way that a door could."""
    claims = {"iss": "https://i.example", "aud": "app", "sub": "ann"}
    signed = {"userArn": f"{ROLE}/ann"}
    context = {"authorizer": {"iam": signed, "jwt": {"claims": claims}, "claims": claims}, "identity": signed}
    return {"headers": [], "aws.event": {"requestContext": context}, "c1fn.origin": Origin(door=door)}


@pytest.mark.parametrize(
    ("environ", "believed"),
    [
        ({"C1FN_AUTH": "iam"}, {"function-url", "rest-api"}),
        ({"C1FN_AUTH": "iam", "C1FN_DOORS": "http-api, function-url"}, {"function-url", "http-api"}),
        ({"C1FN_AUTH": "jwt"}, set()),
        ({"C1FN_AUTH": "jwt", "C1FN_DOORS": "http-api"}, {"http-api"}),
    ],
)
async def test_an_event_is_believed_from_the_doors_that_the_deployment_has(
    environ: dict[str, str], believed: set[str]
) -> None:
    tokens = {"C1FN_JWT_ISSUER": "https://i.example", "C1FN_JWT_AUDIENCE": "app"}
    identify = compose.identify(Settings.read(environ | tokens))
    for door in ("function-url", "rest-api", "http-api", "alb", "unknown"):
        if door in believed:
            assert (await identify(forged(door))).owner in (f"iam:{ROLE}", "jwt:https://i.example ann")
        else:
            with pytest.raises(Unauthorized):
                await identify(forged(door))


@pytest.mark.parametrize(("setting", "owner"), [({}, ROLE), ({"C1FN_IAM_OWNER": "session"}, f"{ROLE}/ann")])
async def test_whose_the_threads_of_a_role_are_is_a_setting(setting: dict[str, str], owner: str) -> None:
    identify = compose.identify(Settings.read({"C1FN_AUTH": "iam"} | setting))
    assert await identify(forged("function-url")) == Caller(f"iam:{owner}")


@pytest.mark.parametrize("doors", ["direct", "alb", "function-url;rest-api", "https://x", "function-url,"])
def test_a_door_that_tells_nobody_is_no_setting(doors: str) -> None:
    with pytest.raises(SettingsError, match="C1FN_DOORS"):
        Settings.read({"C1FN_DOORS": doors})


MINE = """
def one() -> int:
    \"\"\"One.\"\"\"
    return 1
def two() -> int:
    \"\"\"Two.\"\"\"
    return 2
ONE, TWO, WRONG, NONE = [one], (two,), [3], 4
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module of a person's own, in a package."""
    name = f"mine_{tmp_path.name.replace('-', '_')}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "tools.py").write_text(MINE)
    (tmp_path / name / "broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    return name


async def test_the_tools_are_those_of_all_lists_that_are_named(mine: str) -> None:
    found = tools(f"c1fn.toolbox:TOOLS, {mine}.tools:ONE,{mine}.tools:TWO,")
    assert [spec.name for spec in await found.specs()] == ["current_time", "one", "two"]
    assert await tools("").specs() == ()


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("tools", "has 'tools'. Name a module and a list in it, as in mine:TOOLS."),
        ("a b:C", "has 'a b:C'."),
        ("nowhere_at_all:TOOLS", "there is no module nowhere_at_all."),
        ("{mine}.nowhere:ONE", "there is no module {mine}.nowhere."),
        ("{mine}.broken:ONE", "whose import failed: ZeroDivisionError."),
        ("{mine}.tools:THREE", "that is no list of functions."),
        ("{mine}.tools:NONE", "that is no list of functions."),
        ("{mine}.tools:WRONG", "has int, which is no function."),
        ("{mine}.tools:ONE,{mine}.tools:ONE", "names two tools one; the model tells tools apart by name."),
    ],
)
def test_tools_that_cannot_be_are_one_sentence(mine: str, place: str, told: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(told.replace("{mine}", mine))):
        tools(place.replace("{mine}", mine))


def mcp(url: str, **more: Any) -> dict[str, str]:
    return {"C1FN_MCP": json.dumps({"docs": {"url": url, **more}})}


async def test_the_tools_of_mcp_servers_are_those_that_the_settings_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("c1fn.chat.mcp.WAIT", 60.0)  # on a busy machine
    async with scripted() as server:
        server.tools = [tool("say"), tool("other")]
        headers = json.dumps({"docs": {"Authorization": "Bearer planted"}})
        found = servers(Settings.read({**mcp(server.url, tools=["say"]), "C1FN_MCP_HEADERS": headers}))
        assert found
        assert list(await found.tools()) == ["docs__say"]
        await found.aclose()
        assert {sent["authorization"] for sent in server.headers} == {"Bearer planted"}


async def test_the_headers_of_mcp_servers_may_be_in_the_secret_and_are_read_again() -> None:
    before = json.dumps({"docs": {"X-Key": "old"}})
    settings = Settings.read({**mcp("http://127.0.0.1:1"), "C1FN_SECRET": "arn:x"})
    settings = authentication._holding(settings, {"C1FN_MCP_HEADERS": before, "THESYS_API_KEY": "k"})
    newest = iter(['{"docs": {"X-Key": "new"}}', "{"])

    async def renew() -> Settings:
        return replace(settings, mcp_headers=SecretStr(next(newest)))

    found = servers(settings, renew)
    assert isinstance(found, Servers)
    access = found._servers[0]._access
    assert access.headers == {"X-Key": "old"}
    assert "old" not in repr(access)
    assert access.renew
    assert (await access.renew(), await access.renew()) == ({"X-Key": "new"}, {})


@pytest.mark.parametrize(
    "headers",
    [
        "planted",
        "[]",
        '{"docs": "planted"}',
        '{"docs": {"X-Key": 7}}',
        '{"docs": {"X-Key": "planted\\n"}}',
        '{"docs": {"X Key": "planted"}}',
        '{"other": {"X-Key": "planted"}}',
    ],
)
def test_headers_that_cannot_be_sent_are_one_sentence_without_them(headers: str) -> None:
    settings = Settings.read({**mcp("https://a.example"), "C1FN_MCP_HEADERS": headers})
    with pytest.raises(SettingsError, match="C1FN_MCP_HEADERS") as caught:
        servers(settings)
    assert "planted" not in str(caught.value)


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(SettingsError, match=r"the package mcp is not installed\. Install c1fn\[mcp\]"):
        servers(Settings.read(mcp("https://a.example")))


async def test_the_title_comes_from_the_model_that_the_settings_name() -> None:
    async with Upstream() as upstream:
        chosen = {"THESYS_API_KEY": "k", "C1FN_BASE_URL": upstream.url, "C1FN_TITLE_MODEL": "cheap"}
        chat = compose.chat(Settings.read(chosen), lambda _: None)
        await (await chat.begin(Ask("o", "t", "r", Message("user", "hi")))).over()
        await chat.settle()
        (asked,) = (one.body for one in upstream.requests if one.body["model"] == "cheap")
        assert asked["max_tokens"] == TOKENS
        assert [message["role"] for message in asked["messages"]] == ["system", "user"]
        await chat.aclose()


@pytest.mark.parametrize("without", [{}, {"C1FN_TITLE_MODEL": "cheap"}])
def test_without_a_key_or_the_setting_nothing_gives_titles(without: dict[str, str]) -> None:
    assert models.title_model(Settings.read({"C1FN_MODEL": "offline", **without})) is None
    assert models.title_model(Settings.read({"THESYS_API_KEY": "k"})) is None
