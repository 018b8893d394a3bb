"""`c1fn lambda --app main:app`: the example, and what is said where there is no such app."""

from pathlib import Path

import httpx2
import pytest

from c1fn.local import any_app
from tests.processes import ROOT, serving, start

EXAMPLE = ROOT / "examples/any_app"


async def test_the_example_is_served_as_a_function_that_streams() -> None:
    async with (
        serving("lambda", "--app", "main:app", "--port", "0", folder=EXAMPLE) as command,
        httpx2.AsyncClient(timeout=30) as client,
    ):
        assert command.line.startswith("main:app\nfunction URL   http://127.0.0.1:")
        async with client.stream("GET", f"{command.url}/?to=3") as answer:
            pieces = [piece async for piece in answer.aiter_text()]
        assert "".join(pieces) == "0\n1\n2\n"
        assert len(pieces) > 1  # it waits 0.2 s between two
        for url in [url for door, url in (await command.doors()).items() if door != "Invoke API"]:
            assert (await client.get(f"{url}/?to=2")).text == "0\n1\n"
        status, printed = await command.end()
    assert (status, "Traceback" in printed) == (0, False)


async def test_an_app_finds_what_lies_beside_it_and_its_own_variables(tmp_path: Path) -> None:
    (tmp_path / "names.py").write_text("NAME = 'beside'")
    (tmp_path / "main.py").write_text(
        "import os, names\n"
        "async def app(scope, receive, send):\n"
        "    assert scope['type'] == 'http'\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    said = names.NAME + ' ' + os.environ['MINE']\n"
        "    await send({'type': 'http.response.body', 'body': said.encode()})\n"
    )
    async with (
        serving("lambda", "--app", "main:app", "--port", "0", folder=tmp_path, MINE="own") as command,
        httpx2.AsyncClient(timeout=30) as client,
    ):
        assert (await client.get(command.url)).text == "beside own"
        await command.end()


@pytest.mark.parametrize("name", ["main", "main:", ":app", "main.app", "a b:c", "../main:app"])
def test_what_names_no_app_is_refused(name: str) -> None:
    with pytest.raises(any_app.NoApp, match="as in main:app"):
        any_app.handler_of(name)


async def test_the_command_says_how_an_app_is_named(tmp_path: Path) -> None:
    process = await start("lambda", "--app", "main", folder=tmp_path, settings={})
    await process.communicate()
    assert process.returncode == 2


def test_the_example_is_ten_lines_and_its_template_names_the_app() -> None:
    lines = [line for line in (EXAMPLE / "main.py").read_text().splitlines() if line.strip()]
    assert len(lines) <= 12
    template = (EXAMPLE / "template.yaml").read_text()
    assert "Handler: main.app" in template
    assert "AWS_LAMBDA_EXEC_WRAPPER: /var/task/c1fn/runtime/bootstrap" in template
