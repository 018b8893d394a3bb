"""Builds the parts of one process from the settings. Only this package names adapters. It imports them late,
because an unused import makes the cold start longer. `models` makes the model, `authentication` chooses who
may call and the keys.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from c1fn.chat.converse import Chat
from c1fn.chat.rounds import Limits
from c1fn.compose.authentication import LAZY, Renew, identify, names, renewal, settle
from c1fn.compose.models import model, title_model
from c1fn.compose.tools import tools
from c1fn.errors import SettingsError
from c1fn.settings import Settings
from c1fn.startup import is_plain
from c1fn.startup.authorities import AuthoritiesUnusable
from c1fn.startup.deferred_models import deferred
from c1fn.startup.lazy_imports import lazy
from c1fn.stores import Quota, Store
from c1fn.telemetry import tracing
from c1fn.telemetry.log import Lines, Log

if TYPE_CHECKING:
    from c1fn.api.app import Api
    from c1fn.api.pages import Site
    from c1fn.chat.servers import Servers
    from c1fn.chat.titles import Titles
    from c1fn.models import Model

__all__ = [
    "chat",
    "identify",
    "image_hosts",
    "log",
    "model",
    "persistent",
    "renewal",
    "settle",
    "store",
    "web_app",
]

_ALOUD = Lines()


def log(environ: Mapping[str, str]) -> Log:
    """The log's lines; metrics are in them where CloudWatch reads them."""
    local = environ.get("AWS_SAM_LOCAL") == "true"
    return Lines(None if local else environ.get("AWS_LAMBDA_FUNCTION_NAME"))


def web_app(
    settings: Settings,
    site: "Site | None" = None,
    log: Log = _ALOUD,
    *,
    awaited: Callable[[], bool] = lambda: False,
    threads: Store | None = None,
) -> "Api":
    """The ASGI application. Its parts are made at startup, in the event loop that serves them.

    :param awaited: whether a turn follows at once. With a snapshot there are two startups, and somebody waits
        for the second.
    :param threads: by default the store that the settings name.
    """

    def soon() -> bool:
        return awaited() and not is_plain()

    renew = renewal(settings)
    with deferred(), lazy(*LAZY):
        from c1fn.api.app import build_app
        from c1fn.api.pages import Site

        return build_app(
            lambda: chat(settings, log, renew, awaited=soon(), threads=threads),
            max_body=settings.max_body,
            max_answer=settings.max_answer,
            identify=identify(settings, renew),
            origins=names(settings.allowed_origins),
            site=site or Site(image_hosts(settings)),
            plain_text=settings.plain_text,
            tool_arguments=settings.tool_arguments == "sent",
            client_tools=settings.client_tools,
            share_days=settings.share_days,
            late=soon(),
        )


def image_hosts(settings: Settings) -> Sequence[str]:
    """Whose pictures a page may show."""
    return names(settings.image_hosts)


def chat(
    settings: Settings,
    log: Log,
    renew: Renew | None = None,
    *,
    awaited: bool = False,
    threads: Store | None = None,
) -> Chat:
    """The conversations of this process.

    :param awaited: a turn follows at once: its connections are opened meanwhile.
    :param threads: by default the store that the settings name.
    """
    limits = Limits(
        history_turns=settings.history_turns,
        history_tokens=settings.history_tokens,
        max_answer=settings.max_answer,
        max_seconds=settings.max_seconds,
        max_rounds=settings.max_rounds,
        waits=settings.busy == "wait",
    )
    threads = threads or store(settings)
    if awaited:
        _connect(threads)  # in threads of its own, while the model's package is imported
    speaker = model(settings, renew)
    if awaited:
        _connect(speaker)
    found = tools(settings.tools, _servers(settings, renew))
    if awaited:
        found.servers.connect()
    tracer = tracing.connect(os.environ, settings.base_url)
    titles = _titles(title_model(settings, renew), threads)
    return Chat(threads, speaker, found, limits, log, tracer=tracer, titles=titles)


def _servers(settings: Settings, renew: Renew | None) -> "Servers | None":
    if settings.mcp is None and settings.mcp_headers is None:
        return None
    from c1fn.compose import mcp

    return mcp.servers(settings, renew)


def _titles(model: "Model | None", store: Store) -> "Titles | None":
    if model is None:
        return None
    from c1fn.chat.titles import Titles

    return Titles(model, store.threads)


def _connect(part: object) -> None:
    """Let it open its connections ahead, if it is of those that can."""
    if connect := getattr(part, "connect", None):
        connect()


def store(settings: Settings) -> Store:
    """:raises SettingsError: the certificates that AWS_CA_BUNDLE names cannot be read."""
    quota = _quota(settings)
    if settings.store == "memory":
        from c1fn.stores.memory import MemoryStore

        return MemoryStore(quota=quota)
    with lazy(*LAZY):
        from c1fn.stores.dynamodb import DynamoStore, service

        try:
            through = service(settings.dynamodb_endpoint)  # may import botocore
        except AuthoritiesUnusable as error:
            raise SettingsError(str(error)) from None
    return DynamoStore(
        through,
        settings.table,
        quota=quota,
        retention_days=settings.retention_days,
        checkpoints=settings.checkpoints,
    )


def persistent(settings: Settings, path: Path) -> Store:
    """The memory store with a file beside it; turns that an earlier process ran are over.

    :raises StoreUnavailable: the file cannot be used.
    :raises SettingsError: this Python has no SQLite.
    """
    try:
        from c1fn.stores.sqlite import SqliteStore
    except ModuleNotFoundError:
        raise SettingsError("--persist needs SQLite, and this Python was built without it.") from None
    store = SqliteStore(path, quota=_quota(settings))
    store.end_turns()
    return store


def _quota(settings: Settings) -> Quota:
    return Quota(
        at_once=settings.owner_turns_at_once,
        turns=settings.owner_turns_a_day,
        tokens=settings.owner_tokens_a_day,
        writes=settings.owner_writes_a_day,
    )
