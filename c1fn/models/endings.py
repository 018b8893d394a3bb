"""The finish reasons of a round, as the servers name them.

There is a list of successful reasons; every other reason is a failure, because an incomplete answer must
never be reported as complete, and servers add new reasons. Known failures have an error of their own; the
others are "cut". Reasons are compared without case; the text after a colon is a detail (``content_filter:
PROHIBITED_CONTENT``).

https://platform.openai.com/docs/api-reference/chat/streaming
https://docs.z.ai/api-reference/llm/chat-completion · https://api-docs.deepseek.com/api/create-chat-completion
https://ai.google.dev/api/generate-content#FinishReason
https://docs.claude.com/en/api/handling-stop-reasons
"""

from c1fn.errors import (
    AnswerCut,
    AnswerGarbled,
    AnswerTooLong,
    AnswerWithheld,
    ContextTooLong,
    Evidence,
    ModelError,
    ModelUnavailable,
)
from c1fn.models.failures import word

_NOT_YET = frozenset({"", "null", "none", "not_finished"})
"""Some servers write these words where the round goes on."""

_GOOD = frozenset(
    {
        *("stop", "tool_calls", "function_call"),  # OpenAI's
        *("end_turn", "stop_sequence", "tool_use"),  # Anthropic's
        *("eos", "eos_token", "end_of_text", "stop_token"),  # of inference servers
        *("complete", "completed", "tool_call"),
    }
)

_LONG = ("length", "max_tokens", "max_output_tokens", "max_completion_tokens", "model_length", "max_length")
_FULL = (
    "model_context_window_exceeded",
    "context_length_exceeded",
    "context_window_exceeded",
    "exceed_context",
)
_WITHHELD = (
    *("content_filter", "content_filtered", "refusal", "guardrail_intervened", "moderation", "sensitive"),
    *("safety", "recitation", "blocklist", "prohibited_content", "spii", "language", "image_safety"),
    *("image_prohibited_content", "error_toxic", "policy_violation", "risk_control"),
)
_UNREADABLE = (
    *("malformed_function_call", "unexpected_tool_call", "malformed_tool_use", "malformed_model_output"),
    *("function_call_filter", "missing_thought_signature", "too_many_tool_calls"),
)
_TROUBLE = (
    *("error", "insufficient_system_resource", "network_error", "abort", "aborted", "cancelled", "canceled"),
    *("timeout", "server_error", "internal_error", "load", "unload"),
)

_BAD: dict[str, type[ModelError]] = {
    **dict.fromkeys(_LONG, AnswerTooLong),
    **dict.fromkeys(_FULL, ContextTooLong),
    **dict.fromkeys(_WITHHELD, AnswerWithheld),
    **dict.fromkeys(_UNREADABLE, AnswerGarbled),
    **dict.fromkeys(_TROUBLE, ModelUnavailable),
}

_DETAILS: dict[type[ModelError], str] = {
    AnswerTooLong: "The model stopped in the middle, at the most tokens that it may write. Ask for less.",
    AnswerGarbled: "The model's own server could not read its tool call. Please try again.",
    ModelUnavailable: "The model failed in the middle of its answer. Please try again shortly.",
    AnswerCut: "The model stopped before its answer was complete. Please try again.",
}
"""What is said of an error that came as an ending, where its usual sentence would not be true."""


def reason_of(value: object) -> str | None:
    """The word for how a round ended, in whatever form a server puts it; None: it goes on.

    :raises AnswerGarbled: there is something in its place that says nothing.
    """
    if isinstance(value, dict):  # as SGLang's own interface has it
        value = value.get("type")
    if not value:
        return None
    if not isinstance(value, str):
        raise AnswerGarbled
    return None if value.strip().lower() in _NOT_YET else value


def is_bad(reason: str) -> bool:
    """It is known to mean that the answer is not whole, whatever is said after it."""
    return _plain(reason) in _BAD


def failure(reason: str) -> ModelError | None:
    """Why this is no good ending; None: it is one."""
    plain = _plain(reason)
    if plain in _GOOD:
        return None
    kind = _BAD.get(plain, AnswerCut)
    return kind(_DETAILS.get(kind), evidence=Evidence(code=word(plain)))


def _plain(reason: str) -> str:
    return reason.partition(":")[0].strip().lower().replace("-", "_")
