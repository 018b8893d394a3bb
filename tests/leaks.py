"""A watch over the whole test run: no key, no token and no prompt reaches a log, an error or a traceback.

Strategy: what is secret is learned where it enters. Every `SecretStr`, every prompt of an `Ask` and every
prompt that is posted to a started process is remembered for the length of its test. What comes out is
collected where it leaves: what was printed and logged (also by started processes, which inherit the streams,
and what a test took out of the capture), and every `C1fnError` with its whole chain. At the end of each phase
of a test the one is looked for in the other.

What a person's own terminal shows of their own conversation is no leak: `SHOWS_THE_CONVERSATION`.
"""

import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from c1fn.errors import C1fnError
from c1fn.turn import Ask

SHORTEST = 12
"""Characters of a secret that is looked for: "hi" and "k" stand in many an innocent line."""

LONGEST = 60
"""Characters of it that are looked for: a log may cut what it quotes."""

SHOWS_THE_CONVERSATION = ("tests/local/test_terminal", "tests/local/test_chat_command")


class Watch:
    """What one test has seen."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        self.errors: list[C1fnError] = []
        self.printed: list[str] = []

    def plant(self, secret: str) -> None:
        """From now on this text must not come out."""
        words = secret.strip()
        if len(words) >= SHORTEST:
            self.secrets.add(words[:LONGEST])

    def made(self, error: C1fnError) -> None:
        """An error that somebody may print."""
        self.errors.append(error)

    def leaks(self, sections: Iterable[tuple[str, str]] = ()) -> Iterator[str]:
        """Where a secret stands; the secret itself is told as it stands there."""
        told = [*sections, *(("printed", text) for text in self.printed), *map(_told, self.errors)]
        for where, text in told:
            yield from (f"{secret!r} in {where}" for secret in self.secrets if secret in text)


def _told(error: C1fnError) -> tuple[str, str]:
    """All that a careless handler could print of an error: its chain, with each text and repr."""
    chain: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop()
        if link is not None and link not in chain:
            chain.append(link)
            waiting += (link.__cause__, None if link.__suppress_context__ else link.__context__)
    shown = "".join(repr(e) + "".join(traceback.format_exception_only(e)) for e in chain)
    return f"an error: {type(error).__name__}", shown


watch = Watch()


def pytest_configure() -> None:
    """Learn secrets where they enter, and errors where they are made."""
    _after(Ask, lambda ask: watch.plant(ask.prompt.content))
    _after(SecretStr, lambda secret: watch.plant(secret.get_secret_value()))
    _after(C1fnError, watch.made)
    take = pytest.CaptureFixture.readouterr

    def readouterr(self: "pytest.CaptureFixture[Any]") -> Any:
        taken = take(self)
        watch.printed += map(str, taken)
        return taken

    pytest.CaptureFixture.readouterr = readouterr  # type: ignore[method-assign]  # what a test takes is seen


def _after(kind: type, see: Callable[[Any], None]) -> None:
    made = kind.__init__  # type: ignore[misc]  # each of them has one of its own

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        see(self)

    kind.__init__ = init  # type: ignore[misc]  # for the tests alone


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    del item
    watch.__init__()  # type: ignore[misc]  # the next test begins with nothing
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    del call
    report = yield
    if report.passed and not item.nodeid.startswith(SHOWS_THE_CONVERSATION):
        found = sorted(set(watch.leaks(report.sections)))
        if found:
            report.outcome = "failed"
            report.longrepr = "LEAKED: " + "\n".join(found)
    return report
