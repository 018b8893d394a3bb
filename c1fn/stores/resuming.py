"""Whether a prompt may resume a waiting turn: the same in every store."""

from c1fn.errors import NotWaiting, WaitedTooLong
from c1fn.turn import Message, Resume, Source, Turn


def resumed(prompt: Message, newest: Turn | None, source: Source | None, now: float) -> Turn | None:
    """The turn that this prompt resumes, if it resumes one. One that is a prompt in any case is asked without
    it: what it brought is old.

    :raises NotWaiting, WaitedTooLong: it is nothing but an answer, and nothing waits for it.
    """
    if prompt.resume is None:
        return None
    try:
        check(prompt.resume, newest, source, now)
    except (NotWaiting, WaitedTooLong):
        if not prompt.speaks:
            raise
        return None
    return newest


def check(resume: Resume, newest: Turn | None, source: Source | None, now: float) -> None:
    """:param newest: the thread's newest turn. ``source``: what it was forked from.

    :raises NotWaiting: it is not the turn that is resumed, or is not waiting, or not for this. What a fork
        copied waits in the original thread alone: a call that was approved there must not be made twice.
    :raises WaitedTooLong: the time for it is over.
    """
    if newest is None or newest.response_id != resume.response_id:
        raise NotWaiting
    if source is not None and source.response_id == resume.response_id:
        raise NotWaiting("This is a copy. Answer it in the conversation that it was copied from.")
    named = {*(resume.approved or ()), *(call_id for call_id, _ in resume.results)}
    pending = {call.id for call in newest.pending}
    if not pending:
        raise NotWaiting
    if not named <= pending:
        raise NotWaiting("The question is about other calls. Load the conversation again.")
    if now >= newest.resumable_until:
        raise WaitedTooLong
