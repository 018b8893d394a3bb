"""SnapStart: what is closed before the snapshot is taken, and what each restored copy makes anew.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks.html
"""

import gc
import random

from c1fn.runtime.lifespan import Lifespan, started
from c1fn.runtime.link import Fatal, Platform
from c1fn.runtime.load_handler import Handler
from c1fn.runtime.messages import Restored
from c1fn.runtime.protocol import Connection


async def before_snapshot(handler: Handler, lifespan: Lifespan) -> None:
    """Give every socket back: its copy would be dead."""
    await lifespan.shutdown()
    await _hook(handler, "before_snapshot")
    gc.collect()  # what refers to itself may hold a socket: botocore keeps one to where it gets credentials


async def wait(platform: Platform) -> None:
    """Wait while the snapshot is taken; this returns in each restored copy."""
    restored = await platform.get(Connection.restore_next)
    if not isinstance(restored, Restored):
        raise Fatal(f"restore/next was answered with {restored}")


async def after_restore(handler: Handler) -> Lifespan:
    """Make everything anew that must not be shared with the other copies."""
    random.seed()  # every copy woke up with the same generator
    await _hook(handler, "after_restore")
    return await started(handler.app)


async def _hook(handler: Handler, name: str) -> None:
    hook = getattr(handler, name, None)
    if hook is not None:
        await hook()
