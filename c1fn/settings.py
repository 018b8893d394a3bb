"""The environment, read once, as one frozen value.

Every setting is named `C1FN_<FIELD>`, but for the model's key, which keeps the name its provider gave it.
An empty variable counts as unset. An unknown `C1FN_…` name is refused: it is a typing error that would
otherwise silently leave a default in force. `docs/settings.md` lists them all; a test compares.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    SecretStr,
    TypeAdapter,
    ValidationError,
)

from c1fn.errors import SettingsError

PREFIX = "C1FN_"
API_KEY = "THESYS_API_KEY"
FURTHER = f"{PREFIX}SETTINGS"
"""Further settings as one JSON object: what a template has no parameter of its own for."""

SECRETS = frozenset({API_KEY, f"{PREFIX}KEYS", f"{PREFIX}MCP_HEADERS"})
BASE_PATH = r"^(/[A-Za-z0-9._~-]+)+$"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
ORIGINS = r"^(\*|https?://[^\s/:,*]+(:\d{1,5})?(\s*,\s*https?://[^\s/:,*]+(:\d{1,5})?)*)$"
HOSTS = r"^(\*\.)?[A-Za-z0-9.-]+(:\d{1,5})?(\s*,\s*(\*\.)?[A-Za-z0-9.-]+(:\d{1,5})?)*$"
DOORS = r"^(function-url|rest-api|http-api)(\s*,\s*(function-url|rest-api|http-api))*$"


def _sendable(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if not (text.isascii() and text.isprintable() and text.strip()):
        raise ValueError("must be printable ASCII, without a line's end")
    return key


def _table_name(text: str) -> str:
    if text.startswith("arn:"):
        raise ValueError("must be the table's name, which is what follows table/ in its ARN")
    if not re.fullmatch(r"[A-Za-z0-9_.-]{3,255}", text):
        raise ValueError("must have 3 to 255 letters, digits, hyphens, dots or underscores")
    return text


def _checkpoints(value: Any) -> Any:
    """What 0.1.0 took is taken: true and false."""
    return {"true": "always", "false": "never"}.get(str(value).lower(), value)


def _address(text: str) -> str:
    """An address of HTTP. What is said of a wrong one repeats nothing of it: it may hold a key."""
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:  # a bracket without its pair, or a port that is none
        raise ValueError("the host or the port of this address is malformed") from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("must be an address that begins with https:// (or http://) and a host")
    if url.username is not None:
        raise ValueError("must not hold a user name or a password")
    if url.fragment or re.search(r"[\s\x00-\x1f]", text):
        raise ValueError("must not hold blanks or a part after #")
    return text


def _secure_address(text: str) -> str:
    url = urlsplit(_address(text))
    if url.scheme != "https" and url.hostname not in LOOPBACK:
        raise ValueError("must begin with https://, or with http:// and this machine's own name")
    return text


Address = Annotated[str, AfterValidator(_address)]
SecureAddress = Annotated[str, AfterValidator(_secure_address)]


class McpServer(BaseModel):
    """A server of the Model Context Protocol, and what may be used of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    url: Address
    tools: frozenset[str] | None = None
    approve: frozenset[str] | Literal["all"] = frozenset()
    tells_owner: bool = False


McpName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,18}[A-Za-z0-9])?$")]
"""A server's name begins the names of its tools: short, and without the underscore that ends it there."""


@dataclass(frozen=True)
class Settings:
    """How this process is set up. Sizes are in bytes and times in seconds, unless a field says otherwise.

    Pydantic checks what is given, and that alone: a model of pydantic's would prepare the checks of all
    settings at each start, which takes 0.8 % of it.
    """

    api_key: Annotated[SecretStr, AfterValidator(_sendable)] | None = None
    """The model's key. Without it: the offline model."""
    secret: str | None = None
    """ARN of the secret or SSM parameter that holds the keys."""
    auth: Literal["iam", "key", "jwt", "none"] | None = None
    """How callers authenticate."""
    doors: Annotated[str, Field(pattern=DOORS)] | None = None
    """AWS endpoints whose identities are trusted, comma-separated; for `iam`, `jwt`."""
    iam_owner: Literal["role", "session"] = "role"
    """Owner of an assumed role's threads, with `iam`: the `role`, or each `session`."""
    keys: SecretStr | None = None
    """Callers' keys by name, a JSON object; for `key`."""
    jwt_issuer: Annotated[SecureAddress, Field(max_length=200)] | None = None
    """The issuer of callers' tokens; for `jwt`."""
    jwt_audience: str | None = None
    """Accepted audiences, or Cognito's client ids, comma-separated; for `jwt`."""
    jwt_jwks: SecureAddress | None = None
    """Address of the issuer's keys, if it has no discovery document."""

    image_hosts: Annotated[str, Field(pattern=HOSTS)] | None = None
    """Hosts whose pictures the page may show, comma-separated."""
    allowed_origins: Annotated[str, Field(pattern=ORIGINS)] | None = None
    """Origins of other pages that may call, comma-separated; `*` is any."""

    base_url: Address = "https://api.thesys.dev/v1/embed/"
    """An OpenAI-compatible API."""
    model: Annotated[str, Field(min_length=1)] = "c1-nightly"
    """A model's name, or `offline`."""

    title_model: str | None = None
    """A cheap model that gives threads their titles, of the same API. Unset: the first words."""

    system_prompt: str | None = None
    """System prompt, sent before every conversation."""
    system_prompt_file: str | None = None
    """The system prompt, from a file."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """As OpenAI defines it."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Maximum output tokens of one model call."""
    custom_actions: Json[dict[str, Any]] | None = None
    """C1's custom actions, as JSON."""
    custom_components: Json[dict[str, Any]] | None = None
    """C1's custom components: each one's JSON Schema by its name, as JSON."""
    included_components: str | None = None
    """C1 components to add, comma-separated."""
    excluded_components: str | None = None
    """C1 components to leave out, comma-separated."""
    model_silence: Annotated[float, Field(gt=0)] = 60
    """Maximum time without bytes from the model."""

    store: Literal["memory", "dynamodb"] = "memory"
    """Where threads are kept."""
    table: Annotated[str, AfterValidator(_table_name)] = "c1fn"
    """The DynamoDB table's name."""
    dynamodb_endpoint: Address | None = None
    """Another DynamoDB endpoint: an emulator's URL."""
    retention_days: Annotated[int, Field(ge=0, le=36500)] = 0
    """Days a thread is kept; 0 is for ever."""
    checkpoints: Annotated[Literal["followed", "always", "never"], BeforeValidator(_checkpoints)] = "followed"
    """When a running answer is stored as it grows."""

    history_turns: Annotated[int, Field(ge=0, le=1000)] = 20
    """Maximum earlier turns that the model gets."""
    history_tokens: Annotated[int, Field(ge=0)] = 100_000
    """Maximum estimated tokens of these earlier turns."""
    max_body: Annotated[int, Field(ge=1024)] = 262_144
    """Maximum size of a request's body."""
    max_answer: Annotated[int, Field(ge=1024)] = 4_194_304
    """Maximum size of one answer."""
    max_seconds: Annotated[float, Field(gt=0)] = 600
    """Maximum time for one answer."""
    tools: str = "c1fn.toolbox:TOOLS"
    """Lists of the model's tools, comma-separated: module:list."""
    mcp: Json[dict[McpName, McpServer]] | None = None
    """MCP servers whose tools the model may call, by name, as JSON."""
    mcp_headers: SecretStr | None = None
    """Headers for these servers, such as their keys: a JSON object by the server's name."""
    busy: Literal["refuse", "wait"] = "refuse"
    """A prompt that comes while an answer is written: refused, or it waits."""
    max_rounds: Annotated[int, Field(ge=1, le=64)] = 8
    """Rounds of tool calls in one turn, at most."""

    owner_turns_at_once: Annotated[int, Field(ge=0, le=64)] = 8
    """Turns that one caller may run at once; 0 is any number."""
    owner_turns_a_day: Annotated[int, Field(ge=0)] = 500
    """Turns that one caller may begin on a day of UTC; 0 is any number."""
    owner_tokens_a_day: Annotated[int, Field(ge=0)] = 5_000_000
    """Tokens that one caller may use on a day of UTC; 0 is any number."""
    owner_writes_a_day: Annotated[int, Field(ge=0)] = 20_000
    """Kilobytes that one caller may write outside of turns on a day of UTC; 0 is any number."""

    share_days: Annotated[int, Field(ge=0, le=365)] = 30
    """Days that a shared link is valid; 0: nothing is shared."""
    plain_text: Literal["auto", "card", "raw"] = "auto"
    """Answers that are not in C1's form: sent as a `card`, `raw`, or `auto`: a card to pages."""
    client_tools: Annotated[int, Field(ge=0, le=128)] = 32
    """Tools of its own that an AG-UI client may bring with a run; 0: none."""
    tool_arguments: Literal["hidden", "sent"] = "hidden"
    """What tools are called with: AG-UI's clients are told (`sent`) or not."""
    runtime: Literal["own", "aws"] = "own"
    """Who runs the function: c1fn's loop, or AWS's, which cannot stream yet (next.md)."""
    rest_api: Literal["streaming", "buffered"] = "streaming"
    """Mode of answers through a REST API, as in its integration: `streaming` or `buffered`."""
    base_path: Annotated[str, Field(pattern=BASE_PATH)] | None = None
    """The prefix of every path that a custom domain or a load balancer leaves in it: `/chat`."""

    plain_start: bool = False
    """Switch cold start optimisations off, to see whether one causes a fault."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """:raises SettingsError: a setting is unknown or has a value it cannot have."""
        environ = _spread(environ)
        given = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in environ.items()
            if name.startswith(PREFIX) and value
        }
        if "api_key" in given:
            raise SettingsError(f"{PREFIX}API_KEY: unknown setting. The model's key is {API_KEY}.")
        if environ.get(API_KEY):
            given["api_key"] = environ[API_KEY]
        return cls(**_checked(given))


def _checked(given: Mapping[str, str]) -> dict[str, Any]:
    """What is given, by field, as values of the fields' types.

    :raises SettingsError: there is no such field, or it cannot have this value. All that is wrong is told.
    """
    kinds: dict[str, Any] = {field.name: field.type for field in fields(Settings)}
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, text in given.items():
        if name not in kinds:
            wrong.append(f"{variable(name)}: unknown setting (docs/settings.md lists them all).")
            continue
        try:
            values[name] = TypeAdapter(kinds[name]).validate_python(text)
        except ValidationError as error:
            wrong += [_told(name, *map(str, e["loc"]), message=e["msg"]) for e in error.errors()]
    if wrong:
        raise SettingsError("; ".join(wrong))
    return values


def variable(field: str) -> str:
    """The environment variable of a field."""
    return API_KEY if field == "api_key" else PREFIX + field.upper()


_VALUES = (str, int, float, dict)
"""Of further settings; an object is for a setting that is JSON itself."""


def _spread(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment with the further settings as variables of their own.

    :raises SettingsError: they are not an object of settings, set one twice, or hold a secret.
    """
    if not (text := environ.get(FURTHER)):
        return {name: value for name, value in environ.items() if name != FURTHER}
    try:
        further = json.loads(text)
    except ValueError:
        further = None
    if not isinstance(further, dict) or not all(isinstance(v, _VALUES) for v in further.values()):
        raise SettingsError(f'{FURTHER}: must be a JSON object of settings: {{"{PREFIX}MAX_TOKENS": 8000}}.')
    for name in further:
        if name in SECRETS or not name.startswith(PREFIX) or name == FURTHER:
            raise SettingsError(f"{FURTHER}: only {PREFIX}… settings belong in it, and no keys.")
        if environ.get(name):
            raise SettingsError(f"{name}: is set by itself and in {FURTHER}. Set it once.")
    others = {name: value for name, value in environ.items() if name != FURTHER}
    return others | {n: v if isinstance(v, str) else json.dumps(v) for n, v in further.items()}


def _told(field: str, *within: str, message: str) -> str:
    """:param within: the place in a setting that is JSON."""
    place = f"{'.'.join(within)}: " if within else ""
    return f"{variable(field)}: {place}{message.removeprefix('Value error, ')}."
