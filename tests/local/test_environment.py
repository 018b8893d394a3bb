"""A `.env` of a repository that somebody else wrote, in a folder where a person starts a command."""

from pathlib import Path

import pytest

from c1fn.errors import SettingsError
from c1fn.local import environment

ELSEWHERE = "https://model.evil.example/v1"
KEY = {"THESYS_API_KEY": "sk-of-the-person"}
EVERYTHING = "AWS_SECRET_ACCESS_KEY"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, name: str = ".env", **values: str) -> None:
    (folder / name).write_text("".join(f"{key}={value}\n" for key, value in values.items()), "utf-8")


def read(folder: Path, environ: dict[str, str], *, trusted: bool = False) -> dict[str, str]:
    return environment.read(environ, folder, trusted=trusted)


def test_the_environment_wins_and_then_the_more_local_file(folder: Path) -> None:
    write(folder, C1FN_MODEL="one", C1FN_TABLE="one", C1FN_MAX_BODY="2048")
    write(folder, ".env.local", C1FN_MODEL="two", C1FN_TABLE="two")
    told = read(folder, {"C1FN_MODEL": "three", "PATH": "/bin"})
    names = ("C1FN_MODEL", "C1FN_TABLE", "C1FN_MAX_BODY", "PATH")
    assert [told[name] for name in names] == ["three", "two", "2048", "/bin"]


def test_no_file_is_no_fault(folder: Path) -> None:
    assert read(folder, {"A": "b"}) == {"A": "b"}


@pytest.mark.parametrize("name", [".env", ".env.local"])
@pytest.mark.parametrize("address", [ELSEWHERE, "http://10.0.0.7:8080/v1", "https://127.0.0.1.evil.example/"])
def test_a_key_of_the_environment_is_not_sent_to_an_address_of_a_file(
    folder: Path, name: str, address: str
) -> None:
    write(folder, name, C1FN_BASE_URL=address)
    with pytest.raises(SettingsError, match=rf"C1FN_BASE_URL is set in {name}, .*--trust-dotenv"):
        read(folder, KEY)
    assert read(folder, KEY, trusted=True)["C1FN_BASE_URL"] == address


def test_nor_is_the_key_of_one_file_sent_to_an_address_of_the_other(folder: Path) -> None:
    """The committed one names the address, the person's own the key."""
    write(folder, ".env", C1FN_BASE_URL=ELSEWHERE)
    write(folder, ".env.local", **KEY)
    with pytest.raises(SettingsError, match="C1FN_BASE_URL"):
        read(folder, {})


def test_nor_is_a_key_from_a_secret(folder: Path) -> None:
    write(folder, C1FN_BASE_URL=ELSEWHERE, C1FN_SECRET="arn:aws:secretsmanager:eu-west-1:1:secret:s")
    with pytest.raises(SettingsError, match="C1FN_BASE_URL"):
        read(folder, {})


def test_an_address_comes_with_its_own_key(folder: Path) -> None:
    write(folder, ".env.local", C1FN_BASE_URL=ELSEWHERE, THESYS_API_KEY="sk-of-the-file")
    assert read(folder, {})["C1FN_BASE_URL"] == ELSEWHERE
    with pytest.raises(SettingsError, match="C1FN_BASE_URL"):
        read(folder, KEY)  # the environment's key wins, and would be the one that is sent


def test_where_there_is_no_key_none_is_sent(folder: Path) -> None:
    write(folder, C1FN_BASE_URL=ELSEWHERE)
    assert read(folder, {})["C1FN_BASE_URL"] == ELSEWHERE


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8080/v1", "http://localhost:11434/v1/", "http://[::1]:1/v1"]
)
def test_a_model_of_this_machine_may_be_named_by_a_file(folder: Path, address: str) -> None:
    write(folder, C1FN_BASE_URL=address, C1FN_DYNAMODB_ENDPOINT=address)
    assert read(folder, KEY)["C1FN_BASE_URL"] == address


def test_prompts_and_aws_credentials_are_not_sent_to_a_table_that_a_file_names(folder: Path) -> None:
    write(folder, C1FN_DYNAMODB_ENDPOINT="https://dynamodb.evil.example")
    with pytest.raises(SettingsError, match="C1FN_DYNAMODB_ENDPOINT"):
        read(folder, {})


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside.txt", ".env.local", ".git/config", "link.txt"])
def test_no_file_of_the_machine_becomes_a_prompt(folder: Path, name: str) -> None:
    (folder.parent / "outside.txt").write_text("private")
    (folder / "link.txt").symlink_to(folder.parent / "outside.txt")
    write(folder, C1FN_SYSTEM_PROMPT_FILE=name, C1FN_BASE_URL=ELSEWHERE, THESYS_API_KEY="sk-of-the-file")
    with pytest.raises(SettingsError, match=r"C1FN_SYSTEM_PROMPT_FILE in \.env"):
        read(folder, {})
    assert read(folder, {}, trusted=True)["C1FN_SYSTEM_PROMPT_FILE"] == name
    assert read(folder, {"C1FN_SYSTEM_PROMPT_FILE": name})  # the person's own choice


def test_a_prompt_that_lies_beside_the_file_is_read(folder: Path) -> None:
    write(folder, C1FN_SYSTEM_PROMPT_FILE="prompts/system.md")
    assert read(folder, KEY)["C1FN_SYSTEM_PROMPT_FILE"] == "prompts/system.md"


def test_a_file_cannot_quote_the_environment(folder: Path) -> None:
    """With a key of its own and an address of its own it could carry out any variable."""
    write(folder, THESYS_API_KEY=f"${{{EVERYTHING}}}", C1FN_BASE_URL=ELSEWHERE)
    assert read(folder, {EVERYTHING: "planted"})["THESYS_API_KEY"] == f"${{{EVERYTHING}}}"


def test_a_file_sets_c1fns_own_settings_alone(folder: Path) -> None:
    """AWS's would send the person's credentials somewhere else, and HOME and PATH choose programs."""
    write(folder, AWS_ENDPOINT_URL=ELSEWHERE, AWS_PROFILE="admin", HOME="/tmp", PATH="/tmp", C1FN_MODEL="m")  # noqa: S108 - a value
    assert read(folder, {}) == {"C1FN_MODEL": "m"}


def test_a_file_does_not_choose_code_to_run(folder: Path) -> None:
    write(folder, C1FN_TOOLS="evil:TOOLS")
    with pytest.raises(SettingsError, match=r"C1FN_TOOLS in \.env names code to run\. .*--trust-dotenv"):
        read(folder, {})
    assert read(folder, {}, trusted=True)["C1FN_TOOLS"] == "evil:TOOLS"
    assert read(folder, {"C1FN_TOOLS": "mine:TOOLS"})["C1FN_TOOLS"] == "mine:TOOLS"


def test_a_file_cannot_name_a_server_that_gets_what_the_model_writes(folder: Path) -> None:
    write(folder, C1FN_MCP='{"evil": {"url": "https://evil.test/mcp"}}')
    with pytest.raises(SettingsError, match=r"C1FN_MCP in \.env names servers .* Nothing was sent\."):
        read(folder, {})


# ---- a file that cannot be read

NOT_UTF_8 = " is not UTF-8 but UTF-16, or no text. Save it as UTF-8."

BROKEN = {
    "no equals sign": (b"C1FN_MODEL one\n", "line 1: this is no setting. Write C1FN_NAME=value."),
    "YAML": (b"A=1\n\n# a comment\n\nC1FN_MODEL: one\n", "line 5: this is no setting."),
    "an open quote": (b'A=1\r\nTHESYS_API_KEY="sk-planted\r\nB=2\r\n', "line 2: this is no setting."),
    "more after a quote": (b'\n\nC1FN_MODEL="one" two\n', "line 3: this is no setting."),
    "JSON": (b'{"C1FN_MODEL": "one"}', "line 1: this is no setting."),
    "a name alone": (b"A=1\nC1FN_MODEL\n", "line 2: C1FN_MODEL has no value. Write C1FN_MODEL=value."),
    "Latin-1": ("A=1\nC1FN_SYSTEM_PROMPT=Zürich\n".encode("latin-1"), "line 2: this is not UTF-8. Save the"),
    "UTF-16": (
        "C1FN_MODEL=one\n".encode("utf-16"),
        " is not UTF-8 but UTF-16, or no text. Save it as UTF-8.",
    ),
    "UTF-16 without a mark": (
        "C1FN_MODEL=one\n".encode("utf-16-le"),
        " is not UTF-8 but UTF-16, or no text.",
    ),
    "binary": (bytes(range(256)), NOT_UTF_8),
}


@pytest.mark.parametrize("name", [".env", ".env.local"])
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_told_with_its_line_and_without_its_text(folder: Path, name: str, kind: str) -> None:
    """A setting that is silently left out is a wrong answer an hour later."""
    content, told = BROKEN[kind]
    (folder / name).write_bytes(content)
    with pytest.raises(SettingsError) as error:
        read(folder, {})
    assert str(error.value).startswith(str(folder / name))
    assert told in str(error.value)
    assert "planted" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfC1FN_MODEL=one\n",
        b"export C1FN_MODEL='one' # two\r\n",
        b'# C1FN_MODEL\n\n  C1FN_MODEL = "one"',
        b"A\nC1FN_MODEL=one\rB=1",
        'B="zwei\nZeilen"\nC1FN_MODEL=one\nC="ü"\n'.encode(),
    ],
)
def test_what_is_well_written_is_read(folder: Path, content: bytes) -> None:
    """A mark before the text, both ends of lines, names of other programs, values of several lines."""
    (folder / ".env").write_bytes(content)
    assert read(folder, {}) == {"C1FN_MODEL": "one"}


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="Linux has a file that nobody can read")
def test_a_file_that_may_not_be_read_is_told(folder: Path) -> None:
    (folder / ".env").symlink_to("/proc/self/mem")
    with pytest.raises(SettingsError, match=r"\.env cannot be read: "):
        read(folder, {})
