"""What `make site` decides by itself; tests/deploy/test_site.py runs it against an emulated AWS."""

import json
from collections.abc import Mapping
from hashlib import md5
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from scripts.site import Site, Stop, checks, page, step
from scripts.site.__main__ import SECRETS, _given, main
from scripts.site.failures import CLOCK, LOG_IN, RENEW, advice, explained
from scripts.site.stack import Found
from tests import cloudformation

ROOT = Path(__file__).parent.parent
PARAMETERS = cloudformation.read(ROOT / "template-site.yaml")["Parameters"]
DOCS = (ROOT / "docs/site.md").read_text("utf-8")


# --- what the page's files are


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text('<head><meta charset="utf-8"></head>')
    (tmp_path / "assets/index-B1x_-9aZ.js").write_text("1")
    (tmp_path / "assets/logo.svg").write_text("<svg/>")
    (tmp_path / ".DS_Store").write_text("x")
    return tmp_path


def test_the_index_is_uploaded_last_and_its_settings_before_it(folder: Path) -> None:
    """So that a page that people get finds all of its files, however an upload ends."""
    keys = [one.key for one in page.files(folder, b"{}")]
    assert keys == ["assets/index-B1x_-9aZ.js", "assets/logo.svg", "config.json", "index.html"]


def test_only_what_is_named_by_its_hash_is_cached_for_ever(folder: Path) -> None:
    for_ever = {one.key for one in page.files(folder, b"{}") if "immutable" in one.cache}
    assert for_ever == {"assets/index-B1x_-9aZ.js"}
    assert {one.cache for one in page.files(folder, b"{}") if one.key not in for_ever} == {"no-cache"}


@pytest.mark.parametrize(
    ("name", "hashed"),
    [
        ("assets/index-DiwrgTda.css", True),
        ("assets/inter-latin-wght-normal-Dx4kXJAl.woff2", True),
        ("assets/index-DiwrgTda.js.map", True),
        ("assets/logo.svg", False),
        ("assets/my-logo.svg", False),
        ("index-DiwrgTda.css", False),
        ("index.html", False),
    ],
)
def test_a_hash_is_known_by_its_place(name: str, hashed: bool) -> None:  # noqa: FBT001 - a row
    assert bool(page.HASHED.match(name)) is hashed


def test_an_own_pages_config_is_never_the_one_that_is_uploaded(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    (found,) = [one for one in page.files(folder, b"ours") if one.key == "config.json"]
    assert found.content == b"ours"


def test_a_page_that_says_its_base_keeps_it(folder: Path) -> None:
    (folder / "index.html").write_text('<head><base href="/own/"></head>')
    assert page.files(folder, b"{}")[-1].content == b'<head><base href="/own/"></head>'


def test_the_others_find_their_files_from_every_path(folder: Path) -> None:
    assert b'<base href="/">' in page.files(folder, b"{}")[-1].content


def test_a_folder_without_a_page_is_told(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"holds no index\.html: PAGE names"):
        page.files(tmp_path, b"{}")


def test_the_page_asks_for_the_scope_that_opens_the_api() -> None:
    template = cloudformation.read(ROOT / "template-site.yaml")["Resources"]
    assert oidc()["scope"].split() == template["PageClient"]["Properties"]["AllowedOAuthScopes"]


def test_the_sign_out_leads_back_to_an_address_that_the_pool_allows() -> None:
    leads = parse_qs(urlsplit(oidc()["logoutUrl"]).query)
    assert leads == {"client_id": ["c"], "logout_uri": ["https://site.example/"]}
    client = cloudformation.read(ROOT / "template-site.yaml")["Resources"]["PageClient"]["Properties"]
    assert client["LogoutURLs"] == client["CallbackURLs"]


def oidc() -> dict[str, str]:
    outputs = {
        "Issuer": "https://issuer.example",
        "ClientId": "c",
        "SignInUrl": "https://sign-in.example",
        "SiteUrl": "https://site.example/",
    }
    found: dict[str, str] = json.loads(page.config(outputs))["oidc"]
    return found


# --- how they get into the bucket


class Bucket:
    """S3 with one bucket, in memory; it takes so many uploads and then breaks off."""

    def __init__(self, takes: int = 1000) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.order: list[str] = []
        self.takes = takes
        self._lock = Lock()

    def put_object(self, *, Key: str, Body: bytes, **_: str) -> None:  # noqa: N803 - S3's own names
        with self._lock:
            if len(self.order) >= self.takes:
                raise EndpointConnectionError(endpoint_url="https://s3.example")
            digest = md5(Body, usedforsecurity=False).hexdigest()
            self.objects[Key] = {"Key": Key, "ETag": f'"{digest}"'}
            self.order.append(Key)

    def get_paginator(self, _: str) -> "Bucket":
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"Contents": list(self.objects.values())}]


def test_an_upload_that_breaks_off_leaves_the_old_index_and_the_next_one_goes_on(folder: Path) -> None:
    for number in range(50):
        (folder / f"assets/part-{number:08}.js").write_text(f"{number}")
    wanted, bucket = page.files(folder, b"{}"), Bucket(takes=30)
    with pytest.raises(EndpointConnectionError):
        page.upload(bucket, "b", wanted)
    assert len(bucket.order) == 30
    assert "index.html" not in bucket.order
    bucket.takes = 1000
    assert page.upload(bucket, "b", wanted) == len(wanted) - 30
    assert bucket.order[-2:] == ["config.json", "index.html"]
    assert page.upload(bucket, "b", wanted) == 0


def test_a_file_of_an_older_page_stays(folder: Path) -> None:
    """A tab that has that page open may ask for it at any time."""
    bucket = Bucket()
    page.upload(bucket, "b", page.files(folder, b"{}"))
    (folder / "assets/index-B1x_-9aZ.js").rename(folder / "assets/index-C2y_-0bA.js")
    page.upload(bucket, "b", page.files(folder, b"{}"))
    assert {"assets/index-B1x_-9aZ.js", "assets/index-C2y_-0bA.js"} <= bucket.objects.keys()


# --- what is given


def test_a_secret_is_never_taken_from_the_command_line() -> None:
    for name, variable in SECRETS.items():
        with pytest.raises(Stop, match=f"Give {name} as the variable {variable}"):
            _given([f"{name}=x"], {})
    assert set(SECRETS) == {name for name, one in PARAMETERS.items() if one.get("NoEcho")}
    assert _given([], {"THESYS_API_KEY": "k"}) == {"ModelKey": "k", "SecretArn": ""}


@pytest.mark.parametrize("wrong", ["Nothing=1", "Model", "=x"])
def test_a_parameter_that_does_not_exist_is_told(wrong: str) -> None:
    with pytest.raises(Stop, match=r"is no parameter of template-site\.yaml"):
        _given([wrong], {})


@pytest.mark.parametrize("given", ["Model=offline", "SecretArn=arn:aws:ssm:eu-west-1:1:parameter/k"])
def test_a_key_of_before_is_not_kept_beside_what_takes_its_place(given: str) -> None:
    assert _given([given], {"THESYS_API_KEY": "k"})["ModelKey"] == ""


def test_a_new_site_needs_a_model() -> None:
    with pytest.raises(Stop, match="Give the model's key as the variable THESYS_API_KEY"):
        checks.model({})
    for given in {"ModelKey": "k"}, {"SecretArn": "a"}, {"Model": "offline"}:
        checks.model(given)


# --- what is looked at first


@pytest.mark.parametrize("region", [None, "", "cn-north-1", "us-gov-west-1"])
def test_a_region_without_sites_is_refused(region: str | None) -> None:
    with pytest.raises(Stop):
        checks.region(region)


def test_a_tool_that_is_missing_is_told_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="npm is missing: Debian"):
        checks.tools(["npm"], str(tmp_path))
    with pytest.raises(Stop, match=r"python3\.14 is missing: .* FUNCTION_PYTHON names it"):
        checks.tools(["python3.14"], str(tmp_path))


SITE = Site("c1fn-site", "eu-west-1")


def found(status: str, parameters: Mapping[str, str] | None = None, *, is_site: bool = True) -> Found:
    return Found(status, {}, parameters or {}, is_site)


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (found("UPDATE_IN_PROGRESS"), "Wait until it is over"),
        (found("ROLLBACK_COMPLETE"), "make site-delete"),
        (found("CREATE_FAILED"), "make site-delete"),
        (found("UPDATE_ROLLBACK_FAILED"), "Continue update rollback"),
        (found("CREATE_COMPLETE", is_site=False), "another stack of the name"),
    ],
)
def test_a_stack_that_takes_no_update_says_how_to_go_on(there: Found, why: str) -> None:
    with pytest.raises(Stop, match=why):
        checks.state(SITE, there)


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_that_is_whole_is_updated(status: str) -> None:
    checks.state(SITE, found(status))
    checks.state(SITE, None)


# --- what goes wrong


def refusal(code: str, said: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": said}}, "GetCallerIdentity")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (NoCredentialsError(), LOG_IN),
        (NoRegionError(), "make site REGION="),
        (EndpointConnectionError(endpoint_url="https://sts.eu-west-9.amazonaws.com"), "no such region"),
        (refusal("ExpiredToken"), RENEW),
        (refusal("InvalidClientTokenId"), RENEW),
        (refusal("SignatureDoesNotMatch", "The request signature we calculated"), RENEW),
        (refusal("SignatureDoesNotMatch", "Signature expired: 20261128T100000Z is now earlier"), CLOCK),
        (refusal("InvalidSignatureException", "Signature not yet current"), CLOCK),
        (refusal("RequestTimeTooSkewed"), CLOCK),
        (
            refusal("AccessDenied", "not authorized to perform: sts:GetCallerIdentity"),
            "the right that is missing",
        ),
        (refusal("OptInRequired"), "switched off in your account"),
    ],
)
def test_what_aws_refuses_is_a_sentence_that_says_what_to_do(raised: Exception, told: str) -> None:
    with pytest.raises(Stop) as stop, explained():
        raise raised
    assert told in str(stop.value)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("Domain already associated with another user pool.", "SignInPrefix"),
        (
            "One or more of the CNAMEs you provided are already associated with a different resource.",
            "DomainName",
        ),
        ("AWS::CloudWatch::Alarm Properties.MetricName is wrong", "Mend what the reason names"),
        ("The specified SSL certificate doesn't exist, isn't in us-east-1 region", "us-east-1"),
        ("Your account must be verified before you can add new CloudFront resources.", "support"),
        ("User pool eu-west-1_a does not exist.", "UserPoolId"),
        ("The maximum number of user pools: limit exceeded", "quota"),
        ("User: arn is not authorized to perform: cognito-idp:CreateUserPool", "right that is missing"),
        ("Template error: rule DomainNeedsCertificate failed: Give both", "Give other parameters"),
    ],
)
def test_what_cloudformation_says_comes_with_advice(reason: str, told: str) -> None:
    assert told in advice(reason)


def test_a_step_says_what_it_does_and_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    with step("Looking"):
        pass
    assert capsys.readouterr().out == "Looking …\n  done in 0 s\n"


def test_without_credentials_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert main(["invite", "--region", "eu-west-1", "ann@example.com"]) == 1
    assert LOG_IN in capsys.readouterr().err


@pytest.mark.parametrize("who", ["", "ann"])
def test_only_an_e_mail_address_is_invited(who: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["invite", who]) == 1
    assert "WHO is an e-mail address" in capsys.readouterr().err


# --- the docs


def test_the_docs_tell_every_parameter_and_output_that_is_the_sites_own() -> None:
    function = cloudformation.read(ROOT / "template.yaml")
    template = cloudformation.read(ROOT / "template-site.yaml")
    for section in ("Parameters", "Outputs"):
        for name in template[section].keys() - function[section].keys():
            assert f"`{name}`" in DOCS, name


def test_the_docs_tell_every_command_and_its_options() -> None:
    for word in (
        "make site",
        "make site-delete",
        "make site-invite",
        "REGION",
        "STACK",
        "PAGE",
        *SECRETS.values(),
    ):
        assert word in DOCS
