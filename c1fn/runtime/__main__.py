"""``python -m c1fn.runtime``: what the exec wrapper starts on Lambda."""

import gc

# Importing makes next to no garbage, and looking for it takes a third of the cold start.
gc.disable()

from c1fn.startup import compiled, layers  # noqa: E402

compiled.install()  # before anything is imported that compiles texts
layers.add()  # before anything is imported that a layer may hold

import asyncio  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

# pydantic would read every package's metadata in search of plugins; none is shipped.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from c1fn.runtime import records  # noqa: E402
from c1fn.runtime.start import run  # noqa: E402

if __name__ == "__main__":
    records.install()
    sys.exit(asyncio.run(run(os.environ)))
