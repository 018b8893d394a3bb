"""Which way a call takes, and that c1fn's own way leads where botocore's does."""

import os
import pwd
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.auth import _host_from_url

from c1fn.local.package import authorities
from c1fn.net.aws import Limits, Service, WronglySetUp, choice
from c1fn.net.aws.boto import Threads
from c1fn.net.aws.client import DIALECTS, Client
from c1fn.startup import VARIABLE

LIMITS = Limits(connect=1, read=1, connections=1)

LAMBDA = {
    "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "planted-secret",
    "AWS_SESSION_TOKEN": "planted-token",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    "AWS_LAMBDA_FUNCTION_NAME": "c1fn",
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "AWS_LAMBDA_EXEC_WRAPPER": "/var/task/c1fn/runtime/bootstrap",
    "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
}
"""What an on-demand function finds in its environment."""


@pytest.fixture(autouse=True)
def on_lambda(trusted: Path, pair: Path, tmp_path: Path) -> Iterator[None]:
    """A deployed function: its environment, and the package's authorities."""
    authorities.add(pair.read_text(), trusted)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if re.match("AWS_|.*_proxy$", name, re.IGNORECASE)]:
            patch.delenv(name)
        for name, value in LAMBDA.items():
            patch.setenv(name, value)
        patch.setenv("HOME", str(tmp_path))
        yield


def chosen(**more: str | None) -> Service:
    return choice.service("dynamodb", LIMITS, **more)


def test_a_deployed_function_calls_without_botocore() -> None:
    for name in DIALECTS:
        client = choice.service(name, LIMITS)
        assert isinstance(client, Client)
        signer = client._signer
        assert (signer.key_id, signer.secret, signer.token) == (
            "ASIAEXAMPLE",
            "planted-secret",
            "planted-token",
        )


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:8000", "https://vpce-1.dynamodb.eu-central-1.vpce.amazonaws.com"]
)
def test_another_address_changes_nothing(endpoint: str) -> None:
    assert isinstance(chosen(endpoint=endpoint), Client)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (VARIABLE, "1"),
        ("AWS_PROFILE", "work"),
        ("AWS_CA_BUNDLE", ""),
        ("REQUESTS_CA_BUNDLE", "/etc/ssl/company.pem"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/"),
        ("AWS_CREDENTIAL_EXPIRATION", "2030-01-01T00:00:00Z"),
        ("AWS_ACCOUNT_ID", "123456789012"),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r"),
        ("AWS_SOMETHING_NEW", "x"),
        ("AWS_SESSION_TOKEN", "a token\n"),
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ("all_proxy", "http://127.0.0.1:9"),
        ("AWS_DEFAULT_REGION", "cn-north-1"),
        ("AWS_DEFAULT_REGION", "us-gov-west-1"),
        ("AWS_DEFAULT_REGION", "us-iso-east-1"),
        ("AWS_DEFAULT_REGION", "eusc-de-east-1"),
        ("AWS_DEFAULT_REGION", "eu-isoe-west-1"),
    ],
)
def test_what_botocore_alone_knows_is_botocores(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    direct = choice._direct("dynamodb", LIMITS, None, None)
    assert direct is None


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_without_keys_in_the_environment_it_is_botocores(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    assert choice._direct("dynamodb", LIMITS, None, None) is None
    monkeypatch.delenv(name)
    assert choice._direct("dynamodb", LIMITS, None, None) is None


def test_with_a_persons_settings_it_is_botocores(tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    assert isinstance(chosen(), Threads)


def test_where_the_event_loop_watches_no_socket_it_is_botocores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "WINDOWS", True)
    assert isinstance(chosen(), Threads)


def test_a_process_without_a_home_has_no_settings_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert isinstance(chosen(), Client)


def test_a_home_that_cannot_be_looked_at_has_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """As /root for an image's other user, where asking for a file in it is an error. This one is too long."""
    monkeypatch.setenv("HOME", f"/{'a' * 5000}")
    assert isinstance(chosen(), Client)


def test_without_the_packages_authorities_tls_is_botocores(trusted: Path) -> None:
    for file in trusted.iterdir():
        file.unlink()
    trusted.rmdir()
    assert isinstance(chosen(), Threads)
    assert isinstance(chosen(endpoint="http://127.0.0.1:8000"), Client)


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:8000/path", "http://user:planted@127.0.0.1", "ftp://127.0.0.1"]
)
def test_an_address_of_another_form_is_botocores(endpoint: str) -> None:
    assert choice._direct("dynamodb", LIMITS, None, endpoint) is None


@pytest.mark.parametrize("port", ["", ":443", ":80", ":8443"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_host_is_signed_as_aws_reads_it(scheme: str, port: str) -> None:
    """Without its scheme's own port, which AWS takes away before it signs."""
    client = chosen(endpoint=f"{scheme}://localhost{port}")
    assert isinstance(client, Client)
    assert client._host == _host_from_url(f"{scheme}://localhost{port}")


def test_a_proxy_that_is_for_nobody_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    assert isinstance(chosen(), Client)


def test_what_is_set_up_wrong_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(WronglySetUp, match="Set AWS_DEFAULT_REGION"):
        chosen()


def test_botocore_is_told_the_same_region_and_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    service = chosen(region="ap-southeast-5", endpoint="http://127.0.0.1:8000")
    assert isinstance(service, Threads)
    told = service._client.meta
    assert (told.region_name, told.endpoint_url) == ("ap-southeast-5", "http://127.0.0.1:8000")


@pytest.mark.parametrize("name", DIALECTS)
def test_the_address_is_botocores_in_each_region(name: str) -> None:
    """And no region is left out that AWS's commercial partition has."""
    session = boto3.session.Session()
    for region in session.get_available_regions(name):
        client = choice.service(name, LIMITS, region=region)
        assert isinstance(client, Client), region
        assert client._signer.region == region
        (host,) = {client._host}
        resolved = session.client(name, region).meta.endpoint_url if region in SOME else f"https://{host}"
        assert resolved == f"https://{host}"


SOME = {"us-east-1", "eu-central-1", "ap-southeast-5", "mx-central-1", "il-central-1"}
"""To make a client of botocore's takes 60 ms."""


def test_a_turns_parts_are_made_without_botocore() -> None:
    """The rule is worth its lines only where nothing else imports it at a start."""
    code = (
        "import sys; from c1fn import compose; from c1fn.settings import Settings;"
        "compose.store(Settings.read({'C1FN_STORE': 'dynamodb', 'C1FN_DYNAMODB_ENDPOINT': 'http://127.0.0.1:9'}));"
        "import c1fn.identity.secret;"
        "print(sorted(sys.modules.keys() & {'botocore', 'boto3', 'urllib3'}))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
