"""The two health checks."""

from fastapi import APIRouter

from c1fn import __version__
from c1fn.api.dependencies import CurrentCaller, CurrentStore

routes = APIRouter(tags=["service"])


@routes.get("/healthz")
async def healthz() -> dict[str, str]:
    """Whether the process serves requests. It calls neither the store nor the model."""
    return {"status": "ok", "version": __version__}


@routes.get("/readyz")
async def readyz(caller: CurrentCaller, store: CurrentStore) -> dict[str, str]:
    """Whether turns can begin: checks the store. While the store does not answer, a 503 says why."""
    del caller  # a stranger makes no calls of ours
    await store.ready()
    return {"status": "ok", "version": __version__}
