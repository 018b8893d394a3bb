"""What FastAPI gives the endpoints: dependencies, made in `context`, and the ids in a path, decoded after the
match (see `raw_path`).

https://fastapi.tiangolo.com/tutorial/dependencies/
"""

from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Path
from pydantic import BeforeValidator

from c1fn.api.bodies import Id
from c1fn.api.context import chat_of, identified, store_of
from c1fn.chat.converse import Chat
from c1fn.identity.callers import Caller
from c1fn.stores import Store

CurrentCaller = Annotated[Caller, Depends(identified)]
"""FastAPI resolves it first."""

CurrentChat = Annotated[Chat, Depends(chat_of)]
CurrentStore = Annotated[Store, Depends(store_of)]

DECODED = BeforeValidator(unquote)
"""The parameter as it was before it was percent-encoded."""

ThreadId = Annotated[Id, DECODED, Path(alias="threadId", description="Percent-encoded.")]
ResponseId = Annotated[Id, DECODED, Path(alias="responseId", description="Percent-encoded.")]
