"""template-instances.yaml: template.yaml's function once more, on instances, and nothing of it twice.

What stands in both is compared, so that a change of one of them is made in the other as well.
"""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import money
from c1fn.runtime.start import MAX_CONCURRENCY
from tests import cloudformation
from tests.cloudformation import Refused
from tests.stack import PARAMETERS as FUNCTIONS
from tests.stack import RESOURCES as CHAT
from tests.stack import TEMPLATE as CHAT_TEMPLATE

ROOT = Path(__file__).parent.parent
TEMPLATE = cloudformation.read(ROOT / "template-instances.yaml")
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FUNCTION: dict[str, Any] = RESOURCES["ChatFunction"]["Properties"]
ON_DEMAND: dict[str, Any] = CHAT["ChatFunction"]["Properties"]
OUTPUTS: dict[str, Any] = CHAT_TEMPLATE["Outputs"]

INSTANCES = {"SubnetIds", "SecurityGroupIds", "InstanceTypes", "MaxVCpus", "TurnsAtOnce", "ApiKeyId"}

LEFT_OUT = {
    *("FunctionUrl", "UrlAuth"),  # there is a REST API; that a function URL streams from a VPC is not known
    *("SnapStart", "ProvisionedConcurrency", "ReservedConcurrency", "MemorySize"),  # of functions on demand
    *("Rollout", "KeptVersions"),  # a version that is kept keeps instances
}
"""Parameters of template.yaml that keep their defaults here."""


def of_chat(output: str) -> dict[str, Any]:
    assert output in OUTPUTS
    return {"Fn::GetAtt": ["Chat", f"Outputs.{output}"]}


def test_every_parameter_of_the_function_is_here_and_is_passed_on() -> None:
    given = RESOURCES["Chat"]["Properties"]["Parameters"]
    shared = PARAMETERS.keys() - INSTANCES
    assert shared == FUNCTIONS.keys() - LEFT_OUT
    for name in shared:
        assert PARAMETERS[name] == FUNCTIONS[name], name
    assert given == {name: {"Ref": name} for name in shared} | {"FunctionUrl": "false"}


def test_its_rules_refuse_before_anything_is_made() -> None:
    about_the_left_out = {"PublicUrlNeedsCallers", "KeptStartedOrFromSnapshot"}
    assert TEMPLATE["Rules"] == {
        name: rule for name, rule in CHAT_TEMPLATE["Rules"].items() if name not in about_the_left_out
    }


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "Give the model's key"),
        ({"Model": "offline", "Auth": "jwt"}, "JwtIssuer and JwtAudience"),
        ({"Model": "offline", "InstanceTypes": "m8g"}, "InstanceTypes cannot be"),
        ({"Model": "offline", "InstanceTypes": "m8g.large, c8g.large"}, "InstanceTypes cannot be"),
        ({"Model": "offline", "MaxVCpus": "1"}, "MaxVCpus cannot be"),
        ({"Model": "offline", "TurnsAtOnce": "1600"}, "TurnsAtOnce cannot be"),
        ({"Model": "offline", "SnapStart": "true"}, "do not exist"),
    ],
)
def test_parameters_that_cannot_work_are_refused_with_a_reason(given: dict[str, str], why: str) -> None:
    with pytest.raises(Refused, match=why):
        cloudformation.deployed(TEMPLATE, given)


# --- the function is the same


def test_the_function_is_that_of_template_yaml() -> None:
    for name in ("CodeUri", "Handler", "Runtime", "Architectures", "Timeout", "Events", "KmsKeyArn"):
        assert FUNCTION[name] == ON_DEMAND[name], name
    assert RESOURCES["ChatFunction"]["Metadata"] == CHAT["ChatFunction"]["Metadata"]


def test_its_settings_are_the_same_with_the_same_table_and_secret() -> None:
    settings = ON_DEMAND["Environment"]["Variables"] | {
        "C1FN_TABLE": of_chat("TableName"),
        "C1FN_SECRET": {"Fn::If": ["CreatesSecret", of_chat("CreatedSecret"), {"Ref": "SecretArn"}]},
    }
    assert FUNCTION["Environment"]["Variables"] == settings
    assert TEMPLATE["Conditions"]["CreatesSecret"] == CHAT_TEMPLATE["Conditions"]["CreatesSecret"]
    assert OUTPUTS["CreatedSecret"] == OUTPUTS["CreatedSecret"] | {
        "Condition": "CreatesSecret",
        "Value": {"Ref": "ModelSecret"},
    }


def test_it_has_the_rights_and_the_log_of_the_other_and_no_more() -> None:
    assert FUNCTION["Role"] == of_chat("RoleArn")
    assert OUTPUTS["RoleArn"]["Value"] == {"Fn::GetAtt": ["ChatRole", "Arn"]}
    assert FUNCTION["LoggingConfig"] == ON_DEMAND["LoggingConfig"] | {"LogGroup": of_chat("LogGroup")}
    roles = [name for name, found in RESOURCES.items() if found["Type"] == "AWS::IAM::Role"]
    assert roles == ["OperatorRole"]  # Lambda's own, which starts and ends instances


def test_a_version_is_published_when_a_parameter_changes() -> None:
    assert FUNCTION["AutoPublishAlias"] == ON_DEMAND["AutoPublishAlias"]
    assert FUNCTION["AutoPublishAliasAllProperties"] is True
    described = FUNCTION["VersionDescription"]["Fn::Sub"]
    assert described == "${Chat.Outputs.VersionContent} ${TurnsAtOnce}"
    assert OUTPUTS["VersionContent"]["Value"] == ON_DEMAND["VersionDescription"]
    longest = 180 + 1 + 64 + 1 + len(str(PARAMETERS["TurnsAtOnce"]["MaxValue"]))
    assert longest <= 256  # Lambda's limit


def test_a_version_that_is_replaced_keeps_no_instances() -> None:
    assert "VersionDeletionPolicy" not in FUNCTION  # SAM's default for instances is to delete it


# --- what instances need


def test_nothing_is_asked_for_that_instances_do_not_have() -> None:
    for name in ("SnapStart", "ProvisionedConcurrencyConfig", "ReservedConcurrentExecutions", "VpcConfig"):
        assert name not in FUNCTION
    assert not [found for found in RESOURCES.values() if found["Type"] == "AWS::Lambda::Url"]


def test_a_process_has_one_processor_since_it_has_one_event_loop() -> None:
    capacity = FUNCTION["CapacityProviderConfig"]
    assert FUNCTION["MemorySize"] == capacity["ExecutionEnvironmentMemoryGiBPerVCpu"] * 1024
    assert capacity["Arn"] == {"Fn::GetAtt": ["Instances", "Arn"]}


def test_turns_at_once_are_within_what_the_runtime_takes_and_a_process_may_open() -> None:
    most = PARAMETERS["TurnsAtOnce"]["MaxValue"]
    assert FUNCTION["CapacityProviderConfig"]["PerExecutionEnvironmentMaxConcurrency"] == {
        "Ref": "TurnsAtOnce"
    }
    assert most <= MAX_CONCURRENCY
    assert 2 * most < 1024


def test_the_price_is_computed_for_the_same_turns_at_once() -> None:
    assert PARAMETERS["TurnsAtOnce"]["Default"] == money.TURNS_AT_ONCE


def test_the_instances_run_where_they_are_told_and_are_bounded() -> None:
    instances = RESOURCES["Instances"]["Properties"]
    assert instances["VpcConfig"] == {
        "SubnetIds": {"Ref": "SubnetIds"},
        "SecurityGroupIds": {"Ref": "SecurityGroupIds"},
    }
    assert instances["InstanceRequirements"]["Architectures"] == ON_DEMAND["Architectures"]
    assert instances["CapacityProviderScalingConfig"]["MaxVCpuCount"] == {"Ref": "MaxVCpus"}
    assert "Default" not in PARAMETERS["SubnetIds"]
    assert "Default" not in PARAMETERS["SecurityGroupIds"]


def test_instance_types_are_a_list_where_they_are_given() -> None:
    made = cloudformation.deployed(TEMPLATE, {"Model": "offline"})
    wanted = made["Resources"]["Instances"]["Properties"]["InstanceRequirements"]
    assert "AllowedInstanceTypes" not in wanted
    made = cloudformation.deployed(TEMPLATE, {"Model": "offline", "InstanceTypes": "m8g.large,c8g.large"})
    wanted = made["Resources"]["Instances"]["Properties"]["InstanceRequirements"]
    assert wanted["AllowedInstanceTypes"] == {"Fn::Split": [",", {"Ref": "InstanceTypes"}]}


# --- who may call, and what rings


KEY = {"Fn::If": ["GivesApiKey", {"Ref": "ApiKeyId"}, of_chat("ApiKeyId")]}
"""With `Auth=iam` the holder of a key is an owner: who changes over must be able to keep it."""


def test_its_api_asks_for_a_key_under_the_same_limits() -> None:
    for name in ("ChatApi", "ChatPlan"):
        assert RESOURCES[name] == CHAT[name]
    key = RESOURCES["ChatPlanKey"]["Properties"]
    assert key == CHAT["ChatPlanKey"]["Properties"] | {"KeyId": KEY}
    assert TEMPLATE["Outputs"]["ApiKeyId"]["Value"] == KEY
    assert not [found for found in RESOURCES.values() if found["Type"] == "AWS::Lambda::Permission"]


def test_the_alarms_are_the_same_for_this_function() -> None:
    alarms = {name: found for name, found in CHAT.items() if found["Type"] == "AWS::CloudWatch::Alarm"}
    del alarms["Url5xxAlarm"]
    here = {name: found for name, found in RESOURCES.items() if found["Type"] == "AWS::CloudWatch::Alarm"}
    assert here == alarms


def test_what_is_taken_of_the_other_stack_is_among_its_outputs() -> None:
    for output in ("RestUrl", "LogGroup", "TableName"):
        assert of_chat(output) in [found["Value"] for found in TEMPLATE["Outputs"].values()]


def test_the_docs_tell_every_parameter_and_every_output() -> None:
    docs = (ROOT / "docs/deploy.md").read_text("utf-8")
    for name in [*INSTANCES, *TEMPLATE["Outputs"]]:
        assert f"`{name}`" in docs, name
