"""The project's own handler with an offline model that does not take its time."""

from c1fn.compose import models

models.OFFLINE_PACE = 0.0

from handler import handler  # noqa: E402 - the pace comes first

__all__ = ["handler"]
