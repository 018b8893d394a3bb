"""What only a start does: above all, what makes it short.

Most modules here are levers: without one c1fn does the same, slower or a little later. Some touch what a
library does not promise. So each tells in its docstring the gain that was measured; where the installed
version lacks what it touches (``TOUCHED``), it takes the library's own way, without an error, and a test of
``tests/startup/test_canaries.py`` fails by the name that is missing.

===============  =========================================  ==================================================
lever            what it spares                             what it touches
===============  =========================================  ==================================================
garbage          looking for garbage while there is none    nothing
compiled         compiling what dataclasses, named tuples   builtins, as dataclasses, collections and typing
                 and patterns are made of                   see them; the compiler of re
lazy_imports     loading most of openai                     importlib's module locks
deferred_models  building pydantic models that nobody uses  pydantic's default configuration
authorities      reading lists of authorities               nothing
aws              reading such a list for each connection,   botocore's and urllib3's pools of connections
                 waiting for handshakes
===============  =========================================  ==================================================

``C1FN_PLAIN_START=1`` runs without all of them: to see whether one is to blame, or what one gives.
"""

import os

VARIABLE = "C1FN_PLAIN_START"

YES = frozenset({"1", "true", "t", "yes", "y", "on"})
"""As `settings` reads it: https://pydantic.dev/docs/validation/latest/api/pydantic/standard_library_types/"""


def is_plain() -> bool:
    """This process is to start without any lever."""
    return os.environ.get(VARIABLE, "").lower() in YES
