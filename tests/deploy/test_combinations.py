"""Both templates with every two values of every two parameters that the rules allow, in every region.

Each combination is translated by SAM or packaged by osls, reduced to what CloudFormation would make of it,
and linted for some of the regions: together for all of them. That takes a quarter of an hour. `.ci/run` has a
few of each kind, and C1FN_COMBINATIONS=all has them all.
"""

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from tests import cloudformation
from tests.cloudformation import Refused
from tests.deploy.conftest import OSLS, ROOT, TOOLS, run
from tests.pairwise import Row, pairwise
from tests.stack import DEFAULTS, TEMPLATE, Helper, helping, named

pytestmark = pytest.mark.timeout(3600)  # seconds: all combinations are one test, and a build may come first

ALL = os.environ.get("C1FN_COMBINATIONS") == "all"

ACCOUNT = "us-east-1:123456789012"
KEY = f"arn:aws:kms:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
VALUES = {
    "ModelKey": ["", "sk-1234"],
    "SecretArn": [
        "",
        f"arn:aws:secretsmanager:{ACCOUNT}:secret:c1fn-AbCdEf",
        f"arn:aws:ssm:{ACCOUNT}:parameter/k",
    ],
    "Model": [
        "c1-nightly",
        "offline",
        f"arn:aws:bedrock:{ACCOUNT}:application-inference-profile/abcdefghijkl",
    ],
    "BaseUrl": [
        "https://api.thesys.dev/v1/embed/",
        "https://generativelanguage.googleapis.com/v1beta/openai/",
    ],
    "FunctionUrl": ["true", "false"],
    "UrlAuth": ["AWS_IAM", "NONE"],
    "Auth": ["iam", "key", "jwt", "none"],
    "JwtIssuer": ["", "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"],
    "JwtAudience": ["", "one,two"],
    "AllowedOrigins": ["", "*", "https://a.example"],
    "ApiRate": ["10", "1"],
    "TableName": ["", "c1fn-restored"],
    "DeletionProtection": ["false", "true"],
    "KmsKey": ["", KEY],
    "RetentionDays": ["0", "30"],
    "Checkpoints": ["followed", "always", "never"],
    "LogRetentionDays": ["30", "1", "3653"],
    "Runtime": ["python3.13", "python3.14"],
    "Architecture": ["arm64", "x86_64"],
    "MemorySize": ["512", "256", "10240"],
    "ReservedConcurrency": ["-1", "0", "20"],
    "ProvisionedConcurrency": ["0", "2"],
    "SnapStart": ["false", "true"],
    "LogLevel": ["INFO", "DEBUG"],
    "Settings": ["", '{"C1FN_MAX_TOKENS": 8000}'],
    "Rollout": ["AllAtOnce", "Canary10Percent15Minutes", "Linear10PercentEvery3Minutes"],
    "KeptVersions": ["5", "1"],
    "AlarmTopic": ["", f"arn:aws:sns:{ACCOUNT}:alarms"],
}

GENERATED = ["W2001", "W3005", "W3011", "W7001"]
"""Not looked for in what is generated: parameters and mappings that are used up by then, a dependency that is
named twice, and ChatFunction's policies, which template.yaml explains."""

NO_URL = {
    *("ap-east-2", "ap-south-2", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"),
    *("ca-west-1", "cn-northwest-1", "eu-central-2", "il-central-1", "me-central-1", "mx-central-1"),
    *("us-gov-east-1", "us-gov-west-1"),
}
"""Regions where Lambda has no function URLs."""

NO_SNAPSTART = ("ap-east-2", "ap-southeast-6", "cn-", "us-gov-", "us-iso", "eu-iso", "eusc-")
"""Beginnings of regions for which cfn-lint refuses SnapStart."""


@cache
def rows() -> list[Row]:
    return pairwise(VALUES, partial(cloudformation.is_allowed, TEMPLATE))


def translations(given: list[Mapping[str, str]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        run([TOOLS / "bin/python", "scripts/translate.py", "-"], json.dumps(given))
    )
    return found


@cache
def translated_rows() -> list[dict[str, Any]]:
    return translations(list(rows()))


@cache
def regions() -> list[str]:
    """Those that cfn-lint knows."""
    code = "import json; from cfnlint.helpers import REGIONS; print(json.dumps(sorted(REGIONS)))"
    found: list[str] = json.loads(run([TOOLS / "bin/python", "-c", code]))
    return found


def fits(row: Row, region: str) -> bool:
    if row["FunctionUrl"] == "true" and region in NO_URL:
        return False
    return row["SnapStart"] == "false" or not region.startswith(NO_SNAPSTART)


@cache
def shares() -> list[list[str]]:
    """The regions of each row: each region has one row, which makes nothing that the region has not."""
    found: list[list[str]] = [[] for _ in rows()]
    for region in regions():
        able = [place for place, row in enumerate(rows()) if fits(row, region)]
        found[min(able, key=lambda place: len(found[place]))].append(region)
    return [share or ["us-east-1"] for share in found]


def linted(
    stacks: Sequence[tuple[Mapping[str, Any], list[str]]], ignored: Sequence[str] = GENERATED
) -> list[str]:
    """What cfn-lint finds in each stack, for its regions."""
    asked = [{"template": template, "regions": regions, "ignored": ignored} for template, regions in stacks]
    found: list[str] = json.loads(run([TOOLS / "bin/python", "scripts/lint_stacks.py"], json.dumps(asked)))
    return found


NOT_COMBINED = {"ApiBurst", "ApiQuota", "TokensADay"}
"""Numbers that decide nothing: each is put into one place."""


def test_every_parameter_is_combined_with_each_of_its_values() -> None:
    """Of levels, days and speeds, some."""
    parameters: dict[str, Any] = TEMPLATE["Parameters"]
    assert parameters.keys() - VALUES.keys() == NOT_COMBINED
    for name in VALUES.keys() - {"LogLevel", "LogRetentionDays", "Rollout"}:
        taken = [str(value) for value in parameters[name].get("AllowedValues", VALUES[name])]
        assert sorted(VALUES[name]) == sorted(taken), name
    pairs = {pair for row in rows() for pair in itertools.combinations(sorted(row.items()), 2)}
    assert {(("Checkpoints", one), ("SnapStart", "true")) for one in VALUES["Checkpoints"]} <= pairs


def test_the_rows_are_not_few_and_share_all_regions() -> None:
    assert 12 < len(rows()) < 60
    assert {region for share in shares() for region in share} == set(regions())


def test_what_sam_makes_of_every_two_values_is_right() -> None:
    count = len(rows()) if ALL else 4
    made = [
        (cloudformation.deployed(template, row), share)
        for template, row, share in zip(translated_rows(), rows(), shares(), strict=True)
    ]
    found = linted(made[:count])
    assert len(found) == count
    assert {text: row for text, row in zip(found, rows(), strict=False) if text} == {}


def test_a_url_where_there_is_none_would_be_found() -> None:
    made = cloudformation.deployed(translations([{}])[0], {"Model": "offline"})
    with_url, without = linted([(made, ["me-central-1"]), (made, ["us-east-1"])])
    assert "E3006" in with_url
    assert without == ""


def version(template: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    (found,) = [
        (name, resource["Properties"])
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Version"
    ]
    return found


CHANGED = sorted(named(TEMPLATE["Resources"]["VersionContent"]) & VALUES.keys())


def changed(name: str, value: str) -> Row:
    return {"Model": "offline", name: value}


@cache
def translated_changes() -> dict[tuple[str, str], dict[str, Any]]:
    asked = [(name, value) for name in CHANGED for value in VALUES[name][:2]]
    return dict(zip(asked, translations([changed(*one) for one in asked]), strict=True))


def published(name: str, value: str, helper: Helper) -> tuple[str, str]:
    """The version's logical id and description."""
    template, given = translated_changes()[name, value], changed(name, value)
    logical_id, properties = version(template)
    assert properties["Description"] == {"Fn::GetAtt": ["VersionContent", "Description"]}
    made = cloudformation.deployed({**template, "Rules": {}}, given)
    content = cloudformation.inlined(made["Resources"]["VersionContent"]["Properties"], {**DEFAULTS, **given})
    told: str = helper("VersionContent", content)["Data"]["Description"]
    return logical_id, told


@pytest.mark.parametrize("name", CHANGED)
def test_sam_publishes_a_version_when_only_a_parameter_changes(name: str) -> None:
    """By another logical id, or by another description: either makes CloudFormation publish one."""
    one, other = VALUES[name][:2]
    with helping() as helper:
        assert published(name, one, helper) != published(name, other, helper)
        assert published(name, one, helper) == published(name, one, helper)


def test_another_description_means_another_version() -> None:
    """CloudFormation replaces what it cannot change: aws/serverless-application-model#2786 is over."""
    code = (
        "import json; from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as schemas;"
        "schema = schemas.get_resource_schema('us-east-1', 'AWS::Lambda::Version').schema;"
        "print(json.dumps(schema['createOnlyProperties']))"
    )
    assert "/properties/Description" in json.loads(run([TOOLS / "bin/python", "-c", code]))


def test_codedeploy_is_there_when_a_rollout_needs_it() -> None:
    rollouts = TEMPLATE["Parameters"]["Rollout"]["AllowedValues"]
    for rollout, template in zip(
        rollouts, translations([{"Rollout": rollout} for rollout in rollouts]), strict=True
    ):
        kinds = {resource["Type"] for resource in template["Resources"].values()}
        assert ("AWS::CodeDeploy::DeploymentGroup" in kinds) is (rollout != "AllAtOnce"), rollout


# --- osls

NOT_OF_OSLS = {"ModelKey", "UrlAuth", "Rollout", "KeptVersions", "FunctionUrl"}


def packaged_with(row: Row, folder: Path) -> dict[str, Any]:
    """The stack that osls makes with these parameters."""
    given = [
        f"{name[0].lower()}{name[1:]}={value}"
        for name, value in row.items()
        if value and name not in NOT_OF_OSLS
    ]
    options = [part for one in given for part in ("--param", one)]
    run([OSLS, "package", "--package", folder, *options])
    found: dict[str, Any] = json.loads(
        (folder / "cloudformation-template-update-stack.json").read_text("utf-8")
    )
    return found


def stack_parameters(folder: Path) -> dict[str, str]:
    state = json.loads((folder / "serverless-state.json").read_text("utf-8"))
    return {
        one["ParameterKey"]: str(one["ParameterValue"])
        for one in state["service"]["provider"]["stackParameters"]
    }


@cache
def rows_of_osls() -> list[Row]:
    plain = {"ModelKey": [""], "UrlAuth": ["AWS_IAM"], "FunctionUrl": ["true"]}
    others = {name: values for name, values in VALUES.items() if name not in NOT_OF_OSLS}
    return pairwise({**others, **plain}, partial(cloudformation.is_allowed, TEMPLATE))


@pytest.mark.usefixtures("built")
def test_what_osls_makes_of_every_two_values_is_right(tmp_path: Path) -> None:
    rows = rows_of_osls() if ALL else rows_of_osls()[:3]
    made = []
    for number, row in enumerate(rows):
        folder = tmp_path / str(number)
        template = packaged_with(row, folder)
        made.append((cloudformation.deployed(template, stack_parameters(folder)), ["us-east-1"]))
    assert {text: row for text, row in zip(linted(made), rows, strict=True) if text} == {}


def test_the_rows_of_osls_are_not_few() -> None:
    assert 12 < len(rows_of_osls()) < 60


@pytest.mark.usefixtures("built")
def test_osls_gives_cloudformation_the_same_rules(tmp_path: Path) -> None:
    made = packaged_with({"Auth": "key"}, tmp_path)
    with pytest.raises(Refused, match="Give the model's key"):
        cloudformation.deployed(made, stack_parameters(tmp_path))
    assert made["Rules"] == TEMPLATE["Rules"]


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize(
    "name",
    sorted(named(TEMPLATE["Resources"]["VersionContent"]) - {"ModelKey", "SnapStart"})[:: 1 if ALL else 6],
)
def test_osls_publishes_a_version_when_only_a_parameter_changes(name: str, tmp_path: Path) -> None:
    assert published_by_osls(name, VALUES[name][0], tmp_path) != published_by_osls(
        name, VALUES[name][1], tmp_path
    )


@pytest.mark.usefixtures("built")
def test_osls_publishes_no_version_when_nothing_changes(tmp_path: Path) -> None:
    name = "LogLevel"
    assert published_by_osls(name, "DEBUG", tmp_path) == published_by_osls(name, "DEBUG", tmp_path)


def published_by_osls(name: str, value: str, folder: Path) -> str:
    """The version's logical id."""
    return version(packaged_with({"SnapStart": "true", name: value}, folder / "osls"))[0]


def test_the_docs_name_the_regions_without_function_urls() -> None:
    told = (ROOT / "docs/deploy.md").read_text("utf-8")
    assert {region for region in regions() if f"`{region}`" in told} == NO_URL
