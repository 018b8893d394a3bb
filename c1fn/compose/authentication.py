"""Chooses the authentication and the keys: from the place where the process runs, a secret, and the
settings.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, assert_never

from pydantic import SecretStr

from c1fn.errors import SettingsError
from c1fn.identity import callers, iam
from c1fn.settings import API_KEY, Settings, variable
from c1fn.startup import log_levels
from c1fn.startup.authorities import AuthoritiesUnusable
from c1fn.startup.lazy_imports import lazy

_log = logging.getLogger(__name__)

OFFLINE, OFFLINE_OPENUI = "offline", "offline-openui"
KEYS = variable("keys")
MCP_HEADERS = variable("mcp_headers")
HELD = {"api_key": API_KEY, "keys": KEYS, "mcp_headers": MCP_HEADERS}
"""The settings that a secret can hold."""

KEY_LENGTH = 16
"""Characters of a caller's key, at least: what cannot be guessed."""

LAZY = ("anyio", "botocore.docs", "dateutil", "fastapi.security", "jmespath")
"""Packages of which a turn uses little or nothing."""


def settle(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """Complete the settings that depend on where the process runs. On AWS callers are authenticated unless
    the settings say otherwise, and a missing key is an error instead of a silent use of the offline model.

    :raises SettingsError: a deployed function has no key, or the settings do not fit together.
    """
    log_levels.keep_private()
    deployed = "AWS_LAMBDA_FUNCTION_NAME" in environ and environ.get("AWS_SAM_LOCAL") != "true"
    if settings.secret is not None:
        given = settings.api_key is not None  # then the secret is left alone, at the start and later
        settings = replace(settings, secret=None) if given else _with_secret(settings)
    if settings.auth is None:
        settings = replace(settings, auth="iam" if deployed else "none")
    identify(settings)
    if settings.api_key is not None or settings.model in (OFFLINE, OFFLINE_OPENUI):
        return settings
    if deployed:
        raise SettingsError(
            f"{API_KEY} is not set. Set the model's key, or C1FN_MODEL=offline to do without."
        )
    return replace(settings, model=OFFLINE)


def _with_secret(settings: Settings) -> Settings:
    with lazy(*LAZY):
        from c1fn.identity.secret import SecretError, read

        try:
            return _holding(settings, read(settings.secret or "", API_KEY))  # may import botocore
        except (SecretError, AuthoritiesUnusable) as error:
            raise SettingsError(f"C1FN_SECRET: {error}") from None


def _holding(settings: Settings, held: Mapping[str, str]) -> Settings:
    """The settings with what the secret holds.

    :raises SettingsError: that is not what it should hold; the message quotes nothing of it.
    """
    if unknown := held.keys() - set(HELD.values()):
        raise SettingsError(
            f"C1FN_SECRET: it holds {len(unknown)} fields besides {API_KEY}, {KEYS} and {MCP_HEADERS}."
        )
    found: dict[str, Any] = {field: SecretStr(held[name]) for field, name in HELD.items() if name in held}
    return replace(settings, **found)


Renew = Callable[[], Awaitable[Settings]]
"""The settings as the secret has them now."""


def renewal(settings: Settings) -> Renew | None:
    """How settings are renewed after a key was rejected; None where no secret holds the keys."""
    if settings.secret is None:
        return None
    from c1fn.identity.secret import Secret, read

    arn, newest = settings.secret, settings
    secret = Secret({}, lambda: read(arn, API_KEY))

    async def renew() -> Settings:
        nonlocal newest
        try:
            found = _holding(settings, await secret.again())
            identify(found)
        except SettingsError as error:
            _log.warning("%s", error)
        else:
            newest = found
        return newest

    return renew


def identify(settings: Settings, renew: Renew | None = None) -> callers.Identify:
    """How callers are known.

    :raises SettingsError: by keys, and there are none; by tokens, and nothing tells whose.
    """
    match settings.auth:
        case "iam":
            doors = names(settings.doors) or iam.DOORS
            return iam.by_iam(doors, sessions=settings.iam_owner == "session")
        case "key":
            return callers.by_key(_keys(settings), _renewed_keys(renew) if renew else None)
        case "jwt":
            return _by_tokens(settings)
        case "none" | None:
            return callers.anybody
        case _:
            assert_never(settings.auth)


def _renewed_keys(renew: Renew) -> Callable[[], Awaitable[Mapping[str, str]]]:
    async def keys() -> Mapping[str, str]:
        return _keys(await renew())

    return keys


def _by_tokens(settings: Settings) -> callers.Identify:
    audiences = frozenset(names(settings.jwt_audience))
    if not (settings.jwt_issuer and audiences):
        raise SettingsError(
            f"C1FN_AUTH=jwt needs {variable('jwt_issuer')} and {variable('jwt_audience')}: whose tokens are "
            "taken, and for whom they are."
        )
    from c1fn.identity.oidc import Issuer, Verifier

    verifier = Verifier(Issuer(settings.jwt_issuer, settings.jwt_jwks))
    trust = callers.Trust(settings.jwt_issuer, audiences)
    return callers.by_jwt(trust, verifier, names(settings.doors))


def _keys(settings: Settings) -> dict[str, str]:
    try:
        keys = json.loads(settings.keys.get_secret_value() if settings.keys else "{}")
    except ValueError:
        keys = None
    fits = isinstance(keys, dict) and all(isinstance(k, str) and len(k) >= KEY_LENGTH for k in keys.values())
    if not (keys and fits):
        raise SettingsError(
            f"{KEYS}: C1FN_AUTH=key needs a JSON object of keys by name, each of {KEY_LENGTH}+ characters."
        )
    return dict(keys)


def names(listed: str | None) -> list[str]:
    """What a setting lists, comma-separated."""
    return [name.strip() for name in (listed or "").split(",") if name.strip()]
