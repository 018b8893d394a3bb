"""template-instances.yaml as SAM translates it, linted for every region that has capacity providers.

What it only passes on to template.yaml is combined there.
"""

import json
import re
from functools import cache
from typing import Any

import pytest

from tests import cloudformation
from tests.deploy.conftest import ROOT, TOOLS, run
from tests.deploy.test_combinations import ACCOUNT, KEY, linted, regions
from tests.deploy.test_site_combinations import LOCAL
from tests.pairwise import Row

pytestmark = pytest.mark.timeout(600)  # seconds: SAM and cfn-lint start slowly where others work, too

TEMPLATE = cloudformation.read(ROOT / "template-instances.yaml")

WHERE = {"SubnetIds": "subnet-0123456789abcdef0", "SecurityGroupIds": "sg-0123456789abcdef0"}
ROWS: list[Row] = [
    {**WHERE, "Model": "offline"},
    {
        **WHERE,
        "ModelKey": "sk-1234",
        "InstanceTypes": "m8g.large,c8g.large",
        "ApiKeyId": "a1b2c3d4e5",
        "KmsKey": KEY,
        "AlarmTopic": f"arn:aws:sns:{ACCOUNT}:alarms",
    },
]
"""Every condition of the template, false and true."""

NO_INSTANCES = {
    *("ap-southeast-6", "cn-north-1", "cn-northwest-1", "me-central-1", "us-gov-east-1", "us-gov-west-1"),
}
"""Regions in which cfn-lint knows no AWS::Lambda::CapacityProvider."""


@cache
def made() -> list[dict[str, Any]]:
    command = (TOOLS / "bin/python", "scripts/translate.py", "template-instances.yaml", "-")
    translated = json.loads(run(command, json.dumps(ROWS)))
    return [cloudformation.deployed(one, row) for one, row in zip(translated, ROWS, strict=True)]


def test_the_rows_have_every_condition_both_ways() -> None:
    both = {"Fn::Not": [{"Fn::Equals": [{"Ref": "InstanceTypes"}, ""]}]}
    assert TEMPLATE["Conditions"]["ChoosesTypes"] == both
    named = {name for of in TEMPLATE["Conditions"].values() for name in cloudformation.references(of)}
    assert named == ROWS[1].keys() - WHERE.keys()
    assert not named & ROWS[0].keys()


def test_sam_finds_nothing_in_the_template() -> None:
    said = run([TOOLS / "bin/sam", "validate", "--lint", "--template", "template-instances.yaml"])
    assert "is a valid SAM Template" in said


def test_what_sam_makes_of_it_is_right_in_every_region() -> None:
    able = [region for region in regions() if region not in NO_INSTANCES]
    stacks = [(stack, able[place :: len(ROWS)]) for place, stack in enumerate(made())]
    assert linted(stacks, LOCAL) == ["", ""]


def test_all_other_regions_have_no_instances() -> None:
    code = (
        "import json; from cfnlint.helpers import REGIONS;"
        "from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as schemas;"
        "kinds = {region: set(schemas.get_resource_types(region)) for region in REGIONS};"
        "print(json.dumps([one for one in REGIONS if 'AWS::Lambda::CapacityProvider' not in kinds[one]]))"
    )
    assert set(json.loads(run([TOOLS / "bin/python", "-c", code]))) == NO_INSTANCES


def test_the_docs_name_the_regions_without_instances() -> None:
    told = (ROOT / "docs/deploy.md").read_text("utf-8")
    (named,) = (line for line in told.split("\n\n") if "no capacity providers" in line)
    words = set(re.findall(r"[a-z]+(?:-[a-z]+)+-\d", named))
    assert words == NO_INSTANCES


def test_sam_makes_one_version_behind_one_alias_on_the_instances() -> None:
    resources: dict[str, Any] = made()[0]["Resources"]
    kinds = [found["Type"] for found in resources.values()]
    for kind in ("Function", "Version", "Alias", "CapacityProvider"):
        assert kinds.count(f"AWS::Lambda::{kind}") == 1
    (version,) = (found for found in resources.values() if found["Type"] == "AWS::Lambda::Version")
    assert version["DeletionPolicy"] == "Delete"
    capacity = resources["ChatFunction"]["Properties"]["CapacityProviderConfig"]
    assert capacity["LambdaManagedInstancesCapacityProviderConfig"] == {
        "CapacityProviderArn": {"Fn::GetAtt": ["Instances", "Arn"]},
        "PerExecutionEnvironmentMaxConcurrency": {"Ref": "TurnsAtOnce"},
        "ExecutionEnvironmentMemoryGiBPerVCpu": 2,
    }


def test_every_method_of_its_api_asks_for_a_key_and_streams_from_the_alias() -> None:
    (api,) = (found for found in made()[0]["Resources"].values() if found["Type"].endswith("::RestApi"))
    methods = [method for path in api["Properties"]["Body"]["paths"].values() for method in path.values()]
    assert len(methods) == 2  # the root, and everything below it
    for method in methods:
        where = method["x-amazon-apigateway-integration"]
        assert method["security"] == [{"api_key": []}]
        assert where["responseTransferMode"] == "STREAM"
        assert "${ChatFunctionAliaslive}/response-streaming-invocations" in str(where["uri"])
