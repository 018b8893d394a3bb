"""Which way the calls to AWS take: c1fn's own client, or botocore.

c1fn's own is used where all of this holds, as in every deployed function; everything else is botocore's:

1. The keys stand in the environment, as Lambda gives them (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, and
   AWS_SESSION_TOKEN where there is one). Of the variables that begin with AWS_, only those are set that
   Lambda sets, and no folder ~/.aws is there: others may mean what botocore alone knows.
2. The region is one of AWS's commercial ones.
3. No proxy is named in the environment.
4. Over TLS, the certificate authorities are the package's own (`startup/authorities`); REQUESTS_CA_BUNDLE,
   which botocore reads, names no others.
5. C1FN_PLAIN_START is not set, and this is not Windows, whose event loop cannot watch a socket.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
"""

import os
import re
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import getproxies

from c1fn.net.aws import Limits, Service
from c1fn.startup import authorities, is_plain

WINDOWS = sys.platform == "win32"

REGION = re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d+")
"""Of the partition `aws`, whose domain is amazonaws.com. What another has is not known for certain."""

KEY = re.compile(r"[!-~]+")
"""A part of the credentials: what a header can hold."""

FROM_LAMBDA = re.compile(
    "AWS_(ACCESS_KEY(_ID)?|SECRET(_ACCESS)?_KEY|SESSION_TOKEN|(DEFAULT_)?REGION|EXECUTION_ENV|(LAMBDA|XRAY)_.*)"
)
"""The variables that Lambda sets, of those that botocore might read."""


def service(name: str, limits: Limits, *, region: str | None = None, endpoint: str | None = None) -> Service:
    """A service, spoken to in one way or the other.

    :param name: as boto3 names it: `dynamodb`.
    :param region: by default the one that the environment names.
    :param endpoint: another address, such as an emulator's.
    :raises WronglySetUp: AWS's settings are wrong.
    :raises AuthoritiesUnusable: AWS_CA_BUNDLE names certificates that cannot be read.
    """
    return _direct(name, limits, region, endpoint) or _through_botocore(name, limits, region, endpoint)


def _direct(name: str, limits: Limits, region: str | None, endpoint: str | None) -> Service | None:
    region = region or os.environ.get("AWS_DEFAULT_REGION", "")
    url = endpoint or f"https://{name}.{region}.amazonaws.com"
    if (
        is_plain()
        or WINDOWS
        or not is_plainly_set_up(os.environ)
        or not REGION.fullmatch(region)
        or not _is_host(url)
    ):
        return None
    secure = url.startswith("https:")
    context = authorities.packaged() if secure and "REQUESTS_CA_BUNDLE" not in os.environ else None
    if secure and context is None:
        return None
    from c1fn.net.aws.client import DIALECTS, Client
    from c1fn.net.aws.connections import Connections
    from c1fn.net.aws.signing import Signer

    keys = (os.environ.get(f"AWS_{part}") for part in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"))
    key_id, secret, token = keys
    signer = Signer(key_id or "", secret or "", token or None, region, name)
    host = urlsplit(url).netloc.removesuffix(":443" if secure else ":80")  # AWS signs it without
    return Client(DIALECTS[name], host, signer, Connections(url, limits, context))


def _through_botocore(name: str, limits: Limits, region: str | None, endpoint: str | None) -> Service:
    from c1fn.net.aws import boto

    return boto.Threads(boto.client(name, limits, region=region, endpoint=endpoint), limits.connections)


def is_plainly_set_up(environ: Mapping[str, str]) -> bool:
    """Whether the environment holds the keys, and nothing that botocore alone knows."""
    keys = environ.get("AWS_ACCESS_KEY_ID", ""), environ.get("AWS_SECRET_ACCESS_KEY", "")
    token = environ.get("AWS_SESSION_TOKEN") or "none"
    of_aws = (name for name in environ if name.startswith("AWS_"))
    return (
        all(KEY.fullmatch(part) for part in (*keys, token))
        and all(FROM_LAMBDA.fullmatch(name) for name in of_aws)
        and not any(scheme != "no" for scheme in getproxies())
        and not os.path.exists(os.path.expanduser("~/.aws"))  # noqa: PTH110, PTH111 - Path's may raise
    )


def _is_host(url: str) -> bool:
    """Whether the address is a host, perhaps with a port, and nothing more."""
    return re.fullmatch(r"https?://[a-z0-9.-]+(:\d{1,5})?", url) is not None
