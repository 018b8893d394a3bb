"""All errors of c1fn.

    C1fnError
    ├── BadRequest ─ NotJson · BadField · RoleNotAllowed · UnsupportedPart · TooLarge     4xx: client's fault
    ├── Unauthorized ─ TokenRejected · ForeignPage · NotFound
    ├── IssuerUnavailable                                                    tokens cannot be verified
    ├── Refused ─ Busy · Mismatch · ThreadExists · NotWaiting · WaitedTooLong    the thread's state forbids it
    ├── OverQuota ─ TooManyAtOnce · TurnsUsedUp · TokensUsedUp · WritesUsedUp    the owner reached a limit
    │             · TooManyShares · ShareUsedUp
    ├── StoreError ─ StoreUnavailable · LeaseLost · DamagedRow
    ├── ModelError ─ ModelBusy · ModelUnavailable · ModelTimeout · ModelKeyRejected · ModelQuotaUsedUp
    │                · ModelRejected · ContextTooLong · AnswerCut · AnswerGarbled · AnswerTooLong
    │                · AnswerWithheld · AnswerEmpty · TooManyRounds
    ├── OutOfTime                                                                the platform's deadline
    ├── Interrupted                                                              shut down, or killed
    └── Internal                                                                 a bug, reported to Lambda

Each has a stable machine-readable ``code``, the HTTP ``status`` before streaming has begun, a ``title`` for
users, and ``retry_after`` in seconds if a retry can help. ``detail`` says what is wrong, where, and what to
do; it never contains a prompt, a key or another server's text. The package that uses a library translates the
library's errors into these. ``SettingsError`` stands apart: it ends a start, and no client ever sees it.
"""

from dataclasses import dataclass
from typing import ClassVar


class SettingsError(Exception):
    """A setting is wrong; the message names it and says what it takes, without its value."""


class C1fnError(Exception):
    """Base of all errors of c1fn. ``str(error)`` is the detail."""

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    detail: ClassVar[str] = ""
    retry_after: float | None = None

    def __init__(self, detail: str | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(detail or self.detail)
        if retry_after is not None:
            self.retry_after = retry_after


class BadRequest(C1fnError):
    """The request is malformed; ``field`` is the place in the request, as a path."""

    code = "bad_request"
    status = 400
    title = "The request is malformed"

    def __init__(self, detail: str | None = None, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.field = field


class NotJson(BadRequest):
    code = "not_json"
    detail = "The body must be a JSON object."


class BadField(BadRequest):
    code = "bad_field"
    status = 422
    title = "A field is missing or wrong"


class RoleNotAllowed(BadRequest):
    code = "role_not_allowed"
    status = 422
    title = "Only user messages are accepted"
    detail = 'prompt.role must be "user".'


class UnsupportedPart(BadRequest):
    code = "unsupported_part"
    status = 422
    title = "This kind of content is not supported"


class TooLarge(BadRequest):
    code = "too_large"
    status = 413
    title = "The request is too large"


class Unauthorized(C1fnError):
    code = "unauthorized"
    status = 401
    title = "Not signed in"
    detail = "This service does not know who sent the request. Sign in, or send a key, and try again."
    challenge: str | None = None
    """How to say who one is, as the header `WWW-Authenticate` tells it."""

    def __init__(self, detail: str | None = None, *, challenge: str | None = None) -> None:
        super().__init__(detail)
        self.challenge = challenge or self.challenge


class TokenRejected(Unauthorized):
    """The detail says why in words that quote nothing of the token, so it may stand in a header.

    https://www.rfc-editor.org/rfc/rfc6750#section-3.1
    """

    code = "invalid_token"
    title = "The token was not accepted"
    detail = "The token is malformed."

    def __init__(self, detail: str | None = None) -> None:
        why = detail or self.detail
        super().__init__(why, challenge=f'Bearer error="invalid_token", error_description="{why}"')


class IssuerUnavailable(C1fnError):
    """The keys that tokens are verified with cannot be had: not the caller's fault."""

    code = "issuer_unavailable"
    status = 503
    title = "Nobody can be recognised at the moment"
    detail = "The service that issued the token does not answer, so it cannot be verified. Please try again."


class ForeignPage(C1fnError):
    code = "foreign_page"
    status = 403
    title = "This page may not call here"
    detail = "Another site's page asked for a change. Allow its origin by C1FN_ALLOWED_ORIGINS."


class NotFound(C1fnError):
    code = "not_found"
    status = 404
    title = "Not found"
    detail = "There is no such conversation or answer."


class Refused(C1fnError):
    """The thread's state does not allow the request."""


class Busy(Refused):
    """Another turn runs on this thread."""

    code = "thread_busy"
    status = 409
    title = "Another answer is being written"
    detail = "Another answer is still being written in this conversation. Wait for it, then send again."
    retry_after = 2


class Mismatch(Refused):
    """The responseId is known, with another prompt."""

    code = "response_id_mismatch"
    status = 409
    title = "This responseId was used for another prompt"
    detail = "Send a new responseId with a new prompt."


class ThreadExists(Refused):
    """A fork was to be made under the id of another thread."""

    code = "thread_exists"
    status = 409
    title = "There is another conversation of this id"
    detail = "The threadId belongs to another conversation. Send a new one, or none."


class NotWaiting(Refused):
    """A prompt resumes a turn that has no pending calls, or no such calls."""

    code = "not_waiting"
    status = 409
    title = "Nothing waits for this answer"
    detail = "The question was answered already, or another prompt was sent after it, or there is none."


class WaitedTooLong(Refused):
    code = "waited_too_long"
    status = 409
    title = "The time to answer this question is over"
    detail = "The question is older than a day, so nothing was done. Ask again."


class OverQuota(C1fnError):
    """The owner has reached a limit. The same request may be sent again later."""

    status = 429


class TooManyAtOnce(OverQuota):
    code = "too_many_turns_at_once"
    title = "Too many answers are being written"
    detail = "Too many of your answers are being written. Wait until one is finished, then send again."
    retry_after = 5  # about a third of a usual answer's time


class TurnsUsedUp(OverQuota):
    """``retry_after`` is the time until the next day begins, in UTC."""

    code = "turns_used_up"
    title = "Your prompts for today are used up"
    detail = "You have sent as many prompts as you may in one day. The next day begins at midnight UTC."


class TokensUsedUp(OverQuota):
    """``retry_after`` is the time until the next day begins, in UTC."""

    code = "tokens_used_up"
    title = "Your tokens for today are used up"
    detail = "Your conversations took as much as they may in one day. The next day begins at midnight UTC."


class WritesUsedUp(OverQuota):
    """``retry_after`` is the time until the next day begins, in UTC."""

    code = "writes_used_up"
    title = "Your changes for today are used up"
    detail = "You have changed as much as you may in one day. The next day begins at midnight UTC."


class TooManyShares(OverQuota):
    code = "too_many_shares"
    title = "You have too many shared links"
    detail = "You have as many shared links as you may. Revoke one, or wait until one expires."


class ShareUsedUp(OverQuota):
    """``retry_after`` is the time until the next day begins, in UTC."""

    code = "share_used_up"
    title = "This link was opened too often today"
    detail = "This link was opened as often as it may be in one day. The next day begins at midnight UTC."


class StoreError(C1fnError):
    code = "store_error"
    status = 503
    title = "The conversation could not be saved"


class StoreUnavailable(StoreError):
    code = "store_unavailable"
    title = "Conversations are not available at the moment"
    retry_after = 5


class LeaseLost(StoreError):
    """Another process has taken over this turn, or the thread was deleted: nothing was written."""

    code = "lease_lost"
    status = 409
    title = "This answer was taken over or its conversation was deleted"
    detail = "The answer could not be kept here. Load the conversation again, if it still exists."


class DamagedRow(StoreError):
    """A stored turn cannot be read: damaged, or written by a newer version."""

    code = "damaged_turn"
    status = 500
    title = "A part of this conversation could not be read"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a model's server said when it refused or failed, for the operator's log: words of its protocol,
    and nothing of its text, which may repeat a prompt or a key.
    """

    status: int | None = None
    code: str | None = None
    type: str | None = None
    field: str | None = None


class ModelError(C1fnError):
    code = "model_error"
    status = 502
    title = "The model could not answer"

    def __init__(
        self,
        detail: str | None = None,
        *,
        retry_after: float | None = None,
        evidence: Evidence = Evidence(),
    ) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.evidence = evidence


class ModelBusy(ModelError):
    """The model's provider limits the rate (its 429)."""

    code = "model_rate_limited"
    status = 429
    title = "The model is busy"
    detail = "Too many requests reach the model at the moment. Please try again shortly."
    retry_after = 10


class ModelUnavailable(ModelError):
    code = "model_unavailable"
    status = 503
    title = "The model is not available"
    detail = "The model cannot be reached or reports an error of its own. Please try again shortly."
    retry_after = 5


class ModelTimeout(ModelError):
    code = "model_timeout"
    status = 504
    title = "The model took too long"
    detail = "The model stayed silent for too long. Please try again."
    retry_after = 5


class ModelKeyRejected(ModelError):
    """401 or 403: the operator's key, not the person's fault."""

    code = "model_key_rejected"
    title = "The model rejected this service's key"
    detail = "The service is not set up correctly: its model key was rejected. Its operator must replace it."


class ModelQuotaUsedUp(ModelError):
    """The account's quota or credit is used up: the operator's to raise, and no retry helps."""

    code = "model_quota_used_up"
    status = 503
    title = "This service's account with the model is used up"
    detail = (
        "The model's provider says that this service's quota or credit is used up. Its operator must act."
    )


class ModelRejected(ModelError):
    code = "model_rejected"
    title = "The model did not accept the request"
    detail = "The model did not accept the request. The operator's log has its status."


class ContextTooLong(ModelError):
    code = "context_too_long"
    status = 413
    title = "The conversation is too long for the model"
    detail = "The prompt and what came before it are too long for the model. Start a new conversation."


class AnswerCut(ModelError):
    """The stream ended without a finish_reason, or the connection broke midway."""

    code = "answer_cut"
    title = "The answer was cut off"
    detail = "The connection to the model broke before the answer was complete. Please try again."


class AnswerGarbled(ModelError):
    code = "answer_garbled"
    title = "The model's answer could not be understood"
    detail = "The model sent something that is not an answer. Please try again."


class AnswerTooLong(ModelError):
    code = "answer_too_long"
    title = "The answer is too long"
    detail = "The answer grew beyond what can be kept. Ask for a shorter one."


class AnswerWithheld(ModelError):
    code = "answer_withheld"
    title = "The model withheld its answer"
    detail = "The model's provider withheld the answer. Ask in another way."


class AnswerEmpty(ModelError):
    code = "answer_empty"
    title = "The model gave no answer"
    detail = "The model finished without saying anything. Please try again."


class TooManyRounds(ModelError):
    code = "too_many_tool_rounds"
    title = "The model did not come to an answer"
    detail = "The model called tools again and again without answering. Ask in another way."


class OutOfTime(C1fnError):
    """The platform's deadline came first."""

    code = "out_of_time"
    status = 504
    title = "The answer took too long"
    detail = "The time for one answer is over. What was said so far is kept."


class Interrupted(C1fnError):
    code = "interrupted"
    status = 503
    title = "The answer was interrupted"
    detail = "The service stopped while it was answering. Please send again."
    retry_after = 2


class Internal(C1fnError):
    """A bug: the person is told so much, and the platform's error report gets the exception itself."""

    code = "internal"
    status = 500
    title = "Something went wrong"
    detail = "The service failed in a way it does not know. Its operator's log has the details."


def by_code(code: str | None, detail: str | None = None) -> C1fnError:
    """The error that a stored turn carries.

    :param detail: its sentence; None: the code's own.
    """
    return _CODES.get(code or "", Interrupted)(detail)


def kinds() -> list[type[C1fnError]]:
    """Every kind that has a code of its own."""
    return list(_CODES.values())


def _tree(root: type[C1fnError]) -> list[type[C1fnError]]:
    return [root, *(leaf for branch in root.__subclasses__() for leaf in _tree(branch))]


_CODES = {kind.code: kind for kind in _tree(C1fnError) if "code" in kind.__dict__}
