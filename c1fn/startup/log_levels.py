"""Sets the libraries' log levels: only warnings, and nothing of what they send and receive.

At DEBUG botocore prints the secret that it has read, the session's token and every prompt that it stores, and
openai prints every prompt that it sends; at INFO httpx2 prints whole addresses. A function's log level is one
setting for all of them (AWS_LAMBDA_LOG_LEVEL). So each library gets a level of its own, with
every runtime and every log level of the function.

https://docs.python.org/3/howto/logging.html#configuring-logging-for-a-library
"""

import logging
import os

LIBRARIES = (
    "boto3",
    "botocore",
    "httpcore2",
    "httpx2",
    "mangum",
    "openai",
    "opentelemetry",
    "s3transfer",
    "urllib3",
)
"""Those that ship and log requests or answers: a test looks through all that ship."""


def keep_private() -> None:
    """To be called before such a library is used."""
    os.environ.pop(
        "OPENAI_LOG", None
    )  # openai reads it when it is loaded, which is late, and sets its own level
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
