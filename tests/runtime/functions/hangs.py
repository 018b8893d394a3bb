"""A module that never gets to its end when it is imported."""

import signal

signal.pause()
