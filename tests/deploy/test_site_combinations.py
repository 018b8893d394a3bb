"""template-site.yaml with every two values of every two parameters that its rules allow, in every region.

Each combination is translated by SAM, reduced to what CloudFormation would make of it, and linted for some of
the regions: together for all of them. What it only passes on to template.yaml is combined there.
"""

import json
from functools import cache, partial
from typing import Any

import pytest

from tests import cloudformation
from tests.deploy.conftest import ROOT, TOOLS, run
from tests.deploy.test_combinations import ACCOUNT, ALL, linted, regions
from tests.pairwise import Row, pairwise

pytestmark = pytest.mark.timeout(600)  # seconds: SAM and cfn-lint start slowly where others work, too

TEMPLATE = cloudformation.read(ROOT / "template-site.yaml")

VALUES = {
    "Model": ["offline"],
    "SelfSignUp": ["false", "true"],
    "Mfa": ["OPTIONAL", "OFF", "ON"],
    "SignInPrefix": ["", "our-chat"],
    "UserPoolId": ["", "us-east-1_Ab12"],
    "OidcIssuer": ["", "https://login.example.com"],
    "OidcClientId": ["", "c1fn"],
    "OidcClientSecret": ["", "s"],
    "DomainName": ["", "chat.example.com"],
    "Certificate": ["", f"arn:aws:acm:{ACCOUNT}:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"],
    "ImageHosts": ["", "a.example,b.example"],
    "WebAcl": ["", f"arn:aws:wafv2:{ACCOUNT}:global/webacl/a/1234abcd-12ab-34cd-56ef-1234567890ab"],
    "ApiWebAcl": ["", f"arn:aws:wafv2:{ACCOUNT}:regional/webacl/a/1234abcd-12ab-34cd-56ef-1234567890ab"],
    "DeletionProtection": ["false", "true"],
    "TableName": ["", "c1fn-restored"],
    "AlarmTopic": ["", f"arn:aws:sns:{ACCOUNT}:alarms"],
}

NOT_COMBINED = {"ApiRate", "ApiBurst"}
"""Numbers that decide nothing: each is put into one place."""

LOCAL = ["W2001", "W3002", "W7001"]
"""Not looked for: parameters that are used up, and that the function's template is a local file, which
`sam package` uploads."""

NO_SITE = {"cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1"}
"""Regions without user pools, or without CloudFront's functions."""


@cache
def rows() -> list[Row]:
    return pairwise(VALUES, partial(cloudformation.is_allowed, TEMPLATE))


@cache
def translated() -> list[dict[str, Any]]:
    command = (TOOLS / "bin/python", "scripts/translate.py", "template-site.yaml", "-")
    found: list[dict[str, Any]] = json.loads(run(command, json.dumps(rows())))
    return found


def made(place: int) -> dict[str, Any]:
    return cloudformation.deployed(translated()[place], rows()[place])


def test_every_parameter_is_combined_or_only_passed_on() -> None:
    passed = TEMPLATE["Resources"]["Chat"]["Properties"]["Parameters"]
    elsewhere = {name: part for name, part in TEMPLATE["Resources"].items() if name != "Chat"}
    used = set(cloudformation.references([elsewhere, TEMPLATE["Outputs"]], TEMPLATE["Conditions"]))
    for name in TEMPLATE["Parameters"].keys() - VALUES.keys() - NOT_COMBINED:
        assert passed[name] == {"Ref": name}
        assert name not in used


def test_the_rows_are_not_few() -> None:
    assert 6 < len(rows()) < 40
    assert {row["OidcIssuer"] != "" and row["UserPoolId"] != "" for row in rows()} == {True, False}


def test_what_sam_makes_of_every_two_values_is_right_in_every_region() -> None:
    count = len(rows()) if ALL else 4
    able = [region for region in regions() if region not in NO_SITE]
    stacks = [(made(place), able[place::count]) for place in range(count)]
    assert {region for _, share in stacks for region in share} == set(able)
    found = linted(stacks, LOCAL)
    assert {text: row for text, row in zip(found, rows(), strict=False) if text} == {}


def test_where_there_can_be_no_site_the_linter_says_so() -> None:
    found = linted([(made(0), [region]) for region in sorted(NO_SITE)], LOCAL)
    assert all("E3006" in text for text in found)


def test_sam_finds_nothing_in_the_template() -> None:
    said = run([TOOLS / "bin/sam", "validate", "--lint", "--template", "template-site.yaml"])
    assert "is a valid SAM Template" in said


def test_a_pages_own_paths_lead_to_its_index() -> None:
    """CloudFront's function, run by Node."""
    code = TEMPLATE["Resources"]["PagePaths"]["Properties"]["FunctionCode"]
    asked = ["/", "/a/thread", "/a.b/c", "/index.html", "/assets/index-D1.js", "/config.json"]
    call = f"JSON.stringify({json.dumps(asked)}.map((uri) => handler({{request: {{uri}}}}).uri))"
    led = json.loads(run(["node", "-p", f"{code}; {call}"]))
    assert led == ["/index.html", "/index.html", "/index.html", *asked[3:]]
