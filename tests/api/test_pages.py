import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from c1fn import compose
from c1fn.api.app import Api, build_app
from c1fn.api.pages import ASK_AGAIN, FOR_EVER, Site
from c1fn.chat.converse import Chat
from c1fn.chat.tools import Tools
from c1fn.errors import SettingsError
from c1fn.settings import Settings
from c1fn.stores.memory import MemoryStore
from tests.asgi import client_of
from tests.scripted import LIMITS, ScriptedModel


def build(folder: Path) -> Path:
    """As Vite leaves it."""
    (folder / "assets").mkdir()
    (folder / "index.html").write_text('<head></head><script src="./assets/index-1a2b.js"></script>')
    (folder / "assets/index-1a2b.js").write_text("run()")
    (folder / "secret.txt").write_text("not an asset")
    return folder


@pytest.fixture
def site() -> Site:
    return Site()


def app(site: Site) -> Api:
    chat = Chat(MemoryStore(), ScriptedModel(), Tools(), LIMITS, lambda _: None)
    return build_app(lambda: chat, max_body=1000, site=site)


async def test_without_a_build_the_plain_page_is_served_and_says_how_to_get_the_other_one(site: Site) -> None:
    site.note = "Install <Node>."
    async with client_of(app(site)) as client:
        page = await client.get("/")
        assert (page.status, page.headers["cache-control"]) == (200, ASK_AGAIN)
        assert b'<p id="note">Install &lt;Node&gt;.</p>' in page.body
        assert (await client.get("/assets/index-1a2b.js")).status == 404


async def test_a_site_without_a_note_shows_none(site: Site) -> None:
    async with client_of(app(site)) as client:
        assert b"note" not in (await client.get("/")).body


async def test_a_build_is_served_from_the_moment_it_is_shown(site: Site, tmp_path: Path) -> None:
    async with client_of(app(site)) as client:
        site.show(build(tmp_path))
        page = await client.get("/")
        assert page.body == (tmp_path / "index.html").read_bytes()
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["cache-control"] == ASK_AGAIN


async def test_a_hashed_file_may_be_kept_for_ever(site: Site, tmp_path: Path) -> None:
    site.show(build(tmp_path))
    async with client_of(app(site)) as client:
        asset = await client.get("/assets/index-1a2b.js")
        assert (asset.body, asset.headers["cache-control"]) == (b"run()", FOR_EVER)
        assert asset.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "name", ["index-old.js", "", ".", "..", "../secret.txt", "..%2Fsecret.txt", "%2e%2e/secret.txt", "a%00b"]
)
async def test_only_a_file_of_the_build_is_ever_opened(site: Site, tmp_path: Path, name: str) -> None:
    site.show(build(tmp_path))
    async with client_of(app(site)) as client:
        answer = await client.get(f"/assets/{name}")
        assert answer.status == 404
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("built", [True, False])
async def test_a_page_loads_nothing_of_others_and_is_part_of_no_other(
    site: Site,
    tmp_path: Path,
    built: bool,  # noqa: FBT001 - a case
) -> None:
    if built:
        site.show(build(tmp_path))
    async with client_of(app(site)) as client:
        headers = (await client.get("/")).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert (policy["default-src"], policy["frame-ancestors"], policy["connect-src"]) == (
            "'none'",
            "'none'",
            "'self'",
        )
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"


async def test_no_script_may_run_but_the_pages_own(site: Site) -> None:
    """The plain page's script is in the page: its hash is in the policy."""
    async with client_of(app(site)) as client:
        page = await client.get("/")
        (script,) = re.findall(rb"<script>(.*?)</script>", page.body, re.DOTALL)
        allowed = b64encode(sha256(script).digest()).decode()
        assert f"script-src 'self' 'sha256-{allowed}';" in page.headers["content-security-policy"]


async def test_no_page_is_served_that_asks_the_internet_for_its_scripts(site: Site) -> None:
    async with client_of(app(site)) as client:
        assert [(await client.get(path)).status for path in ("/docs", "/redoc")] == [404, 404]


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("path", ["/prod", "/prod/"])
async def test_the_page_works_below_a_stage_with_and_without_a_slash_at_the_end(
    site: Site,
    tmp_path: Path,
    built: bool,  # noqa: FBT001 - a case
    path: str,
) -> None:
    """Its links are relative: without the slash `api/chat` would be sought beside the stage."""
    if built:
        site.show(build(tmp_path))
    async with client_of(app(site)) as client:
        page = await client.get(path, root_path="/prod")
        assert page.status == 200
        assert page.body.count(b'<base href="/prod/">') == 1
        assert page.body.index(b"<base") < page.body.index(b"<s")
        assert "base-uri 'self'" in page.headers["content-security-policy"]
        assert (await client.get("/prod/assets/index-1a2b.js", root_path="/prod")).status == (
            200 if built else 404
        )


async def test_a_prefix_is_written_into_the_page_as_text(site: Site) -> None:
    async with client_of(app(site)) as client:
        page = await client.get("/%22%3E%3Cb", root_path='/"><b')
        assert b"<b>" not in page.body
        assert b'<base href="/%22%3E%3Cb/">' in page.body


async def test_a_page_is_told_how_people_sign_in_and_may_call_their_issuer_alone() -> None:
    site = Site(config=b'{"oidc": {}}', calls=("https://login.example.com",))
    async with client_of(app(site)) as client:
        config = await client.get("/config.json")
        assert (config.body, config.headers["cache-control"]) == (b'{"oidc": {}}', ASK_AGAIN)
        assert config.headers["content-type"] == "application/json"
        told = (await client.get("/")).headers["content-security-policy"]
        assert "connect-src 'self' https://login.example.com;" in told


async def test_a_page_without_sign_in_is_told_so(site: Site) -> None:
    async with client_of(app(site)) as client:
        config = await client.get("/config.json")
        assert (config.status, config.body) == (200, b"{}")


@pytest.mark.parametrize(
    ("images", "allowed"),
    [
        ((), "'self' data:"),
        (("a.example", "*.b.example"), "'self' data: https://a.example https://*.b.example"),
    ],
)
async def test_a_page_asks_no_host_for_a_picture_that_nobody_named(
    images: tuple[str, ...], allowed: str
) -> None:
    """The browser asks at once, and an address may carry out what was said: CVE-2025-32711 did."""
    async with client_of(app(Site(images))) as client:
        for root in ("", "/prod"):
            page = await client.get(f"{root}/", root_path=root)
            told = page.headers["content-security-policy"]
            assert f"img-src {allowed};" in told
            assert "https:" not in told.replace(f"img-src {allowed};", "")


async def test_the_hosts_of_pictures_are_a_setting() -> None:
    settings = Settings.read({"C1FN_IMAGE_HOSTS": "a.example, *.b.example:8443"})
    async with client_of(compose.web_app(compose.settle(settings, {}))) as client:
        told = (await client.get("/")).headers["content-security-policy"]
        assert "img-src 'self' data: https://a.example https://*.b.example:8443;" in told


@pytest.mark.parametrize(
    "hosts", ["*", "https://a.example", "a.example; script-src *", "a b", "a.example/x", "'self'"]
)
def test_a_host_is_a_name_and_nothing_that_changes_the_policy(hosts: str) -> None:
    with pytest.raises(SettingsError, match="C1FN_IMAGE_HOSTS"):
        Settings.read({"C1FN_IMAGE_HOSTS": hosts})
