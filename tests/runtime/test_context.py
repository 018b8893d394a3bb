"""What an invocation tells about itself."""

from typing import Any

import pytest

from c1fn.runtime.context import Context
from c1fn.runtime.messages import Invocation


def context(**told: Any) -> Context:
    return Context.of(Invocation("id-1", b"{}", **told))


def test_it_has_the_attributes_of_lambdas_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "fn")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "7")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
    monkeypatch.setenv("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/fn")
    monkeypatch.setenv("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
    found = context(function_arn="arn", tenant_id="t", trace_id="Root=1")
    assert (found.aws_request_id, found.invoked_function_arn) == ("id-1", "arn")
    assert (found.function_name, found.function_version, found.memory_limit_in_mb) == ("fn", "7", "512")
    assert (found.log_group_name, found.log_stream_name) == ("/aws/lambda/fn", "stream")
    assert (found.tenant_id, found.trace_id) == ("t", "Root=1")
    assert found.client_context is None
    assert found.identity.cognito_identity_id is None


@pytest.mark.parametrize(("now", "left"), [(99.5, 500), (99.999, 1), (100.0, 0), (200.0, 0)])
def test_the_time_that_is_left_is_never_negative(now: float, left: int) -> None:
    found = context(deadline_ms=1_700_000_100_000)
    found.now = lambda: 1_700_000_000 + now
    assert found.get_remaining_time_in_millis() == left


@pytest.mark.parametrize(("told", "left"), [(600_000, 600_000), (1, 1), (0, 900_000)])
def test_a_deadline_that_is_no_date_is_a_time_from_now(told: int, left: int) -> None:
    """cargo-lambda tells 600,000: as a date, every answer would be out of time before it begins."""
    found = context(deadline_ms=told)
    assert left - 1000 < found.get_remaining_time_in_millis() <= left


def test_a_client_context_and_an_identity_become_attributes() -> None:
    found = context(
        client_context='{"custom":{"a":1},"env":{"b":2},"client":{"app_title":"t"}}',
        cognito_identity='{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}',
    )
    assert found.client_context
    assert (found.client_context.custom, found.client_context.env) == ({"a": 1}, {"b": 2})
    assert found.client_context.client.app_title == "t"
    assert found.client_context.client.installation_id is None
    assert (found.identity.cognito_identity_id, found.identity.cognito_identity_pool_id) == ("i", "p")


def test_a_client_context_need_not_tell_a_client() -> None:
    found = context(client_context="{}")
    assert found.client_context
    assert found.client_context.client is None


@pytest.mark.parametrize("text", ["{", "[]", "1"])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's own words for the first, ours for the others
        context(client_context=text)
    with pytest.raises(ValueError):  # noqa: PT011 - the same
        context(cognito_identity=text)
