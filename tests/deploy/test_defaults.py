"""With default parameters a stranger cannot call: read from the resources that SAM and osls generate."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.deploy.conftest import PLANTED, resources

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)  # seconds: SAM, osls and cfn-lint start slowly where others work, too

STREAMING = "/response-streaming-invocations"


@pytest.fixture(params=["sam", "osls"])
def made(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The resources that one of the two makes."""
    if request.param == "sam":
        return resources(request.getfixturevalue("translated"))
    packaged: Path = request.getfixturevalue("packaged")
    return resources(packaged / "cloudformation-template-update-stack.json")


def of(made: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [found["Properties"] for found in made.values() if found["Type"] == kind]


def methods(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every method of the REST API, as whether it asks for a key, where it leads and how it answers."""
    for method in of(made, "AWS::ApiGateway::Method"):
        where = method["Integration"]
        yield {
            "asks": method["ApiKeyRequired"],
            "uri": str(where["Uri"]),
            "mode": where["ResponseTransferMode"],
        }
    for api in of(made, "AWS::ApiGateway::RestApi"):
        for path in api.get("Body", {}).get("paths", {}).values():
            for method in path.values():
                where = method["x-amazon-apigateway-integration"]
                asks = method["security"] == [{"api_key": []}]
                yield {"asks": asks, "uri": str(where["uri"]), "mode": where["responseTransferMode"]}


def test_the_url_asks_for_iam_and_streams(made: dict[str, Any]) -> None:
    (url,) = of(made, "AWS::Lambda::Url")
    assert url["AuthType"] in (
        "AWS_IAM",
        {"Ref": "UrlAuth"},
    )  # whose default is AWS_IAM: tests/test_template.py
    assert url["InvokeMode"] == "RESPONSE_STREAM"


def test_every_method_of_the_api_asks_for_a_key_and_streams(made: dict[str, Any]) -> None:
    found = list(methods(made))
    assert len(found) == 2  # the root, and everything below it
    for method in found:
        assert method["asks"] is True
        assert STREAMING in method["uri"]
        assert method["mode"] == "STREAM"


def test_the_key_belongs_to_a_plan_with_limits(made: dict[str, Any]) -> None:
    (plan,) = of(made, "AWS::ApiGateway::UsagePlan")
    assert plan["Throttle"] in (
        {"RateLimit": 10, "BurstLimit": 20},
        {"RateLimit": {"Ref": "ApiRate"}, "BurstLimit": {"Ref": "ApiBurst"}},  # with the same defaults
    )
    assert plan["Quota"] in (
        {"Limit": 10000, "Period": "DAY"},
        {"Limit": {"Ref": "ApiQuota"}, "Period": "DAY"},
    )
    assert len(of(made, "AWS::ApiGateway::UsagePlanKey")) == 1


def test_nobody_is_let_in_without_a_condition(made: dict[str, Any]) -> None:
    permissions = [found for found in made.values() if found["Type"] == "AWS::Lambda::Permission"]
    assert permissions
    for found in permissions:
        if found["Properties"]["Principal"] == "*":
            assert found["Condition"] == "HasPublicUrl"
        else:
            assert found["Properties"]["Principal"] == "apigateway.amazonaws.com" or isinstance(
                found["Properties"]["Principal"], dict
            )


def test_no_policy_allows_a_pattern(made: dict[str, Any]) -> None:
    roles = of(made, "AWS::IAM::Role")
    assert roles
    for role in roles:
        assert "ManagedPolicyArns" not in role
        for policy in role["Policies"]:
            assert "'*'" not in str(policy)


def test_the_key_that_is_in_the_environment_is_in_nothing_that_is_packaged(
    packaged: "Path", translated: "Path", built: "tuple[Path, Path]"
) -> None:
    """Packages, templates and the framework's state are uploaded to buckets, where others may read them."""
    made = [path for folder in (packaged, built[0]) for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "serverless-state.json" for path in made)
    assert [path for path in (*made, translated, built[1]) if PLANTED.encode() in path.read_bytes()] == []
