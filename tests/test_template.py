"""Code, template.yaml, serverless.yml and docs agree on the table, the settings, the doors and the rights."""

import ast
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import boto3
import pytest

from c1fn import compose
from c1fn.local.package import tree as package
from c1fn.settings import FURTHER, Settings, variable
from c1fn.stores.dynamodb import table
from c1fn.telemetry.log import BY_CODE, NAMESPACE, UNITS
from c1fn.telemetry.log import FUNCTION as FUNCTION_NAME
from tests import cloudformation

ROOT = Path(__file__).parent.parent
DOCS = (ROOT / "docs/deploy.md").read_text("utf-8")
TEMPLATE = cloudformation.read(ROOT / "template.yaml")
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FUNCTION: dict[str, Any] = RESOURCES["ChatFunction"]["Properties"]
SERVERLESS = cloudformation.read(ROOT / "serverless.yml")
URL: dict[str, Any] = RESOURCES["ChatFunctionUrl"]["Properties"]
CHAT: dict[str, Any] = SERVERLESS["functions"]["chat"]

KINDS: dict[str, Any] = {field.name: field.type for field in fields(Settings)}
"""What each setting may be, by its field."""

LAMBDAS_OWN = {"AWS_LAMBDA_EXEC_WRAPPER"}


def environment(function: dict[str, Any]) -> dict[str, Any]:
    variables: dict[str, Any] = function["Environment"]["Variables"]
    return variables


def test_the_table_is_the_one_the_store_knows() -> None:
    properties = RESOURCES["ThreadTable"]["Properties"]
    assert {name: properties[name] for name in table.DEFINITION} == table.DEFINITION
    assert properties["TimeToLiveSpecification"] == table.TIME_TO_LIVE


def test_the_table_can_be_brought_back_and_outlives_the_stack() -> None:
    found = RESOURCES["ThreadTable"]
    assert found["DeletionPolicy"] == "RetainExceptOnCreate"
    assert found["UpdateReplacePolicy"] == "Retain"
    assert found["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


@pytest.mark.parametrize("given", [environment(FUNCTION), CHAT["environment"]], ids=["sam", "serverless"])
def test_every_variable_is_a_setting(given: dict[str, Any]) -> None:
    """The function refuses to start with a setting that it does not know."""
    assert given.keys() - LAMBDAS_OWN <= {FURTHER, *(variable(field) for field in KINDS)}


def test_both_ways_of_deploying_set_the_same_variables() -> None:
    assert environment(FUNCTION).keys() == CHAT["environment"].keys()


@pytest.mark.parametrize(
    ("parameter", "field"),
    [
        ("Model", "model"),
        ("BaseUrl", "base_url"),
        ("RetentionDays", "retention_days"),
        ("Checkpoints", "checkpoints"),
    ],
)
def test_a_parameter_defaults_to_the_default_of_its_setting(parameter: str, field: str) -> None:
    default = getattr(Settings, field)
    assert PARAMETERS[parameter]["Default"] == (
        str(default).lower() if isinstance(default, bool) else default
    )


def test_serverless_defaults_to_the_same_values() -> None:
    text = (ROOT / "serverless.yml").read_text("utf-8")
    defaults = {name: value.strip("'") for name, value in re.findall(r"\$\{param:(\w+), ([^}]*)}", text)}
    for name, value in defaults.items():
        default = str(PARAMETERS[name[0].upper() + name[1:]]["Default"])
        assert value == default or (value, default) == ("null", ""), name


def events() -> list[dict[str, Any]]:
    return [event["Properties"] for event in FUNCTION["Events"].values()]


def test_every_route_of_the_app_is_reachable_through_the_rest_api() -> None:
    served = [re.compile(re.sub(r"\{\w+\+}", ".+", event["Path"])) for event in events()]
    app = compose.web_app(Settings.read({}))
    routes = [*app.openapi()["paths"], *(str(getattr(route, "path", "/")) for route in app.routes)]
    assert "/api/chat" in routes
    assert [route for route in routes if not any(path.fullmatch(route) for path in served)] == []


def test_both_ways_of_deploying_serve_the_same_paths() -> None:
    http = [event["http"] for event in CHAT["events"]]
    assert [(event["Path"], event["Method"]) for event in events()] == [
        (event["path"], event["method"]) for event in http
    ]
    assert {event["timeoutInMillis"] for event in http} == {event["TimeoutInMillis"] for event in events()}
    assert all(event["private"] for event in http)


def test_a_door_waits_exactly_as_long_as_the_function_may_run() -> None:
    assert {event["TimeoutInMillis"] for event in events()} == {FUNCTION["Timeout"] * 1000}
    assert CHAT["timeout"] == FUNCTION["Timeout"]


def test_the_duration_alarm_rings_before_the_timeout() -> None:
    assert RESOURCES["DurationAlarm"]["Properties"]["Threshold"] < FUNCTION["Timeout"] * 1000


def test_every_door_streams() -> None:
    assert URL["InvokeMode"] == CHAT["url"]["invokeMode"] == "RESPONSE_STREAM"
    assert {event["ResponseTransferMode"] for event in events()} == {"RESPONSE_STREAM"}
    assert {event["http"]["response"]["transferMode"] for event in CHAT["events"]} == {"STREAM"}


def test_the_wrapper_and_the_handler_exist_where_the_function_looks_for_them() -> None:
    for given in environment(FUNCTION), CHAT["environment"]:
        wrapper = ROOT / given["AWS_LAMBDA_EXEC_WRAPPER"].removeprefix(f"{package.TASK_ROOT}/")
        assert wrapper.stat().st_mode & 0o111 == 0o111
    for handler in FUNCTION["Handler"], CHAT["handler"]:
        module, _, attribute = handler.partition(".")
        assert f"\n{attribute} = " in (ROOT / f"{module}.py").read_text("utf-8")


def test_every_python_and_architecture_can_be_built() -> None:
    assert FUNCTION["Runtime"] == {"Ref": "Runtime"}
    assert set(PARAMETERS["Architecture"]["AllowedValues"]) == package.PLATFORMS.keys()
    folder = FUNCTION["CodeUri"]["Fn::Sub"]
    for runtime in PARAMETERS["Runtime"]["AllowedValues"]:
        for architecture in package.PLATFORMS:
            named = folder.replace("${Runtime}", runtime).replace("${Architecture}", architecture)
            assert (ROOT / named / "Makefile").exists()


def _statements() -> dict[str, Any]:
    found = RESOURCES["ChatRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    plain = [statement["Fn::If"][1] if "Fn::If" in statement else statement for statement in found]
    return {statement["Sid"]: statement for statement in plain}


def operations(folder: Path) -> set[str]:
    """The DynamoDB operations that the store's code names; table.py is for a person's own rights."""
    known = boto3.client("dynamodb", region_name="us-east-1").meta.method_to_api_mapping
    words: set[str] = set()
    for path in folder.rglob("*.py"):
        if path.name != "table.py":
            words |= {
                node.value
                for node in ast.walk(ast.parse(path.read_text("utf-8")))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
    return {known[word] for word in words & known.keys()}


OF_COMMANDS = {"DeleteItem", "DescribeTimeToLive", "Scan"}
"""Of `c1fn owner` and `c1fn table`, with the rights of whoever runs them: the function may do none of it."""


def test_the_role_allows_exactly_the_calls_that_the_function_makes() -> None:
    allowed = {action.removeprefix("dynamodb:") for action in _statements()["Threads"]["Action"]}
    assert allowed | OF_COMMANDS == operations(ROOT / "c1fn/stores/dynamodb")
    assert not allowed & OF_COMMANDS


def _resources(given: Any) -> list[Any]:
    """Each resource that a statement names, in either branch."""
    if isinstance(given, dict) and "Fn::If" in given:
        return [one for branch in given["Fn::If"][1:] for one in _resources(branch)]
    return given if isinstance(given, list) else [given]


def test_the_role_reaches_nothing_but_its_own_resources() -> None:
    for sid, statement in _statements().items():
        for one in _resources(statement["Resource"]):
            assert isinstance(one, dict), sid  # a reference, never a pattern of names
        assert "*" not in str(statement["Action"]), sid


def test_the_package_holds_every_service_that_the_code_speaks_to() -> None:
    named = set()
    for path in [ROOT / "handler.py", *(ROOT / "c1fn").rglob("*.py")]:
        named |= set(re.findall(r'client\("([a-z]+)"', path.read_text("utf-8")))
    assert named <= set(package.SERVICES)
    assert "dynamodb" in named


def test_serverless_is_never_given_the_key() -> None:
    """It writes every stack parameter, readable, into the state that it uploads."""
    named = {one["ParameterKey"] for one in SERVERLESS["provider"]["stackParameters"]}
    assert "SecretArn" in named
    assert "ModelKey" not in named
    assert variable("api_key") not in (ROOT / "serverless.yml").read_text("utf-8")


ACCOUNT = "eu-west-1:123456789012"


@pytest.mark.parametrize(
    ("arn", "taken"),
    [
        ("", True),
        (f"arn:aws:secretsmanager:{ACCOUNT}:secret:c1fn/model-AbCdEf", True),
        (f"arn:aws-us-gov:ssm:{ACCOUNT}:parameter/c1fn/model", True),
        (f"arn:aws:secretsmanager:{ACCOUNT}:secret:*", False),
        (f"arn:aws:secretsmanager:{ACCOUNT}:secret:c1fn-??????", False),
        (f"arn:aws:ssm:{ACCOUNT}:parameter/*", False),
        (f"arn:aws:ssm:{ACCOUNT}:parameter/${{aws:username}}", False),
        ("arn:aws:secretsmanager:*:*:secret:c1fn", False),
        ("arn:aws:secretsmanager:c1fn", False),
        (f"arn:aws:s3:{ACCOUNT}:secret:c1fn", False),
    ],
)
def test_the_role_reads_one_secret_and_no_pattern_of_them(arn: str, taken: bool) -> None:  # noqa: FBT001 - a row
    assert bool(re.fullmatch(PARAMETERS["SecretArn"]["AllowedPattern"], arn)) is taken


def test_a_public_url_that_asks_nobody_is_not_open_to_every_page() -> None:
    rule = TEMPLATE["Rules"]["PublicUrlNeedsCallers"]
    everyone = [{"Fn::Equals": [{"Ref": "Auth"}, "none"]}, {"Fn::Equals": [{"Ref": "AllowedOrigins"}, "*"]}]
    assert rule["Assertions"][1]["Assert"] == {"Fn::Not": [{"Fn::And": everyone}]}


def test_the_key_is_never_a_plain_variable() -> None:
    assert PARAMETERS["ModelKey"]["NoEcho"] is True
    for given in environment(FUNCTION), CHAT["environment"]:
        assert variable("api_key") not in given
        assert "ModelKey" not in set(cloudformation.references(given))


def test_a_public_url_needs_another_way_to_know_its_callers() -> None:
    rule = TEMPLATE["Rules"]["PublicUrlNeedsCallers"]
    public = [{"Fn::Equals": [{"Ref": "FunctionUrl"}, "true"]}, {"Fn::Equals": [{"Ref": "UrlAuth"}, "NONE"]}]
    assert rule["RuleCondition"] == {"Fn::And": public}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "Auth"}, "iam"]}]}


def test_every_way_to_know_callers_can_be_chosen() -> None:
    known = [word for part in get_args(KINDS["auth"]) for word in get_args(part)]
    assert PARAMETERS["Auth"]["AllowedValues"] == known


def test_tokens_need_an_issuer_and_an_audience() -> None:
    rule = TEMPLATE["Rules"]["TokensNeedIssuer"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "Auth"}, "jwt"]}
    given = [{"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]} for name in ("JwtIssuer", "JwtAudience")]
    assert rule["Assertions"][0]["Assert"] == {"Fn::And": given}


def test_keys_of_callers_need_a_secret_that_holds_them() -> None:
    rule = TEMPLATE["Rules"]["KeysNeedSecret"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "Auth"}, "key"]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "SecretArn"}, ""]}]}


def test_by_default_the_url_asks_for_iam_and_the_api_for_a_key() -> None:
    assert PARAMETERS["UrlAuth"]["Default"] == "AWS_IAM"
    assert URL["AuthType"] == {"Ref": "UrlAuth"}
    assert RESOURCES["ChatApi"]["Properties"]["Auth"]["ApiKeyRequired"] is True
    assert CHAT["url"]["authorizer"] == "aws_iam"


def test_whoever_lets_everyone_in_does_so_under_a_condition() -> None:
    open_to_all = {name for name, found in RESOURCES.items() if found["Properties"].get("Principal") == "*"}
    assert {RESOURCES[name].get("Condition") for name in open_to_all} == {"HasPublicUrl"}


def test_whoever_calls_the_url_may_not_invoke_the_function_directly() -> None:
    """A direct invoker writes the event himself, with whatever identity he likes."""
    for found in RESOURCES.values():
        granted = found["Properties"]
        if granted.get("Action") == "lambda:InvokeFunction" and granted["Principal"] == "*":
            assert granted["InvokedViaFunctionUrl"] is True
    (policy,) = (
        json.loads(text) for text in re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL) if "Url" in text
    )
    granted = {one["Action"]: one.get("Condition") for one in policy["Statement"]}
    assert granted["lambda:InvokeFunction"] == {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
    assert re.findall(r"allow InvokeFunction(.*)", DOCS) == ["Url", " --invoked-via-function-url"]


def test_the_docs_tell_every_parameter_and_every_output() -> None:
    for name in [*PARAMETERS, *TEMPLATE["Outputs"]]:
        assert f"`{name}`" in DOCS, name


def test_serverless_takes_over_parts_that_exist() -> None:
    text = (ROOT / "serverless.yml").read_text("utf-8")
    paths = re.findall(r"\$\{file\(template\.yaml\):([\w.]+)}", text)
    assert paths
    for path in paths:
        part: Any = TEMPLATE
        for name in path.split("."):
            part = part[name]


# --- alarms and the dashboard


def metrics_of(alarm: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Each metric an alarm looks at: namespace, name, dimensions."""
    stats = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
    return [(one["Namespace"], one["MetricName"], one["Dimensions"]) for one in stats or [alarm]]


def dashboard() -> dict[str, Any]:
    body, names = RESOURCES["ChatDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert set(re.findall(r"\$\{([\w:]+)}", body)) == {*names, "AWS::Region"}
    found: dict[str, Any] = json.loads(body)
    return found


ALARMS = {name: found["Properties"] for name, found in RESOURCES.items() if found["Type"].endswith("Alarm")}


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_looks_at_metrics_that_the_log_writes_with_these_dimensions(name: str) -> None:
    for namespace, metric, dimensions in metrics_of(ALARMS[name]):
        if namespace == NAMESPACE:
            assert metric in UNITS
            assert dimensions == [{"Name": FUNCTION_NAME, "Value": {"Ref": "ChatFunction"}}]
        else:
            assert namespace.startswith("AWS/")


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_writes_to_the_topic_and_is_taken_over_by_serverless(name: str) -> None:
    assert ALARMS[name]["AlarmActions"]["Fn::If"][0] == "HasAlarmTopic"
    assert name in SERVERLESS["resources"][0]["Resources"]
    given = SERVERLESS["resources"][1]["Resources"][name]["Properties"]
    function = {"Ref": "ChatLambdaFunction"}
    assert name == "Api5xxAlarm" or str(given).count(str(function)) == len(metrics_of(ALARMS[name]))


def test_the_dashboard_shows_every_metric_that_the_log_writes() -> None:
    body = json.dumps(dashboard())
    listed = {name for name in UNITS if f'"{NAMESPACE}", "{name}", "{FUNCTION_NAME}"' in body}
    assert listed == UNITS.keys()
    for name in BY_CODE:
        assert f"{{{NAMESPACE},{FUNCTION_NAME},error}}" in body
        assert f" {name}', 'Sum')" in body


def test_the_docs_tell_what_stands_still_and_costs() -> None:
    """Prices are AWS's; how much of it the stack makes is counted here."""
    watched = [metric for alarm in ALARMS.values() for metric in metrics_of(alarm)]
    assert f"| {len(ALARMS)} alarms, which look at {len(watched)} metrics: 0.10 for each metric |" in DOCS
    assert f"| each of the {len(UNITS)} metrics by function," in DOCS
    kinds = [found["Type"] for found in RESOURCES.values()]
    assert kinds.count("AWS::CloudWatch::Dashboard") == kinds.count("AWS::SecretsManager::Secret") == 1


def test_the_dashboards_widgets_do_not_overlap() -> None:
    places = [
        (widget["x"] + x, widget["y"] + y)
        for widget in dashboard()["widgets"]
        for x in range(widget["width"])
        for y in range(widget["height"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
