"""Puts page, sign-in and function into a person's own AWS account, and takes them away again: docs/site.md.

`make site` runs ``python -m scripts.site up``, `make site-delete` its ``delete`` and `make site-invite` its
``invite``. Each is a list of steps. A step that fails raises ``Stop``, which says what is wrong and what to
do. What was done before stays as it is, and running the command again goes on from there.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scripts.site.failures import Stop, explained

__all__ = ["Site", "Stop", "step"]


@dataclass(frozen=True, slots=True)
class Site:
    """Which one, and where it is."""

    stack: str
    region: str


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done, and how long it took.

    :raises Stop: AWS refuses, or a part says that it cannot go on.
    """
    print(f"{what} …", flush=True)
    started = time.monotonic()
    with explained():
        yield
    print(f"  done in {time.monotonic() - started:.0f} s", flush=True)
