"""Shared links: made, listed and revoked by their owner, and opened by whoever has one.

The last of these is the one endpoint besides `/healthz` that asks nobody who they are: the token in its path
is what allows it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from c1fn.api.bodies import Id
from c1fn.api.browsers import lists_cards
from c1fn.api.dependencies import DECODED, CurrentCaller, CurrentStore, ThreadId
from c1fn.api.threads import MOST, iso, older, visible
from c1fn.errors import NotFound
from c1fn.stores import DAY
from c1fn.stores.shares import Share
from c1fn.turn import State, Turn

TURNS = 100
"""Turns of one request, at most: as of `/messages`."""

PRIVATE = {"referrer-policy": "no-referrer", "x-robots-tag": "noindex"}
"""A link is a secret: no page that it leads to learns it, and no search engine keeps what it shows."""

Token = Annotated[Id, DECODED, Path(description="Percent-encoded.")]

routes = APIRouter(tags=["shares"])


@routes.post("/api/threads/{threadId}/shares", status_code=201)
async def share_thread(
    request: Request, caller: CurrentCaller, store: CurrentStore, thread_id: ThreadId
) -> Response:
    """Make a read-only link to the thread as it stands, until its newest complete answer."""
    share = await store.shares.create(caller.owner, thread_id, _days(request) * DAY)
    return JSONResponse(_listed(share), 201)


@routes.get("/api/shares")
async def list_shares(caller: CurrentCaller, store: CurrentStore) -> Response:
    """The caller's links, the newest first."""
    return JSONResponse({"shares": [_listed(share) for share in await store.shares.list(caller.owner)]})


@routes.delete("/api/shares/{token}", status_code=204)
async def revoke_share(caller: CurrentCaller, store: CurrentStore, token: Token) -> Response:
    """End a link at once."""
    await store.shares.revoke(caller.owner, token)
    return Response(status_code=204)


@routes.get("/api/shares/{token}")
async def open_share(
    request: Request,
    store: CurrentStore,
    token: Token,
    limit: Annotated[int, Query(ge=1, le=TURNS, description="The newest so many turns.")] = TURNS,
    before: Annotated[int | None, Query(ge=1, le=MOST, description="Turns with a smaller number.")] = None,
) -> Response:
    """What a link shows: prompts and answers, and no more of the thread. It needs no authentication."""
    _days(request)
    share, turns = await store.shares.view(token, before=before, limit=limit)
    messages = visible([*_nameless(turns)], cards=lists_cards(request))
    times = {"createdAt": iso(share.created), "expiresAt": iso(share.expires)}
    headers = PRIVATE | older(turns, limit)
    return JSONResponse({"title": share.title, **times, "messages": messages}, headers=headers)


def _nameless(turns: Iterable[Turn]) -> Iterator[Turn]:
    """Turns without what only their owner knows: ids, what was filled into a form later, feedback, calls."""
    for turn in turns:
        prompt = replace(turn.prompt, id=None)
        state = State.DONE if turn.state is State.WAITING else turn.state
        yield replace(
            turn, response_id=str(turn.number), state=state, prompt=prompt, revised=None, feedback=None
        )


def _days(request: Request) -> int:
    """:raises NotFound: nothing is shared here."""
    days: int = request.app.state.share_days
    if not days:
        raise NotFound("Nothing is shared here.")
    return days


def _listed(share: Share) -> dict[str, Any]:
    return {
        "token": share.token,
        "threadId": share.thread_id,
        "title": share.title,
        "createdAt": iso(share.created),
        "expiresAt": iso(share.expires),
    }
