"""``python -m c1fn.runtime``: what the exec wrapper starts on Lambda."""

import sys

from c1fn.startup import compiled, garbage, layers


def main() -> int:
    """Serve until terminated; returns the exit code."""
    garbage.pause()
    compiled.install()  # before anything is imported that compiles texts
    layers.add()  # before anything is imported that a layer may hold

    import asyncio
    import os

    from c1fn.runtime import records
    from c1fn.runtime.start import run

    records.install()
    return asyncio.run(run(os.environ))


if __name__ == "__main__":
    sys.exit(main())
