"""python -m scripts.site up | delete | invite: see docs/site.md."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.config import Config

from scripts.site import Site, Stop, build, checks, page, step
from scripts.site.stack import LOOK, Found, Stack

SECRETS = {"ModelKey": "THESYS_API_KEY", "OidcClientSecret": "OIDC_CLIENT_SECRET"}
"""Parameters that come from the environment: every process of a machine can read another's command line."""

SERVICES = ("cloudformation", "cloudfront", "cognito-idp", "s3", "sts")

CALLS = Config(retries={"mode": "standard", "total_max_attempts": 5}, max_pool_connections=page.AT_ONCE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except Stop as stop:
        print(f"\nsite: {stop}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\nsite: ended by you. What AWS has begun goes on there; run this again to go on.",
            file=sys.stderr,
        )
        return 130
    return 0


def up(options: argparse.Namespace) -> None:
    """Make the site, or bring it up to date."""
    given = _given(options.parameters, os.environ)
    own_page = options.page not in ("c1", "openui")
    with step("Looking at the tools, the credentials and what is there"):
        site, clients = _site(options)
        stack = Stack(clients["cloudformation"], site.stack, options.look)
        found = stack.find()
        checks.state(site, found)
        if found:
            checks.parts(clients, found.outputs)
        else:
            checks.model(given)
        values = {**(found.parameters if found else {}), **given}
        runtime, architecture = values.get("Runtime", "python3.13"), values.get("Architecture", "arm64")
        checks.tools(["make", os.environ.get("FUNCTION_PYTHON", runtime), *([] if own_page else ["npm"])])
    with step("Building the page" if not own_page else "Looking at the page"):
        folder = build.page(options.page)
        page.files(folder, b"")
    with step("Building the function, and uploading it"):
        template = build.function(options.sam, runtime, architecture, site)
    with step(f"Bringing the stack {site.stack} up to date; the first time takes about ten minutes"):
        outputs = stack.deploy(template, given, _names())
    with step("Uploading the page"):
        wanted = page.files(folder, page.config(outputs))
        sent = page.upload(clients["s3"], outputs["PageBucket"], wanted)
        print(f"  {sent} of {len(wanted)} files are new")
        if sent:
            _forget(clients["cloudfront"], outputs["DistributionId"])
    print(_told(outputs, options.stack))


def delete(options: argparse.Namespace) -> None:
    """Take the site away, after it was said what goes and what stays."""
    with step("Looking at what is there"):
        site, clients = _site(options)
        stack = Stack(clients["cloudformation"], site.stack, options.look)
        found = stack.find()
    if found is None:
        print(f"There is no stack {site.stack} in {site.region}.")
        return
    if found.status.endswith("_IN_PROGRESS"):
        raise Stop(f"The stack {site.stack} is {found.status}. {checks.WAIT}")
    if not found.is_site:
        raise Stop(f"The stack {site.stack} in {site.region} is no site, and is left alone.")
    print(_what_goes(site, found))
    if _typed(f"Type {site.stack} to delete it: ") != site.stack:
        raise Stop("Nothing was deleted.")
    if bucket := found.outputs.get("PageBucket"):
        with step("Emptying the page's bucket"):
            print(f"  {page.empty(clients['s3'], bucket)} files")
    with step("Deleting the stack; CloudFront takes some minutes"):
        stack.delete()
    print(_what_stays(site, found))


def invite(options: argparse.Namespace) -> None:
    """Give a person an account; Cognito sends them a mail with a temporary password."""
    if "@" not in options.person:
        raise Stop("WHO is an e-mail address: make site-invite WHO=ann@example.com")
    with step(f"Inviting {options.person}"):
        site, clients = _site(options)
        found = Stack(clients["cloudformation"], site.stack).find()
        if found is None or "UserPoolId" not in found.outputs:
            raise Stop(f"There is no site {site.stack} in {site.region}: make site")
        pool, client = found.outputs["UserPoolId"], clients["cognito-idp"]
        attributes = [{"Name": "email", "Value": options.person}, {"Name": "email_verified", "Value": "true"}]
        asked = {"UserPoolId": pool, "Username": options.person, "UserAttributes": attributes}
        try:
            client.admin_create_user(**asked, DesiredDeliveryMediums=["EMAIL"])
        except client.exceptions.UsernameExistsException:
            raise Stop(f"{options.person} has an account already, in {pool}.") from None
    print(f"They sign in at {found.outputs['SiteUrl']}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts.site", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, run in (("up", up), ("delete", delete), ("invite", invite)):
        command = commands.add_parser(name, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("--stack", default="c1fn-site")
        command.add_argument("--region", help="by default that of the AWS configuration")
        command.add_argument(
            "--look", type=float, default=LOOK, help="seconds between two looks at the stack"
        )
    commands.choices["up"].add_argument(
        "--page", default="c1", help="c1, openui, or the folder of a built page"
    )
    commands.choices["up"].add_argument("--sam", type=Path, default=build.ROOT / ".cache/deploy/bin/sam")
    commands.choices["up"].add_argument("parameters", nargs="*", metavar="Name=Value")
    commands.choices["invite"].add_argument("person", help="an e-mail address")
    return parser


def _given(parameters: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The stack's parameters, from the command line and the environment.

    :raises Stop: one does not exist, or is a secret.
    """
    given = {name: environ[variable] for name, variable in SECRETS.items() if environ.get(variable)}
    for one in parameters:
        name, equals, value = one.partition("=")
        if not equals or name not in _names():
            raise Stop(
                f"{name!r} is no parameter of {build.TEMPLATE}: docs/site.md lists them. Write Name=Value."
            )
        if name in SECRETS:
            raise Stop(
                f"Give {name} as the variable {SECRETS[name]}: everybody on this machine sees a command line."
            )
        given[name] = value
    if given.get("SecretArn") or given.get("Model") == "offline":
        given["ModelKey"] = ""  # otherwise the one of before would be kept, or the environment's be taken
    elif "ModelKey" in given:
        given["SecretArn"] = ""
    return given


@cache
def _names() -> list[str]:
    class Loader(yaml.SafeLoader):
        """Of CloudFormation's own tags nothing is needed here."""

    Loader.add_multi_constructor("!", lambda *_: None)
    read = yaml.load((build.ROOT / build.TEMPLATE).read_text("utf-8"), Loader)  # noqa: S506 - a SafeLoader
    return list(read["Parameters"])


def _site(options: argparse.Namespace) -> tuple[Site, dict[str, Any]]:
    session = boto3.session.Session(region_name=options.region or os.environ.get("AWS_REGION"))
    region = checks.region(session.region_name)
    clients = {name: session.client(name, region_name=region, config=CALLS) for name in SERVICES}
    who = clients["sts"].get_caller_identity()
    print(f"  as {who['Arn']} in {region}")
    return Site(options.stack, region), clients


def _forget(client: Any, distribution: str) -> None:
    """CloudFront asks the bucket again; it would anyway, unless somebody gave the files other headers."""
    paths = ["/", f"/{page.INDEX}", f"/{page.CONFIG}"]
    now = datetime.now(UTC).isoformat()
    batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": now}
    client.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)


def _told(outputs: Mapping[str, str], stack: str) -> str:
    target, own = outputs["DomainTarget"], outputs["SiteUrl"]
    points = [f"Point its domain at {target} (CNAME or alias)."] if target not in own else []
    return "\n".join(
        [
            f"\nThe site is {own}",
            *points,
            f"Nobody has an account yet? make site-invite WHO=you@example.com STACK={stack}",
            "Update it by running this again; docs/site.md says how to go back.",
        ]
    )


def _what_goes(site: Site, found: Found) -> str:
    url = found.outputs.get("SiteUrl", "its address")
    return (
        f"\nThis deletes from {site.region}, for good:\n"
        f"  {url} with its distribution, the page's bucket and its files\n"
        "  the API, the sign-in's address and the page's client: everybody is signed out\n"
        "  the function and its versions, its log, its alarms and dashboards, the secret of the model's key\n"
        f"{_what_stays(site, found)}\n"
    )


def _typed(prompt: str) -> str:
    """What a person types; nothing where nobody can."""
    try:
        return input(prompt).strip()
    except EOFError:
        return ""


def _what_stays(site: Site, found: Found) -> str:
    if "TableName" not in found.outputs:
        return "Nothing stays: it was not made completely."
    table, pool = found.outputs["TableName"], found.outputs["UserPoolId"]
    return (
        "What stays, and costs what is stored:\n"
        f"  the table {table} with all threads\n"
        f"  the user pool {pool} with all accounts\n"
        f"A new site has both again by SITE='TableName={table} UserPoolId={pool}'. To delete them, too:\n"
        f"  aws dynamodb delete-table --region {site.region} --table-name {table}\n"
        f"  aws cognito-idp delete-user-pool --region {site.region} --user-pool-id {pool}"
    )


if __name__ == "__main__":
    sys.exit(main())
