"""Builds the model from the settings: its address and key, the system prompt, and what C1 alone takes."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from c1fn.compose.authentication import OFFLINE, OFFLINE_OPENUI, Renew, names
from c1fn.errors import SettingsError
from c1fn.models import Model, Unusable
from c1fn.settings import Settings
from c1fn.startup.authorities import AuthoritiesUnusable

OFFLINE_PACE = 0.02
"""Seconds between two deltas of the offline model: about as fast as a quick model writes."""


def model(settings: Settings, renew: Renew | None = None) -> Model:
    """:raises SettingsError: the system prompt, a proxy or a list of certificates cannot be used."""
    if settings.model in (OFFLINE, OFFLINE_OPENUI) or settings.api_key is None:
        from c1fn.models.offline import OfflineModel

        return OfflineModel(pace=OFFLINE_PACE, openui=settings.model == OFFLINE_OPENUI)
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


def title_model(settings: Settings, renew: Renew | None = None) -> Model | None:
    """What gives threads their titles; None: nothing does.

    :raises SettingsError: a proxy or a list of certificates cannot be used.
    """
    if settings.title_model is None or settings.model == OFFLINE or settings.api_key is None:
        return None
    from c1fn.chat import titles
    from c1fn.models.c1 import C1Model, Timeouts

    try:
        return C1Model(
            api_key=settings.api_key.get_secret_value(),
            base_url=settings.base_url,
            model=settings.title_model,
            system=titles.SYSTEM,
            max_tokens=titles.TOKENS,
            timeouts=Timeouts(read=titles.SECONDS, total=titles.SECONDS),
            max_retries=0,
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
        "c1_included_components": names(settings.included_components),
        "c1_excluded_components": names(settings.excluded_components),
    }
    given = {name: value for name, value in chosen.items() if value}
    return json.dumps(given, separators=(",", ":")) if given else None
