"""The wordings themselves are cases of the corpus; here is what is not one of them."""

import pytest

from c1fn.models.context_lengths import is_about_length


@pytest.mark.parametrize(
    "words",
    [
        "throttlingexception: too many tokens, please wait before trying again.",
        "rate limit reached for gpt-4o on tokens per min (tpm): limit 30000, used 29000, requested 2000.",
        "429 too many requests. context window usage is limited per minute.",
        "model runner crashed unexpectedly",
        "invalid value for 'temperature': it must be at most 2.",
        "the model `gpt-9` does not exist",
        "",
    ],
)
def test_a_rate_or_another_fault_is_not_a_length(words: str) -> None:
    assert not is_about_length(words)


def test_one_request_that_is_larger_than_a_rate_allows_is_about_length() -> None:
    """Waiting would not help, less history does."""
    words = "request too large for gpt-4o on tokens per min (tpm): limit 30000, requested 47340"
    assert is_about_length(f"{words} rate_limit_exceeded")
