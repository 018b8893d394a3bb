"""template-site.yaml: no door without a check, nothing public but the page, every bucket closed.

It also agrees with template.yaml, with the code and with the docs.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from c1fn.api import pages
from c1fn.api.streaming import SILENCE
from tests import cloudformation
from tests.cloudformation import Refused
from tests.stack import PARAMETERS as FUNCTIONS
from tests.stack import TEMPLATE as CHAT

ROOT = Path(__file__).parent.parent
TEMPLATE = cloudformation.read(ROOT / "template-site.yaml")
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]

DECIDED_HERE = {
    *("FunctionUrl", "UrlAuth", "Auth", "JwtIssuer", "JwtAudience", "AllowedOrigins"),
    *("ApiRate", "ApiBurst", "ApiQuota"),
}
"""Parameters of template.yaml that say who may call: on a site its sign-in does."""


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = RESOURCES[name]["Properties"]
    return found


def of(kind: str) -> dict[str, dict[str, Any]]:
    return {name: found["Properties"] for name, found in RESOURCES.items() if found["Type"] == kind}


DISTRIBUTION: dict[str, Any] = properties("Distribution")["DistributionConfig"]
API = DISTRIBUTION["CacheBehaviors"][0]
ORIGINS = {origin["Id"]: origin for origin in DISTRIBUTION["Origins"]}


# --- no door without a check


def test_every_method_of_the_api_asks_for_a_token_before_the_function() -> None:
    methods = of("AWS::ApiGateway::Method")
    assert methods
    for method in methods.values():
        assert method["AuthorizationType"] == "COGNITO_USER_POOLS"
        assert method["AuthorizerId"] == {"Ref": "SignedIn"}
        # Without a scope an authorizer takes any identity token of the pool.
        assert method["AuthorizationScopes"] == ["c1fn/chat"]


def test_the_scope_is_one_that_the_page_gets() -> None:
    scopes = properties("ApiScopes")
    own = {f"{scopes['Identifier']}/{scope['ScopeName']}" for scope in scopes["Scopes"]}
    assert own == set(properties("ApiMethod")["AuthorizationScopes"])
    assert own <= set(properties("PageClient")["AllowedOAuthScopes"])


def test_the_functions_own_endpoints_stay_shut() -> None:
    given = properties("Chat")["Parameters"]
    assert given["FunctionUrl"] == "false"
    assert given["Auth"] == "jwt"
    assert of("AWS::Lambda::Url") == {}
    assert CHAT["Resources"]["ChatApi"]["Properties"]["Auth"]["ApiKeyRequired"] is True


def test_only_the_api_of_this_stack_may_invoke_the_function() -> None:
    (granted,) = of("AWS::Lambda::Permission").values()
    assert granted["Principal"] == "apigateway.amazonaws.com"
    assert "${SiteApi}/v1/*/api/*" in granted["SourceArn"]["Fn::Sub"]


def test_strangers_cannot_make_themselves_an_account() -> None:
    assert PARAMETERS["SelfSignUp"]["Default"] == "false"
    closed = properties("UserPool")["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"]
    assert closed == {"Fn::If": ["HasSelfSignUp", False, True]}


def test_a_page_signs_in_by_code_and_holds_no_secret() -> None:
    client = properties("PageClient")
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["GenerateSecret"] is False
    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert client["PreventUserExistenceErrors"] == "ENABLED"


# --- nothing public but the page


def test_every_bucket_is_closed() -> None:
    buckets = of("AWS::S3::Bucket")
    assert buckets
    for name, bucket in buckets.items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        assert bucket["BucketEncryption"]
        assert {"Ref": name} in [policy["Bucket"] for policy in of("AWS::S3::BucketPolicy").values()]


def statements() -> list[dict[str, Any]]:
    return [
        statement
        for policy in of("AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_only_this_distribution_reads_the_bucket_and_nothing_but_objects() -> None:
    (allowed,) = [one for one in statements() if one["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert allowed["Action"] == "s3:GetObject"  # no list: a stranger learns no names
    source = allowed["Condition"]["StringEquals"]["AWS:SourceArn"]["Fn::Sub"]
    assert source.endswith("distribution/${Distribution}")


def test_the_bucket_refuses_what_comes_without_tls() -> None:
    (denied,) = [one for one in statements() if one["Effect"] == "Deny"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denied["Principal"] == "*"
    assert len(denied["Resource"]) == 2  # the bucket, and what is in it


def test_everything_is_asked_for_by_tls() -> None:
    behaviours = [DISTRIBUTION["DefaultCacheBehavior"], *DISTRIBUTION["CacheBehaviors"]]
    assert {one["ViewerProtocolPolicy"] for one in behaviours} <= {"redirect-to-https", "https-only"}
    assert ORIGINS["api"]["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"


def test_the_distribution_leads_to_the_page_and_to_the_api_alone() -> None:
    assert ORIGINS.keys() == {"page", "api"}
    assert API["PathPattern"] == "/api/*"
    assert (DISTRIBUTION["DefaultCacheBehavior"]["TargetOriginId"], API["TargetOriginId"]) == ("page", "api")
    assert DISTRIBUTION["DefaultCacheBehavior"]["AllowedMethods"] == ["GET", "HEAD"]
    assert len(DISTRIBUTION["CacheBehaviors"]) == 1


# --- answers stream through it, and are nobody else's


def test_an_answer_streams_and_may_last_as_long_as_the_function() -> None:
    where = properties("ApiMethod")["Integration"]
    assert where["ResponseTransferMode"] == "STREAM"
    assert "/response-streaming-invocations" in where["Uri"]["Fn::Sub"][0]
    assert where["TimeoutInMillis"] == CHAT["Resources"]["ChatFunction"]["Properties"]["Timeout"] * 1000


def test_the_distribution_waits_for_several_keep_alives() -> None:
    assert ORIGINS["api"]["CustomOriginConfig"]["OriginReadTimeout"] >= 3 * SILENCE
    assert "ResponseCompletionTimeout" not in ORIGINS["api"]  # which would end a long answer


def test_an_answer_is_neither_cached_nor_compressed_and_the_token_gets_through() -> None:
    assert API["Compress"] is False
    assert API["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
    assert API["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"  # AllViewerExceptHostHeader
    assert {"POST", "PATCH", "PUT", "DELETE"} <= set(API["AllowedMethods"])
    assert "FunctionAssociations" not in API


def test_the_apis_errors_reach_the_page_as_they_are() -> None:
    """Error pages are for the whole distribution: they would answer a 404 of the API by the index and 200."""
    assert "CustomErrorResponses" not in DISTRIBUTION


# --- the page


def test_the_index_is_as_fresh_as_its_own_header_says() -> None:
    cache = properties("PageCache")["CachePolicyConfig"]
    assert (cache["MinTTL"], cache["DefaultTTL"]) == (0, 0)
    assert f"max-age={cache['MaxTTL']}" in pages.FOR_EVER
    assert cache["ParametersInCacheKeyAndForwardedToOrigin"]["CookiesConfig"] == {"CookieBehavior": "none"}


def directives(policy: str) -> dict[str, list[str]]:
    return {name: values for name, *values in (part.split() for part in policy.split(";"))}


def test_the_pages_policy_is_that_of_the_local_page_and_the_sign_in() -> None:
    headers = properties("PageHeaders")["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    policy, _ = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    here, local = directives(policy.replace("${Images}", "")), directives(pages.policy(base="'self'"))
    local["script-src"] = ["'self'"]  # the hashes are those of the plain page's scripts
    asked = here.pop("connect-src")
    assert asked[0] == "'self'"
    assert [host.rpartition("${AWS::Region}.")[2] for host in asked[1:]] == [
        "amazonaws.com",
        "amazoncognito.com",
    ]
    del local["connect-src"]
    assert here == local


def test_a_pages_own_paths_lead_to_its_index_and_its_files_to_themselves() -> None:
    code = properties("PagePaths")["FunctionCode"]
    (pattern,) = re.findall(r"!/(.+)/\.test\(request\.uri\)", code)
    a_file = re.compile(pattern.replace(r"\/", "/"))
    for path in ("/", "/thread/a", "/a.b/c"):
        assert not a_file.search(path)
    for path in ("/index.html", "/assets/index-D1.js", "/config.json"):
        assert a_file.search(path)
    assert properties("PagePaths")["AutoPublish"] is True


def test_names_that_exist_once_in_an_account_are_the_stacks_own() -> None:
    """The stack's number is in them: a second site in another region does not meet them."""
    named = [
        properties("PageAccess")["OriginAccessControlConfig"]["Name"],
        properties("PageCache")["CachePolicyConfig"]["Name"],
        properties("PageHeaders")["ResponseHeadersPolicyConfig"]["Name"],
        properties("PagePaths")["Name"],
        properties("SignIn")["Domain"]["Fn::If"][2],
    ]
    number = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
    assert all(name == {"Fn::Join": ["-", ["c1fn", number]]} for name in named)
    assert "BucketName" not in properties("PageBucket")


# --- one copy of the function


def test_every_parameter_of_the_function_is_here_and_is_passed_on() -> None:
    assert FUNCTIONS.keys() - DECIDED_HERE <= PARAMETERS.keys()
    given = properties("Chat")["Parameters"]
    for name in FUNCTIONS.keys() - DECIDED_HERE:
        assert PARAMETERS[name] == FUNCTIONS[name], name
        assert given[name] == {"Ref": name}
    assert given.keys() - FUNCTIONS.keys() == set()


def test_its_rules_refuse_before_anything_is_made() -> None:
    about_callers = {"PublicUrlNeedsCallers", "TokensNeedIssuer", "KeysNeedSecret"}
    for name in CHAT["Rules"].keys() - about_callers:
        assert TEMPLATE["Rules"][name] == CHAT["Rules"][name]


def test_what_is_taken_of_the_function_is_among_its_outputs() -> None:
    taken = set(re.findall(r"Chat\.Outputs\.(\w+)", (ROOT / "template-site.yaml").read_text("utf-8")))
    assert "FunctionAlias" in taken
    assert taken <= CHAT["Outputs"].keys()


def test_the_function_believes_the_same_pool_and_the_pages_client_alone() -> None:
    given = properties("Chat")["Parameters"]
    assert given["JwtIssuer"] == TEMPLATE["Outputs"]["Issuer"]["Value"]
    assert given["JwtAudience"] == {"Ref": "PageClient"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "Give the model's key"),
        ({"DomainName": "chat.example.com"}, "Give DomainName and its Certificate together"),
        ({"Certificate": "arn:aws:acm:us-east-1:123456789012:certificate/a"}, "Certificate together"),
        ({"Certificate": "arn:aws:acm:eu-west-1:123456789012:certificate/a"}, "Certificate cannot be"),
        ({"OidcIssuer": "https://login.example.com"}, "OidcClientSecret together"),
        ({"OidcIssuer": "https://login.example.com/"}, "OidcIssuer cannot be"),
        ({"OidcClientSecret": "s"}, "OidcClientSecret together"),
        ({"SelfSignUp": "true", "UserPoolId": "eu-west-1_abc"}, "SelfSignUp is for the user pool"),
        ({"SignInPrefix": "My-Chat"}, "SignInPrefix cannot be"),
        ({"ImageHosts": "https://a.example"}, "ImageHosts cannot be"),
        ({"WebAcl": "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/a/b"}, "WebAcl cannot be"),
    ],
)
def test_parameters_that_cannot_work_are_refused_with_a_reason(given: dict[str, str], why: str) -> None:
    model = {"Model": "offline"} if given else {}
    with pytest.raises(Refused, match=why):
        cloudformation.deployed(TEMPLATE, model | given)


# --- what is kept, and what is deployed

HOLDS_DATA = {"UserPool", "PageBucket"}


def test_what_holds_data_says_what_becomes_of_it() -> None:
    for name in HOLDS_DATA:
        assert {"DeletionPolicy", "UpdateReplacePolicy"} <= RESOURCES[name].keys()
    assert RESOURCES["UserPool"]["DeletionPolicy"] == "RetainExceptOnCreate"  # like the table
    assert RESOURCES["UserPool"]["UpdateReplacePolicy"] == "Retain"


COPIED = {
    "AWS::ApiGateway::Authorizer", "AWS::ApiGateway::GatewayResponse", "AWS::ApiGateway::Method",
    "AWS::ApiGateway::Resource", "AWS::ApiGateway::RestApi",
}  # fmt: skip
"""What a deployment is a copy of."""


def test_whoever_changes_the_api_names_a_new_deployment() -> None:
    parts = {name: found for name, found in RESOURCES.items() if found["Type"] in COPIED}
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]
    (name,) = of("AWS::ApiGateway::Deployment")
    assert name == f"ApiDeployment{digest}", f"rename it to ApiDeployment{digest}: a new name deploys"
    assert properties("ApiStage")["DeploymentId"] == {"Ref": name}
    gateway = {"AWS::ApiGateway::Method", "AWS::ApiGateway::GatewayResponse"}
    assert set(RESOURCES[name]["DependsOn"]) == {
        name for name, one in parts.items() if one["Type"] in gateway
    }


def test_refusals_of_the_gateway_have_the_form_of_c1fns_errors() -> None:
    for answer in of("AWS::ApiGateway::GatewayResponse").values():
        body = json.loads(answer["ResponseTemplates"]["application/json"])
        assert body["status"] == int(answer["StatusCode"]) == 401
        headers = answer["ResponseParameters"]
        assert headers["gatewayresponse.header.C1fn-Error"] == f"'{body['code']}'"
        assert headers["gatewayresponse.header.WWW-Authenticate"].startswith("'Bearer")
        assert headers["gatewayresponse.header.Cache-Control"] == "'no-store'"


def test_the_alarm_writes_to_the_topic_and_looks_at_the_apis_name() -> None:
    alarm = properties("SiteApi5xxAlarm")
    assert alarm["AlarmActions"]["Fn::If"][0] == "HasAlarmTopic"
    assert alarm["Dimensions"][0]["Value"] == properties("SiteApi")["Name"]
    assert alarm["Dimensions"][1]["Value"] == properties("ApiStage")["StageName"]


def test_the_dashboards_widgets_do_not_overlap() -> None:
    body, names = properties("SiteDashboard")["DashboardBody"]["Fn::Sub"]
    assert set(re.findall(r"\$\{([\w:]+)}", body)) == {*names, "AWS::Region", "Distribution"}
    widgets = json.loads(body)["widgets"]
    places = [
        (one["x"] + x, one["y"] + y)
        for one in widgets
        for x in range(one["width"])
        for y in range(one["height"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
