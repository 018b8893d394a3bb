"""A real DynamoDB server for the tests of the store, a process of its own, and credentials for it."""

from collections.abc import Iterator

import pytest

from tests.stores.servers import SERVER

pytest.register_assert_rewrite("tests.stores.contract")


@pytest.fixture(scope="session")
def aws() -> Iterator[None]:
    """Credentials for emulators, so that nobody's real ones are ever used."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            patch.setenv(f"AWS_{name}", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        patch.delenv("AWS_PROFILE", raising=False)
        yield


@pytest.fixture(scope="session")
def dynamodb(aws: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:  # noqa: ARG001
    """A running server's URL."""
    with SERVER(tmp_path_factory.mktemp("dynamodb")) as server:
        yield server.url
