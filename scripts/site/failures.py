"""What can go wrong, as a sentence that says how to go on.

https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import botocore.exceptions
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)


class Stop(Exception):
    """The command ends here. The text says why, and what to do."""


LOG_IN = (
    "AWS credentials are needed, of somebody who may make this stack: `aws configure`, `aws sso login`, or "
    "the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. AWS_PROFILE names a profile."
)
RENEW = f"AWS does not take these credentials: they have expired, or are wrong. {LOG_IN}"
CLOCK = (
    "This machine's clock is wrong: AWS refuses requests that are minutes off. Set it, and run this again."
)

BY_CODE = {
    **dict.fromkeys(
        [
            *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"),
            *("InvalidAccessKeyId", "AuthFailure", "InvalidToken", "TokenRefreshRequired"),
        ],
        RENEW,
    ),
    **dict.fromkeys(["RequestTimeTooSkewed", "RequestExpired"], CLOCK),
    "OptInRequired": "This region is switched off in your account, under AWS Regions. Or take another.",
}

A_CLOCK = re.compile(r"Signature (expired|not yet current)")

REASONS = (
    (re.compile(r"rule \w+ failed"), "Give other parameters, and run this again; docs/site.md lists them."),
    (
        re.compile(r"[Dd]omain.*(already|exists|associated)"),
        "Somebody has this sign-in prefix. Choose another: SITE='SignInPrefix=…', or leave it empty.",
    ),
    (
        re.compile(r"\bCNAMEs?\b|alternate domain"),
        "The domain belongs to another distribution. Take it out there first, or choose another DomainName.",
    ),
    (
        re.compile(r"certificate", re.IGNORECASE),
        "The certificate must be in us-east-1, be issued, and name DomainName.",
    ),
    (
        re.compile(r"must be verified before you can add new CloudFront", re.IGNORECASE),
        "AWS has not verified your account for CloudFront yet: ask its support, which takes a day.",
    ),
    (
        re.compile(r"[Ll]imit|[Qq]uota|TooMany"),
        "A quota of your account is used up: Service Quotas in AWS's console raises it.",
    ),
    (
        re.compile(r"[Uu]ser ?pool .*(not exist|not found)"),
        "There is no such user pool in this region: UserPoolId.",
    ),
    (
        re.compile(r"not authorized to perform|AccessDenied"),
        "Your credentials may not do this: the reason above names the right that is missing.",
    ),
)
"""What CloudFormation says of a resource, and what to do."""


def advice(reason: str) -> str:
    """How to go on after CloudFormation has failed for this reason."""
    for pattern, what_to_do in REASONS:
        if pattern.search(reason):
            return what_to_do
    return "Mend what the reason names, and run this again."


@contextmanager
def explained() -> Iterator[None]:
    """Turn what AWS's library raises into a sentence.

    :raises Stop: something was raised.
    """
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError):
        raise Stop(LOG_IN) from None
    except (TokenRetrievalError, SSOError, ProfileNotFound) as error:
        raise Stop(f"{error} {RENEW}") from None
    except NoRegionError:
        raise Stop(
            "No region is named. Take the one nearest to your people: make site REGION=eu-west-1"
        ) from None
    except (botocore.exceptions.ConnectionError, HTTPClientError) as error:
        raise Stop(
            f"AWS cannot be reached: {error} The network may be down, or there is no such region."
        ) from None
    except ClientError as error:
        raise Stop(_told(error)) from None
    except BotoCoreError as error:
        raise Stop(str(error)) from None


def _told(error: ClientError) -> str:
    code, said = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    if A_CLOCK.search(said):
        return CLOCK
    if code == "SignatureDoesNotMatch":
        return RENEW
    known = BY_CODE.get(code)
    return known or f"AWS refuses {error.operation_name}: {said} {advice(f'{code} {said}')}"
