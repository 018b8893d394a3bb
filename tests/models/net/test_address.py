"""Where a model is asked, by what, and what of the environment has a say in it."""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from c1fn.models.c1 import C1Model
from c1fn.models.net.address import completions
from c1fn.startup.authorities import AuthoritiesUnusable
from tests.models.contract import heard, user
from tests.upstream import Request, Upstream

KEY = "sk-planted"


@asynccontextmanager
async def model_at(url: str, **settings: Any) -> AsyncGenerator[C1Model, None]:
    model = C1Model(api_key=KEY, base_url=url, model="c1-test", max_retries=0, **settings)
    yield model
    await model.aclose()


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("https://api.thesys.dev/v1/embed/", "https://api.thesys.dev/v1/embed/chat/completions"),
        ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com/v1/chat/completions/", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com/v1//", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com", "https://api.openai.com/chat/completions"),
        ("https://gate.test/v1?a=b&a=c%20d", "https://gate.test/v1/chat/completions?a=b&a=c%20d"),
        (
            "https://res.openai.azure.com/openai/deployments/gpt?api-version=2026-10-21",
            "https://res.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2026-10-21",
        ),
        (
            "https://res.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2026-10-21",
            "https://res.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2026-10-21",
        ),
        ("https://gate.test/a%2Fb/v1", "https://gate.test/a%2Fb/v1/chat/completions"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1/chat/completions"),
    ],
)
def test_an_address_is_taken_in_every_form_in_which_providers_give_it(given: str, asked: str) -> None:
    assert str(completions(given)) == asked


@pytest.mark.parametrize("path", ["", "chat/completions", "?api-version=1", "chat/completions?api-version=1"])
async def test_an_address_with_a_path_or_a_query_is_asked(upstream: Upstream, path: str) -> None:
    async with model_at(upstream.url + path) as model:
        assert "You said: hi" in (await heard(model, user("hi")))[0]
    mark, query = re.search(r"(\??)(.*)$", path.removeprefix("chat/completions")).groups()  # type: ignore[union-attr]  # it matches all
    assert upstream.requests[0].path == f"/v1/embed/chat/completions{mark}{query}"


async def test_azure_gets_the_key_in_its_own_header_as_well(upstream: Upstream) -> None:
    async with model_at(f"{upstream.url}?api-version=2026-10-21") as model:
        await heard(model, user("hi"))
    async with model_at(upstream.url) as model:
        await heard(model, user("hi"))
    azure, other = upstream.requests
    assert (azure.headers["api-key"], azure.headers["authorization"]) == (KEY, f"Bearer {KEY}")
    assert "api-key" not in other.headers


@pytest.mark.parametrize("connect", [C1Model.connect, lambda _: None], ids=["ahead", "when asked"])
async def test_a_host_may_be_an_address_of_ipv6(connect: Callable[[C1Model], None]) -> None:
    async with Upstream(host="::1") as upstream, model_at(upstream.url) as model:
        connect(model)
        assert "You said: hi" in (await heard(model, user("hi")))[0]
        assert upstream.requests[0].headers["host"] == upstream.url.split("/")[2]
        assert upstream.connections == 1


PACKAGE = Path(openai.__file__).parent
VARIABLES = sorted(
    {
        name
        for file in PACKAGE.rglob("*.py")
        for name in re.findall(r"\b(?:AZURE_)?OPENAI_[A-Z_]*[A-Z]\b", file.read_text("utf-8"))
    }
)
PLANTED = {
    "OPENAI_BASE_URL": "https://elsewhere.test/v1",
    "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer sk-other\nX-Other: 1\nContent-Type: text/plain",
    "OPENAI_LOG": "debug",
    "OPENAI_API_TYPE": "azure",
}


async def asked(upstream: Upstream) -> Request:
    async with model_at(upstream.url) as model:
        await heard(model, user("hi"))
    return upstream.requests[-1]


def test_the_variables_of_the_package_are_found() -> None:
    assert {"OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS", "OPENAI_BASE_URL"} <= {*VARIABLES}


async def test_no_variable_of_the_package_changes_what_is_sent(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are of whoever else uses the package on this machine, and the provider is none of theirs."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    without = await asked(upstream)
    for name in VARIABLES:
        monkeypatch.setenv(name, PLANTED.get(name, "planted"))
    with_all = await asked(upstream)
    assert (with_all.path, with_all.body) == (without.path, without.body)
    assert dict(with_all.headers) == dict(without.headers)


async def test_a_server_without_tls_is_asked_without_a_list_of_authorities(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read one costs a start more than the rest of the client."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    async with model_at(upstream.url) as model:
        assert "You said: hi" in (await heard(model, user("hi")))[0]
    with pytest.raises(AuthoritiesUnusable):
        C1Model(api_key=KEY, base_url="https://127.0.0.1:1", model="c1-test")
