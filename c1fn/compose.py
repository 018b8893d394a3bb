"""Chooses: settings → the parts of one process. The only room that names adapters, and it imports them late,
because what is not imported costs no cold start.
"""

import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from pydantic import SecretStr

from c1fn.chat.converse import Chat
from c1fn.chat.rounds import Limits
from c1fn.chat.tools import Tools
from c1fn.identity import callers, iam
from c1fn.models import Model, Unusable
from c1fn.settings import API_KEY, Settings, SettingsError, variable
from c1fn.startup import is_plain, log_levels
from c1fn.startup.authorities import AuthoritiesUnusable
from c1fn.startup.deferred_models import deferred
from c1fn.startup.lazy_imports import lazy
from c1fn.stores import Quota, Store
from c1fn.telemetry import tracing
from c1fn.telemetry.log import Lines, Log
from c1fn.toolbox import TOOLS

if TYPE_CHECKING:
    from fastapi import FastAPI

    from c1fn.api.pages import Site

_log = logging.getLogger(__name__)

OFFLINE = "offline"
KEYS = variable("keys")
KEY_LENGTH = 16
"""Characters of a caller's key, at least: what cannot be guessed."""

OFFLINE_PACE = 0.02
"""Seconds between two deltas of the offline model: about as fast as a quick model writes."""

LAZY = ("anyio", "botocore.docs", "dateutil", "fastapi.security", "jmespath")
"""Packages of which a turn uses little or nothing."""

_ALOUD = Lines()


def settle(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """What depends on where the process runs. On AWS itself callers are asked who they are unless the
    settings say otherwise, and a missing key is never silently made up for by the offline model.

    :raises SettingsError: a deployed function has no key, or the settings do not fit together.
    """
    log_levels.keep_private()
    deployed = "AWS_LAMBDA_FUNCTION_NAME" in environ and environ.get("AWS_SAM_LOCAL") != "true"
    if settings.secret is not None:
        given = settings.api_key is not None  # then the secret is left alone, at the start and later
        settings = settings.model_copy(update={"secret": None}) if given else _with_secret(settings)
    if settings.auth is None:
        settings = settings.model_copy(update={"auth": "iam" if deployed else "none"})
    identify(settings)
    if settings.api_key is not None or settings.model == OFFLINE:
        return settings
    if deployed:
        raise SettingsError(
            f"{API_KEY} is not set. Set the model's key, or C1FN_MODEL=offline to do without."
        )
    return settings.model_copy(update={"model": OFFLINE})


def _with_secret(settings: Settings) -> Settings:
    with lazy(*LAZY):
        from c1fn.identity.secret import SecretError, read

    try:
        return _holding(settings, read(settings.secret or "", API_KEY))
    except (SecretError, AuthoritiesUnusable) as error:
        raise SettingsError(f"C1FN_SECRET: {error}") from None


def _holding(settings: Settings, held: Mapping[str, str]) -> Settings:
    """The settings with what the secret holds.

    :raises SettingsError: that is not what it should hold; the message quotes nothing of it.
    """
    if unknown := held.keys() - {API_KEY, KEYS}:
        raise SettingsError(f"C1FN_SECRET: it holds {len(unknown)} fields besides {API_KEY} and {KEYS}.")
    found = {
        field: SecretStr(held[name]) for field, name in (("api_key", API_KEY), ("keys", KEYS)) if name in held
    }
    return settings.model_copy(update=found)


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
            doors = _names(settings.doors) or iam.DOORS
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
    audiences = frozenset(_names(settings.jwt_audience))
    if not (settings.jwt_issuer and audiences):
        raise SettingsError(
            f"C1FN_AUTH=jwt needs {variable('jwt_issuer')} and {variable('jwt_audience')}: whose tokens are "
            "taken, and for whom they are."
        )
    from c1fn.identity.oidc import Issuer, Verifier

    verifier = Verifier(Issuer(settings.jwt_issuer, settings.jwt_jwks))
    trust = callers.Trust(settings.jwt_issuer, audiences)
    return callers.by_jwt(trust, verifier, _names(settings.doors))


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


def log(environ: Mapping[str, str]) -> Log:
    """The log's lines; metrics are in them where CloudWatch reads them."""
    local = environ.get("AWS_SAM_LOCAL") == "true"
    return Lines(None if local else environ.get("AWS_LAMBDA_FUNCTION_NAME"))


def web_app(
    settings: Settings, site: "Site | None" = None, log: Log = _ALOUD, *, awaited: bool = False
) -> "FastAPI":
    """The ASGI application. Its parts are made at startup, in the event loop that serves them.

    :param awaited: a turn follows at once.
    """
    awaited = awaited and not is_plain()
    renew = renewal(settings)
    with deferred(), lazy(*LAZY):
        from c1fn.api.app import build_app
        from c1fn.api.pages import Site

        return build_app(
            lambda: chat(settings, log, renew, awaited=awaited),
            max_body=settings.max_body,
            max_answer=settings.max_answer,
            identify=identify(settings, renew),
            origins=_names(settings.allowed_origins),
            site=site or Site(image_hosts(settings)),
            plain_text=settings.plain_text,
        )


def image_hosts(settings: Settings) -> Sequence[str]:
    """Whose pictures a page may show."""
    return _names(settings.image_hosts)


def chat(settings: Settings, log: Log, renew: Renew | None = None, *, awaited: bool = False) -> Chat:
    """The conversations of this process.

    :param awaited: a turn follows at once: its connections are opened meanwhile.
    """
    limits = Limits(
        history_turns=settings.history_turns,
        history_tokens=settings.history_tokens,
        max_answer=settings.max_answer,
        max_seconds=settings.max_seconds,
        max_rounds=settings.max_rounds,
    )
    threads = store(settings)
    if awaited:
        _connect(threads)  # in threads of its own, while the model's package is imported
    speaker = model(settings, renew)
    if awaited:
        _connect(speaker)
    return Chat(threads, speaker, Tools(TOOLS), limits, log, tracer=tracing.connect(os.environ))


def _connect(part: object) -> None:
    """Let it open its connections ahead, if it is of those that can."""
    if connect := getattr(part, "connect", None):
        connect()


def model(settings: Settings, renew: Renew | None = None) -> Model:
    """:raises SettingsError: the system prompt, a proxy or a list of certificates cannot be used."""
    if settings.model == OFFLINE or settings.api_key is None:
        from c1fn.models.offline import OfflineModel

        return OfflineModel(pace=OFFLINE_PACE)
    from c1fn.models.c1 import C1Model, Timeouts

    try:
        return C1Model(
            api_key=settings.api_key.get_secret_value(),
            base_url=settings.base_url,
            model=settings.model,
            system=_system_prompt(settings),
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            metadata_thesys=_thesys(settings),
            timeouts=Timeouts(read=settings.model_silence, total=settings.max_seconds),
            renew_key=_renewed_key(renew) if renew else None,
        )
    except (Unusable, AuthoritiesUnusable) as error:
        raise SettingsError(str(error)) from None


def _renewed_key(renew: Renew) -> Callable[[], Awaitable[str | None]]:
    async def key() -> str | None:
        found = (await renew()).api_key
        return found.get_secret_value() if found else None

    return key


def _system_prompt(settings: Settings) -> str | None:
    """:raises SettingsError: its file cannot be read."""
    if settings.system_prompt_file is None:
        return settings.system_prompt
    try:
        return Path(settings.system_prompt_file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"C1FN_SYSTEM_PROMPT_FILE: {type(error).__name__} while it was read.") from None


def _thesys(settings: Settings) -> str | None:
    """C1's own settings in the form its API takes them. https://docs.thesys.dev"""
    chosen = {
        "c1_custom_actions": settings.custom_actions,
        "c1_custom_components": settings.custom_components,
        "c1_included_components": _names(settings.included_components),
        "c1_excluded_components": _names(settings.excluded_components),
    }
    given = {name: value for name, value in chosen.items() if value}
    return json.dumps(given, separators=(",", ":")) if given else None


def _names(listed: str | None) -> list[str]:
    return [name.strip() for name in (listed or "").split(",") if name.strip()]


def store(settings: Settings) -> Store:
    """:raises SettingsError: the certificates that AWS_CA_BUNDLE names cannot be read."""
    quota = Quota(settings.owner_turns_at_once, settings.owner_turns_a_day, settings.owner_tokens_a_day)
    if settings.store == "memory":
        from c1fn.stores.memory import MemoryStore

        return MemoryStore(quota=quota)
    with lazy(*LAZY):
        from c1fn.stores.dynamodb import DynamoStore, connect

    try:
        client = connect(settings.dynamodb_endpoint)
    except AuthoritiesUnusable as error:
        raise SettingsError(str(error)) from None
    return DynamoStore(
        client,
        settings.table,
        quota=quota,
        retention_days=settings.retention_days,
        checkpoints=settings.checkpoints,
    )
