"""Every deployment that changes the function publishes a version, and older ones stay to go back to."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests import cloudformation
from tests.stack import DEFAULTS, PARAMETERS, RESOURCES, TEMPLATE, Helper, helping, named

FUNCTION: dict[str, Any] = RESOURCES["ChatFunction"]["Properties"]
CONTENT: dict[str, Any] = RESOURCES["VersionContent"]["Properties"]

NOT_IN_A_VERSION = {"UrlAuth", "FunctionUrl", "ReservedConcurrency", "ProvisionedConcurrency", "Rollout"}
"""Parameters that ChatFunction names and no version holds: of its alias, its address, or of all versions."""

DESCRIPTION = 256
"""Characters of a version's description, at most."""


@pytest.fixture
def helper() -> Iterator[Helper]:
    with helping() as started:
        yield started


def described(helper: Helper, **given: str) -> str:
    answer = helper("VersionContent", cloudformation.inlined(CONTENT, DEFAULTS | given))
    assert answer["Status"] == "SUCCESS", answer
    told: str = answer["Data"]["Description"]
    return told


def test_what_a_version_holds_is_what_the_digest_is_of() -> None:
    assert CONTENT["Environment"] == FUNCTION["Environment"]["Variables"]
    assert named(CONTENT) == named(FUNCTION) - NOT_IN_A_VERSION


@pytest.mark.parametrize("name", sorted(named(CONTENT) - {"ModelKey", "SnapStart"}))
def test_a_changed_parameter_changes_the_versions_description(name: str, helper: Helper) -> None:
    """CloudFormation replaces a version whose description changes: it publishes one."""
    assert FUNCTION["VersionDescription"] == {"Fn::GetAtt": ["VersionContent", "Description"]}
    assert described(helper, **{name: "another"}) != described(helper) == described(helper)


def test_the_longest_values_are_told_apart_and_fit(helper: Helper) -> None:
    long = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/" + "x" * 3000
    told = described(helper, Model=long)
    assert told != described(helper, Model=long + "y")
    assert len(told) <= DESCRIPTION


def test_a_parameter_of_other_resources_changes_no_version() -> None:
    """Lambda refuses to publish a version that does not differ from the newest: the deployment would fail."""
    others = PARAMETERS.keys() - named(CONTENT)
    assert {"AlarmTopic", "KeptVersions", "ApiRate", "ReservedConcurrency", "Rollout"} <= others
    assert PARAMETERS.keys() - others - named(FUNCTION) == set()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BaseUrl", "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1"),
        ("BaseUrl", "https://generativelanguage.googleapis.com/v1beta/openai/"),
        ("Model", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl"),
        ("SecretArn", f"arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:{'c1fn/' * 20}key-AbCdEf"),
        ("SecretArn", f"arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/{'c1fn/' * 20}key"),
        ("AllowedOrigins", ",".join(f"https://app-{number}.example.com" for number in range(100))),
        ("JwtAudience", ",".join(f"1example23456789{number:08}" for number in range(100))),
        ("Settings", json.dumps({"C1FN_SYSTEM_PROMPT": "You are kind. " * 250})),
    ],
)
def test_ordinary_values_are_not_too_long(name: str, value: str, helper: Helper) -> None:
    key = {} if name == "SecretArn" else {"ModelKey": "k"}
    cloudformation.deployed(TEMPLATE, {name: value, **key})
    assert described(helper, **{name: value}) != described(helper)


def test_nothing_is_done_when_the_stack_goes(helper: Helper) -> None:
    for kind in ("VersionContent", "VersionCleanup"):
        assert helper(kind, {}, "Delete")["Status"] == "SUCCESS"


def test_a_fault_is_told_and_not_waited_for(helper: Helper) -> None:
    answer = helper("VersionContent", {})
    assert answer["Status"] == "FAILED"
    assert "Environment" in answer["Reason"]


@pytest.fixture
def published(aws: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function of nine versions, in moto's Lambda; `live` leads to the newest, `old` to the second."""
    assert aws is None
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))
    client = boto3.client("lambda")
    client.create_function(
        FunctionName="chat",
        Runtime="python3.13",
        Role=role["Role"]["Arn"],
        Handler="h.h",
        Code={"ZipFile": b"0"},
    )
    for number in range(1, 10):
        client.update_function_code(FunctionName="chat", ZipFile=str(number).encode())
        client.publish_version(FunctionName="chat")
    client.create_alias(FunctionName="chat", Name="live", FunctionVersion="9")
    client.create_alias(FunctionName="chat", Name="old", FunctionVersion="2")
    return client


def versions(client: Any) -> list[str]:
    found = client.get_paginator("list_versions_by_function").paginate(FunctionName="chat")
    return [version["Version"] for page in found for version in page["Versions"]]


def test_so_many_older_versions_stay_and_what_an_alias_leads_to(published: Any, helper: Helper) -> None:
    answer = helper("VersionCleanup", {"FunctionName": "chat", "Keep": "3", "Newest": "arn:9"})
    assert answer["Status"] == "SUCCESS"
    assert versions(published) == ["$LATEST", "2", "6", "7", "8", "9"]


def test_whoever_went_back_keeps_the_version_that_serves(published: Any, helper: Helper) -> None:
    published.update_alias(FunctionName="chat", Name="live", FunctionVersion="4")
    helper("VersionCleanup", {"FunctionName": "chat", "Keep": "1", "Newest": "arn:9"})
    assert versions(published) == ["$LATEST", "2", "4", "8", "9"]


def test_versions_that_cannot_be_deleted_do_not_fail_the_deployment(published: Any, helper: Helper) -> None:
    assert published
    answer = helper("VersionCleanup", {"FunctionName": "nobody", "Keep": "3", "Newest": "arn:9"})
    assert answer["Status"] == "SUCCESS"


def test_old_versions_are_deleted_after_the_alias_has_moved() -> None:
    assert RESOURCES["VersionCleanup"]["DependsOn"] == "ChatFunctionAliaslive"
    assert RESOURCES["VersionCleanup"]["Properties"]["Keep"] == {"Ref": "KeptVersions"}
    assert FUNCTION["VersionDeletionPolicy"] == RESOURCES["ChatFunction"]["UpdateReplacePolicy"] == "Retain"
