"""A conversation in the terminal, streaming; in a pipe, the whole input is one prompt."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from uuid import uuid4

from c1fn.auth import ANYBODY
from c1fn.converse import Chat
from c1fn.errors import C1fnError
from c1fn.events import Failed
from c1fn.pour import SILENCE
from c1fn.turn import Ask, Message
from c1fn.wire import Wire

PROMPT = "> "


async def converse(chat: Chat) -> int:
    """Prompts from standard input, answers to standard output, until its end.

    :returns: the exit status: 1 when the last answer failed.
    """
    thread_id = str(uuid4())
    failed = False
    try:
        async for prompt in _prompts():
            failed = not await _answer(chat, thread_id, prompt)
    finally:
        await chat.aclose()
    return 1 if failed else 0


async def _answer(chat: Chat, thread_id: str, prompt: str) -> bool:
    ask = Ask(ANYBODY.owner, thread_id, str(uuid4()), Message("user", prompt))
    try:
        reply = await chat.begin(ask)
    except C1fnError as error:
        sys.stderr.write(f"{error.title}. {error}\n")
        return False
    wire, failed = Wire(), False
    while not reply.ended:
        events = await reply.take(SILENCE)
        failed = failed or any(isinstance(event, Failed) for event in events)
        sys.stdout.write(wire.encode(events).decode())
        sys.stdout.flush()
    await reply.over()
    sys.stdout.write("\n")
    return not failed


async def _prompts() -> AsyncGenerator[str, None]:
    if not sys.stdin.isatty():
        if text := (await asyncio.to_thread(sys.stdin.read)).strip():
            yield text
        return
    while True:
        try:
            line = await asyncio.to_thread(input, PROMPT)
        except EOFError:
            return
        if line.strip():
            yield line
