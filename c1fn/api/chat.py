"""The endpoint that answers a prompt."""

from starlette.requests import Request
from starlette.responses import Response

from c1fn.api.bodies import body_of, read_ask
from c1fn.api.browsers import streams_cards
from c1fn.api.context import chat_of, identified, origin_of, time_left
from c1fn.api.refusals import refusal
from c1fn.api.streaming import SILENCE, StreamedAnswer
from c1fn.api.wires import Wire
from c1fn.api.wires.c1 import HEADERS
from c1fn.api.wires.c1 import Wire as C1Wire
from c1fn.chat.converse import Chat
from c1fn.chat.event_queue import EventQueue
from c1fn.events import Failed

PATH = "/api/chat"


async def chat(request: Request) -> Response:
    """Answer one prompt, streamed as the model writes it."""
    caller, chat = await identified(request), await chat_of(request)
    ask = read_ask(await body_of(request), caller)
    queue = await chat.begin(ask, seconds=time_left(request), origin=origin_of(request))
    return await streamed(request, chat, queue, c1_wire(request, chat))


def c1_wire(request: Request, chat: Chat, *, counted: bool = False) -> C1Wire:
    """The encoder for who sends this request. ``counted``: see `C1Wire`."""
    return C1Wire(cards=streams_cards(request), counted=counted, has_tool=chat.has_tool)


async def streamed(request: Request, chat: Chat, queue: EventQueue, wire: Wire) -> Response:
    """The queue's events as a stream; an error response if the turn failed before its first event."""
    first = await queue.take(SILENCE)
    if first and isinstance(first[0], Failed):
        request.state.logged = queue.logged
        await queue.over()
        return refusal(request, first[0].error)
    return StreamedAnswer(first, queue, HEADERS, chat.settle, wire)
