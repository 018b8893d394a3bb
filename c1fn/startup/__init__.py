"""Code that runs only at the start of a process: mostly optimisations of the cold start.

Most modules here are optimisations: without one c1fn behaves the same, but slower. Some use a library's
private names. So each docstring gives the measured gain. If the installed version does not have the private
names (``TOUCHED``), the optimisation is off, without an error, and a test in
``tests/startup/test_canaries.py`` fails and names what is missing.

===============  =========================================  ==================================================
module           what it saves                              private names that it uses
===============  =========================================  ==================================================
garbage          looking for garbage while there is none    nothing
compiled         compiling what dataclasses, named tuples   builtins, as dataclasses, collections and typing
                 and patterns are made of                   see them; the compiler of re
lazy_imports     loading most of openai                     importlib's module locks
deferred_models  building pydantic models that nobody uses  pydantic's default configuration
authorities      reading lists of authorities               nothing
aws              the same for botocore's connections,       botocore's and urllib3's pools of connections
                 waiting for handshakes
===============  =========================================  ==================================================

``C1FN_PLAIN_START=1`` switches all of them off, to see whether one causes a fault, or what one gains. It also
takes botocore's way to AWS (`net/aws/choice`).
"""

import os

VARIABLE = "C1FN_PLAIN_START"

KEPT_OPEN = 20.0
"""Seconds for which a connection that was opened ahead is kept unused: its peer may close it without a word.
A start is followed by its request at once, or by none for long.
"""

YES = frozenset({"1", "true", "t", "yes", "y", "on"})
"""As `settings` reads it: https://pydantic.dev/docs/validation/latest/api/pydantic/standard_library_types/"""


def is_plain() -> bool:
    """This process is to start without any lever."""
    return os.environ.get(VARIABLE, "").lower() in YES
