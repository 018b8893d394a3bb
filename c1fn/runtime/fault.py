"""A failure as it is reported to Lambda: a type, a message, and the place in the code.

Lambda accepts error types of the form ``Function.Name`` or ``Runtime.Name``, and a JSON body.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror
"""

import json
import re
import traceback
from dataclasses import dataclass

MAX_FRAMES = 16
"""Innermost frames that are told; the outer ones are this runtime and the framework."""

MAX_MESSAGE = 1024
"""Characters of a message. With the frames the body stays near 4 KB: it travels in a trailer."""

WITHHELD = "the message is withheld, since it may quote a request"


@dataclass(frozen=True, slots=True)
class Fault:
    """``type`` is the platform's; ``name`` is what the caller is told instead of it, where it is known."""

    type: str
    message: str
    trace: tuple[str, ...] = ()
    name: str = ""

    @classmethod
    def of(cls, error: BaseException, *, reveal: bool) -> "Fault":
        """Describe an exception.

        :param reveal: tell its message. Only before the first request: later it may quote a prompt.
        """
        frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
        message = str(error)[-MAX_MESSAGE:] if reveal else f"{type(error).__name__}: {WITHHELD}"
        trace = tuple(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
        return cls(f"Function.{_name(error)}", message, trace)

    def body(self) -> bytes:
        """The error report as Lambda takes it, in JSON.

        https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror
        """
        report = {"errorType": self.name or self.type, "errorMessage": self.message, "stackTrace": self.trace}
        return json.dumps(report).encode()


def _name(error: BaseException) -> str:
    letters = re.sub(r"[^A-Za-z]", "", type(error).__name__)
    # The platform's pattern is [A-Z][A-Za-z]+
    return letters[:1].upper() + letters[1:64] if len(letters) > 1 else "Error"
