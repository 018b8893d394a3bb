"""A table in moto, and the environment that names it, for the tests of an operator's commands."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from moto import mock_aws

from c1fn.__main__ import main
from c1fn.stores.dynamodb import DynamoStore, connect, service, table

_T = TypeVar("_T")

OWNER = "key:alice"

Ran = tuple[int, str, str]
"""A command's exit code, stdout, and stderr without the progress that a busy machine tells."""


@contextmanager
def deployed(patch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """An empty table ``c1fn``, which the settings name; moto is one call at a time here."""
    patch.chdir(folder)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patch.setenv(name, "testing")
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # botocore's, and so is moto
    for name, value in {"C1FN_STORE": "dynamodb", "AWS_DEFAULT_REGION": "eu-central-1"}.items():
        patch.setenv(name, value)
    with mock_aws():
        create("c1fn")
        yield


def create(name: str) -> None:
    client = connect(None)
    table.create(client, name)
    client.close()


def on_the_store(
    do: Callable[[DynamoStore], Coroutine[Any, Any, _T]], name: str = "c1fn", **options: Any
) -> _T:
    """Do this with a store on the table."""

    async def done() -> _T:
        store = DynamoStore(service(None), name, **options)
        try:
            return await do(store)
        finally:
            await store.aclose()

    return asyncio.run(done())


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ran:
    status = main(arguments)
    captured = capsys.readouterr()
    heard = [line for line in captured.err.splitlines(keepends=True) if not line.startswith("…")]
    return status, captured.out, "".join(heard)
