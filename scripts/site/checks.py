"""What is looked at before anything is made: tools, credentials, the region, and what is there already."""

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from scripts.site import Site, Stop
from scripts.site.stack import Found

TOOLS = {
    "make": "Debian, Ubuntu: apt-get install -y make · macOS: xcode-select --install",
    "npm": "Debian, Ubuntu: apt-get install -y npm · macOS: brew install node · or PAGE=<a built page>",
}

NO_SITE = ("cn-", "us-gov-", "us-iso", "eu-iso", "eusc-")
"""Beginnings of regions outside of AWS's public part: user pools or CloudFront differ or are missing."""

WAIT = "Something is at work on it. Wait until it is over, and run this again."
DELETE_FIRST = (
    "It was not made completely. `make site-delete` takes away what is left of it; then run this again."
)
STATES = {
    "ROLLBACK_COMPLETE": DELETE_FIRST,
    "ROLLBACK_FAILED": DELETE_FIRST,
    "CREATE_FAILED": DELETE_FIRST,
    "DELETE_FAILED": "It could not be deleted. `make site-delete` says why.",
    "UPDATE_ROLLBACK_FAILED": (
        "An update could not be taken back. In AWS's console: Stack actions, Continue update rollback."
    ),
}


A_PYTHON = "the function is built by Lambda's Python. FUNCTION_PYTHON names it, if it is called otherwise"


def tools(needed: Sequence[str], path: str | None = None) -> None:
    """:raises Stop: one is missing."""
    for name in needed:
        if not shutil.which(name, path=path):
            raise Stop(f"{name} is missing: {TOOLS.get(name, A_PYTHON)}.")


def region(name: str | None) -> str:
    """The region, if a site can be there.

    :raises Stop: none is named, or it has no user pools.
    """
    if not name:
        raise Stop("No region is named. Take the one nearest to your people: make site REGION=eu-west-1")
    if name.startswith(NO_SITE):
        raise Stop(f"There can be no site in {name}: docs/site.md says what is missing there.")
    return name


def model(given: Mapping[str, str]) -> None:
    """:raises Stop: a new site needs to know its model, as the template's rule says."""
    if not (given.get("ModelKey") or given.get("SecretArn") or given.get("Model") == "offline"):
        raise Stop(
            "Give the model's key as the variable THESYS_API_KEY, or SITE='SecretArn=…' of a secret with it, "
            "or SITE='Model=offline' to try the site without a model."
        )


def state(site: Site, found: Found | None) -> None:
    """:raises Stop: the stack is in a state in which it takes no update."""
    if found is None:
        return
    if found.status.endswith("_IN_PROGRESS"):
        raise Stop(f"The stack {site.stack} is {found.status}. {WAIT}")
    if found.status in STATES:
        raise Stop(f"The stack {site.stack} is {found.status}. {STATES[found.status]}")
    if not found.is_site:
        raise Stop(
            f"There is another stack of the name {site.stack} in {site.region}. Choose one: STACK=chat"
        )


def parts(clients: Mapping[str, Any], outputs: Mapping[str, str]) -> None:
    """:raises Stop: a part was deleted by hand, which CloudFormation neither notices nor mends."""
    again = "`make site-delete` takes the rest away; then run this again"
    keeps = f" with SITE='TableName={outputs.get('TableName', '…')}', which keeps the threads' table"
    for service, ask, given, name, lost in (
        (
            "cognito-idp",
            "describe_user_pool",
            {"UserPoolId": outputs["UserPoolId"]},
            "user pool",
            "all accounts",
        ),
        ("s3", "head_bucket", {"Bucket": outputs["PageBucket"]}, "bucket", "the page"),
        ("cloudfront", "get_distribution", {"Id": outputs["DistributionId"]}, "distribution", "the address"),
    ):
        try:
            getattr(clients[service], ask)(**given)
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
            (what,) = given.values()
            raise Stop(
                f"The {name} {what} was deleted by hand, and {lost} with it. {again}{keeps}."
            ) from None


GONE = {"ResourceNotFoundException", "404", "NoSuchBucket", "NoSuchDistribution"}
