"""`make site` from an empty folder, against an emulated AWS: made, made again, updated, deleted; strangers.

The emulator is ministack: its CloudFormation makes the stack, its Cognito signs people in, its API Gateway
asks the authorizer and calls the function, which is the package that is deployed. What it cannot do of SAM
is done by scripts/sam_offline.py. CloudFront's data path is emulated nowhere: the API is asked at its own
address.

The tests stand in the order of a site's life, and share one.
"""

import base64
import hashlib
import http.client
import io
import json
import re
import shlex
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import boto3
import pytest

from scripts.site import Stop, page
from scripts.site.__main__ import main
from scripts.site.stack import Stack
from tests.deploy.conftest import ARCHITECTURE, ROOT, TOOLS
from tests.stores.servers import CACHE, Ministack

pytestmark = pytest.mark.timeout(600)  # seconds: the package may have to be built first

REGION, STACK = "eu-west-1", "c1fn-site"
HERE = {"LocationConstraint": REGION}
CHALLENGE = "a" * 43


class Aws(Ministack):
    """All services that the site uses."""

    # Whichever suite came first has made the other tests' emulator, perhaps on a Python that cannot run the
    # function: its libraries are made for one version.
    home = CACHE / "ministack-3.13"
    services = ",".join(
        [
            *(
                "apigateway",
                "cloudformation",
                "cloudfront",
                "cloudwatch",
                "cognito-idp",
                "dynamodb",
                "iam",
                "lambda",
            ),
            *("logs", "s3", "secretsmanager", "sts", "monitoring", "events"),
        ]
    )

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "k"}
        return boto3.client(service, region_name=REGION, endpoint_url=self.url, **keys)

    def ask(self, host: str, method: str, path: str, headers: dict[str, str], body: str = "") -> Any:
        """A request of a browser, to a host that the emulator has."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {"host": host, **headers})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), text


class Life:
    """One site, and the commands that change it."""

    def __init__(self, aws: Aws, folder: Path, sam: Path) -> None:
        self.aws, self.page, self._sam = aws, folder, sam
        self.host = ""

    def up(self, *parameters: str) -> int:
        done = main(["up", "--stack", STACK, "--page", str(self.page), *self._quick, *parameters])
        if done == 0:
            self.host = urlsplit(self.outputs["ApiUrl"]).netloc.replace(
                f"{REGION}.amazonaws.com", "localhost"
            )
        return done

    def delete(self) -> int:
        return main(["delete", "--stack", STACK, "--look", "0.1"])

    @property
    def _quick(self) -> list[str]:
        return ["--sam", str(self._sam), "--look", "0.1"]

    @property
    def outputs(self) -> dict[str, str]:
        (found,) = self.aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}

    def objects(self) -> dict[str, dict[str, Any]]:
        client, bucket = self.aws.client("s3"), self.outputs["PageBucket"]
        listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {one["Key"]: client.get_object(Bucket=bucket, Key=one["Key"]) for one in listed}

    def invocations(self) -> int:
        """Of the function, by whomever, as its log has them."""
        pages = self.aws.client("logs").get_paginator("filter_log_events")
        told = pages.paginate(logGroupName=self.outputs["LogGroup"])
        return sum(one["message"].startswith("START ") for page in told for one in page["events"])

    def api(self, path: str, token: str | None = None, body: str = "", method: str = "POST") -> Any:
        headers = {"content-type": "application/json"} | (
            {"authorization": f"Bearer {token}"} if token else {}
        )
        return self.aws.ask(self.host, method, f"/v1{path}", headers, body)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """In an empty home, with nothing of the developer's own configuration."""
    folder = tmp_path_factory.mktemp("site")
    built_page = folder / "page"
    (built_page / "assets").mkdir(parents=True)
    (built_page / "index.html").write_text('<!doctype html><head><meta charset="utf-8"></head><p>one</p>')
    (built_page / "assets/index-abcd1234.js").write_text("1;")
    (built_page / "assets/logo.svg").write_text("<svg/>")
    (folder / "function").mkdir()  # nobody calls it until people chat: then the real one takes its place
    (folder / "function/handler.py").write_text("handler = print\n")
    sam = folder / "sam"
    command = [str(TOOLS.resolve() / "bin/python"), str(ROOT / "scripts/sam_offline.py")]
    sam.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    sam.chmod(sam.stat().st_mode | stat.S_IXUSR)
    with pytest.MonkeyPatch.context() as patch, Aws(folder) as aws:
        for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "THESYS_API_KEY", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(folder))
        patch.setenv("AWS_ENDPOINT_URL", aws.url)
        patch.setenv("AWS_REGION", REGION)
        patch.setenv("AWS_ACCESS_KEY_ID", "k")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "k")
        patch.setenv("BUILT_TREE", str(folder / "function"))
        aws.client("s3").create_bucket(Bucket="artifacts", CreateBucketConfiguration=HERE)
        yield Life(aws, built_page, sam)


def test_a_stack_that_fails_midway_says_why_and_is_in_nobodys_way(life: Life) -> None:
    bucket = {"Type": "AWS::S3::Bucket"}
    wrong = {  # which the emulated CloudWatch refuses
        "Type": "AWS::CloudWatch::Alarm",
        "DependsOn": "Kept",
        "Properties": {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Metrics": []},
    }
    stack = Stack(life.aws.client("cloudformation"), "broken", look=0.1)
    with pytest.raises(Stop, match="taken away again") as stop:
        stack.deploy(json.dumps({"Resources": {"Kept": bucket, "Wrong": wrong}}), {}, [])
    assert "Wrong (AWS::CloudWatch::Alarm): " in str(stop.value)
    assert stack.find() is None
    stack.deploy(json.dumps({"Resources": {"Kept": bucket}}), {}, [])
    with pytest.raises(Stop) as stop:
        stack.deploy(json.dumps({"Resources": {"Kept": bucket, "Wrong": wrong}}), {}, [])
    found = stack.find()
    assert found is not None
    assert found.status == "UPDATE_ROLLBACK_COMPLETE"  # as it was before, and it takes the next update
    stack.delete()


def test_it_is_made_from_nothing(life: Life, capsys: pytest.CaptureFixture[str]) -> None:
    assert life.up("Model=offline", f"Architecture={ARCHITECTURE}") == 0
    said = capsys.readouterr().out
    assert f"The site is {life.outputs['SiteUrl']}" in said
    assert "make site-invite WHO=" in said
    assert len(re.findall(r"  done in \d+ s", said)) == 5  # every step says how long it took


def test_its_files_have_their_types_and_their_times(life: Life) -> None:
    found = life.objects()
    headers = {key: (one["ContentType"], one["CacheControl"]) for key, one in found.items()}
    assert headers == {
        "assets/index-abcd1234.js": ("text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        "assets/logo.svg": ("image/svg+xml", "no-cache"),
        "config.json": ("application/json", "no-cache"),
        "index.html": ("text/html; charset=utf-8", "no-cache"),
    }
    oidc = json.loads(found["config.json"]["Body"].read())["oidc"]
    assert (oidc["authority"], oidc["clientId"]) == (life.outputs["Issuer"], life.outputs["ClientId"])


def test_made_again_nothing_changes(life: Life, capsys: pytest.CaptureFixture[str]) -> None:
    before = life.outputs
    assert life.up() == 0
    said = capsys.readouterr().out
    assert "nothing has changed" in said
    assert "0 of 4 files are new" in said
    assert life.outputs == before


def test_a_strangers_thousand_requests_run_no_function(life: Life) -> None:
    before = life.invocations()
    paths = ["/api/chat", "/api/threads", "/api/threads/t/messages", "/api/shares/abc", "/api/agui"]
    tokens = [None, "a.b.c", forged(life), "x" * 5000]
    seen = {
        life.api(paths[number % 5], tokens[number % 4], "{}", ["POST", "GET", "OPTIONS"][number % 3])[0]
        for number in range(1000)
    }
    assert seen == {401}
    assert life.invocations() == before


def test_a_refusal_is_an_error_as_c1fn_tells_them(life: Life) -> None:
    status, headers, text = life.api("/api/chat", body="{}")
    assert (status, headers["Content-Type"]) == (401, "application/problem+json")
    assert (headers["WWW-Authenticate"], headers["C1fn-Error"]) == ("Bearer", "unauthorized")
    assert json.loads(text)["code"] == "unauthorized"


def test_the_api_has_nothing_but_what_is_below_api(life: Life) -> None:
    assert [life.api(path, body="{}")[0] for path in ("/", "/openapi.json", "/healthz")] == [403, 403, 403]


def test_an_update_changes_what_is_given_and_keeps_the_rest(life: Life) -> None:
    (life.page / "index.html").write_text("<!doctype html><head></head><p>two</p>")
    (life.page / "assets/index-abcd1234.js").rename(life.page / "assets/index-efgh5678.js")
    before = life.outputs
    assert life.up("ApiRate=20") == 0
    after = life.outputs
    assert (after["SiteUrl"], after["UserPoolId"], after["TableName"]) == (
        before["SiteUrl"],
        before["UserPoolId"],
        before["TableName"],
    )
    (found,) = life.aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    kept = {one["ParameterKey"]: one["ParameterValue"] for one in found["Parameters"]}
    assert (kept["Model"], kept["Architecture"], kept["ApiRate"]) == ("offline", ARCHITECTURE, "20")
    # The old page's file is still there, for tabs that have it open.
    assert {"assets/index-abcd1234.js", "assets/index-efgh5678.js"} <= life.objects().keys()


@pytest.mark.usefixtures("life")
def test_people_are_invited_each_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["invite", "--stack", STACK, "ann@example.com"]) == 0
    assert main(["invite", "--stack", STACK, "ben@example.com"]) == 0
    assert main(["invite", "--stack", STACK, "ann@example.com"]) == 1
    assert "has an account already" in capsys.readouterr().err


def test_a_bucket_that_was_deleted_by_hand_is_told_before_anything_is_done(
    life: Life, capsys: pytest.CaptureFixture[str]
) -> None:
    client, bucket = life.aws.client("s3"), life.outputs["PageBucket"]
    for key in life.objects():
        client.delete_object(Bucket=bucket, Key=key)
    client.delete_bucket(Bucket=bucket)
    assert life.up() == 1
    said = capsys.readouterr()
    assert f"The bucket {bucket} was deleted by hand" in said.err
    assert "Building" not in said.out
    assert page.empty(client, bucket) == 0  # so that what is left can be taken away
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration=HERE)


def test_who_does_not_type_its_name_deletes_nothing(
    life: Life, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for typed in ("yes\n", ""):  # the last is where nobody can type
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert life.delete() == 1
        assert "Nothing was deleted" in capsys.readouterr().err
    assert life.outputs


def test_deleted_its_people_stay(
    life: Life, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table stays, too, by its DeletionPolicy; the emulator reads none within a stack within a stack."""
    was = life.outputs
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{STACK}\n"))
    assert life.delete() == 0
    said = capsys.readouterr().out
    assert said.index("for good") < said.index("Deleting the stack")
    assert f"SITE='TableName={was['TableName']} UserPoolId={was['UserPoolId']}'" in said
    people = life.aws.client("cognito-idp").list_users(UserPoolId=was["UserPoolId"])["Users"]
    assert len(people) == 2
    buckets = [one["Name"] for one in life.aws.client("s3").list_buckets()["Buckets"]]
    assert was["PageBucket"] not in buckets
    assert life.delete() == 0  # once more: there is nothing


def test_a_new_site_takes_over_the_old_ones_people(
    life: Life,
    built: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BUILT_TREE", str(built[0]))
    (pool,) = life.aws.client("cognito-idp").list_user_pools(MaxResults=10)["UserPools"]
    settings = {  # the emulated ones, which the function would otherwise look for at AWS
        "C1FN_JWT_JWKS": f"{life.aws.url}/{pool['Id']}/.well-known/jwks.json",
        "C1FN_DYNAMODB_ENDPOINT": life.aws.url,
    }
    given = (f"UserPoolId={pool['Id']}", f"Settings={json.dumps(settings)}")
    made = life.up("Model=offline", f"Architecture={ARCHITECTURE}", *given)
    assert made == 0, capsys.readouterr().err
    assert life.outputs["UserPoolId"] == pool["Id"]


def signed_in(aws: Aws, person: str, pool: str, client: str, back: str) -> dict[str, str]:
    """The tokens of somebody who signs in."""
    password = "A-long-passw0rd!"
    aws.client("cognito-idp").admin_set_user_password(
        UserPoolId=pool, Username=person, Password=password, Permanent=True
    )
    challenge = base64.urlsafe_b64encode(hashlib.sha256(CHALLENGE.encode()).digest()).rstrip(b"=").decode()
    form = {
        "username": person,
        "password": password,
        "client_id": client,
        "redirect_uri": back,
        "state": "s",
        "scope": "openid email c1fn/chat",
        "response_type": "code",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    typed = {"content-type": "application/x-www-form-urlencoded"}
    host = urlsplit(aws.url).netloc
    _, headers, text = aws.ask(host, "POST", "/login", typed, urlencode(form))
    assert headers.get("Location", text).startswith(back)
    code = parse_qs(urlsplit(headers["Location"]).query)["code"][0]
    grant = {"grant_type": "authorization_code", "client_id": client, "code": code, "redirect_uri": back}
    _, _, text = aws.ask(
        host, "POST", "/oauth2/token", typed, urlencode({**grant, "code_verifier": CHALLENGE})
    )
    tokens: dict[str, str] = json.loads(text)
    return tokens


def of_this_site(life: Life, person: str) -> dict[str, str]:
    told = life.outputs
    return signed_in(life.aws, person, told["UserPoolId"], told["ClientId"], told["SiteUrl"])


TURN = {"prompt": {"role": "user", "content": "Hello"}, "threadId": "t1", "responseId": "r1"}


def test_whoever_signs_in_chats_and_sees_nobody_elses_threads(life: Life) -> None:
    ann, ben = (of_this_site(life, f"{name}@example.com")["access_token"] for name in ("ann", "ben"))
    before = life.invocations()
    status, _, answer = life.api("/api/chat", ann, json.dumps(TURN))
    assert (status, answer[:8]) == (200, "<content"), answer
    of_ann, of_ben = (
        [one["threadId"] for one in json.loads(life.api("/api/threads", person, method="GET")[2])["threads"]]
        for person in (ann, ben)
    )
    assert (of_ann, of_ben) == (["t1"], [])
    assert life.invocations() - before == 3


def test_a_token_of_another_pool_and_one_without_the_scope_run_no_function(life: Life) -> None:
    cognito, back = life.aws.client("cognito-idp"), "https://other.example/"
    pool = cognito.create_user_pool(PoolName="other")["UserPool"]["Id"]
    cognito.create_resource_server(
        UserPoolId=pool,
        Identifier="c1fn",
        Name="c1fn",
        Scopes=[{"ScopeName": "chat", "ScopeDescription": "as on the site"}],
    )
    client = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="page",
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid", "email", "c1fn/chat"],
        SupportedIdentityProviders=["COGNITO"],
        CallbackURLs=[back],
    )["UserPoolClient"]["ClientId"]
    cognito.admin_create_user(UserPoolId=pool, Username="eve@example.com")
    strange = signed_in(life.aws, "eve@example.com", pool, client, back)["access_token"]
    for_the_page = of_this_site(life, "ann@example.com")["id_token"]
    before = life.invocations()
    assert [life.api("/api/threads", token, method="GET")[0] for token in (strange, for_the_page)] == [
        401,
        401,
    ]
    assert life.invocations() == before


def forged(life: Life) -> str:
    """A token that says all the right things, with the pool's key, and is signed by nobody."""
    now = int(datetime.now(UTC).timestamp())
    claims = {
        "iss": life.outputs["Issuer"],
        "client_id": life.outputs["ClientId"],
        "sub": "mallory",
        "token_use": "access",
        "scope": "openid c1fn/chat",
        "exp": now + 3600,
        "iat": now,
    }
    parts = [{"alg": "RS256", "kid": "ministack-key-1"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "AAAA"])
