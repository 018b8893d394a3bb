"""The environment of a command on a developer's machine, including `.env` and `.env.local` in the working
directory.

A `.env` may be part of another person's repository, and the user may not have read it. So a file can set only
c1fn's own settings, and its values are literal (``${…}`` is not expanded). Unless the user allows it, a file
cannot make c1fn run code, send a key that is not in the same file to another machine, or send a file of this
machine to a model.

https://nvd.nist.gov/vuln/detail/CVE-2026-21852 is the same in another command.
"""

import codecs
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from c1fn.errors import SettingsError
from c1fn.local.arguments import TRUSTED
from c1fn.settings import API_KEY, PREFIX

FILES = (".env", ".env.local")
"""The later one wins, and the environment over both."""

ADDRESSES = (f"{PREFIX}BASE_URL", f"{PREFIX}DYNAMODB_ENDPOINT")
SECRET = f"{PREFIX}SECRET"
TOOLS = {
    f"{PREFIX}TOOLS": "names code to run. It was not run.",
    f"{PREFIX}MCP": "names servers that get what the model writes to them. Nothing was sent.",
}
PROMPT_FILE = f"{PREFIX}SYSTEM_PROMPT_FILE"

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How a file of PowerShell's `>` begins, or of an editor that calls this encoding Unicode."""

_HERE = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/.*)?")


def read(environ: Mapping[str, str], folder: Path, *, trusted: bool) -> dict[str, str]:
    """The environment over the files in this folder.

    :param trusted: the person has said that the files may do anything.
    :raises SettingsError: a file cannot be read, or would send something away that is not its own.
    """
    told, sources = dict(environ), dict.fromkeys(environ, "")
    for name in reversed(FILES):
        for variable, value in _settings(folder / name):
            if variable not in told:
                told[variable], sources[variable] = value, name
    if not trusted:
        for variable in ADDRESSES:
            _check_address(variable, told, sources)
        _check_prompt(told, sources, folder)
        _check_tools(told, sources)
    return told


def _settings(path: Path) -> Iterator[tuple[str, str]]:
    """Ours of this file.

    :raises SettingsError: a line is no setting. It is not repeated: there may be a key in it.
    """
    if not path.is_file():
        return
    from dotenv.parser import parse_stream

    for found in parse_stream(io.StringIO(_text(path))):
        told = found.original.string
        line = found.original.line + told[: len(told) - len(told.lstrip())].count("\n")
        if found.error:
            raise SettingsError(f"{path}, line {line}: this is no setting. Write {PREFIX}NAME=value.")
        ours = found.key and (found.key.startswith(PREFIX) or found.key == API_KEY)
        if ours and found.value is None:
            raise SettingsError(f"{path}, line {line}: {found.key} has no value. Write {found.key}=value.")
        if ours and found.key and found.value is not None:
            yield found.key, found.value


def _text(path: Path) -> str:
    """:raises SettingsError: it cannot be read, or is not UTF-8."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    if content.startswith(_UTF_16) or b"\0" in content:
        raise SettingsError(f"{path} is not UTF-8 but UTF-16, or no text. Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SettingsError(f"{path}, line {line}: this is not UTF-8. Save the file as UTF-8.") from None


def _check_address(variable: str, told: Mapping[str, str], sources: Mapping[str, str]) -> None:
    source = sources.get(variable)
    if not source or not told[variable] or _HERE.fullmatch(told[variable]) or sources.get(API_KEY) == source:
        return
    if variable == ADDRESSES[0] and not (told.get(API_KEY) or told.get(SECRET)):
        return  # there is no key, and the offline model answers
    raise SettingsError(
        f"{variable} is set in {source}, and the keys it would be used with are not. Nothing was sent. Set "
        f"it where the keys are, or start with {TRUSTED} if you know what that file says."
    )


def _check_prompt(told: Mapping[str, str], sources: Mapping[str, str], folder: Path) -> None:
    source = sources.get(PROMPT_FILE)
    if not source or not told[PROMPT_FILE]:
        return
    path, within = (folder / told[PROMPT_FILE]).resolve(), folder.resolve()
    inside = path.relative_to(within).parts if path.is_relative_to(within) else (".",)
    if not any(part.startswith(".") for part in inside):
        return
    raise SettingsError(
        f"{PROMPT_FILE} in {source} names a file outside of this folder, or a hidden one. It was not read. "
        f"Name it in the environment, or start with {TRUSTED} if you know what that file says."
    )


def _check_tools(told: Mapping[str, str], sources: Mapping[str, str]) -> None:
    for variable, what in TOOLS.items():
        if told.get(variable) and sources[variable]:
            raise SettingsError(
                f"{variable} in {sources[variable]} {what} Set it in the environment, or start with "
                f"{TRUSTED} if you know what that file says."
            )
