"""``python -m c1fn.runtime``: what the exec wrapper starts on Lambda."""

import os
import sys

from c1fn.startup import compiled, garbage, is_plain, layers

NO_PLUGINS = ("PYDANTIC_DISABLE_PLUGINS", "__all__")
"""pydantic reads the entry points of all packages for plugins, and finds none: 0.7 % of a start.

https://pydantic.dev/docs/validation/latest/concepts/plugins/
"""


def main() -> int:
    """Serve until terminated; returns the exit code."""
    garbage.pause()
    if not is_plain():
        os.environ.setdefault(*NO_PLUGINS)
    compiled.install()  # before anything is imported that compiles texts
    layers.add()  # before anything is imported that a layer may hold

    import asyncio

    from c1fn.runtime import records
    from c1fn.runtime.start import run

    records.install()
    return asyncio.run(run(os.environ))


if __name__ == "__main__":
    sys.exit(main())
