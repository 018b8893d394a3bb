"""What was tried and what came of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field


@dataclass
class Ledger:
    """``wrong`` holds what got through, by the part it belongs to."""

    tried: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)
    part: str = ""

    def note(self, attempt: str, *, held: bool, seen: object = "") -> None:
        """One attempt, and whether it was turned away."""
        self.tried[self.part] += 1
        if not held:
            self.wrong.append((self.part, attempt, f"{seen!s:.160}"))
            print(f"WRONG {self.part}: {attempt}: {seen!s:.300}", flush=True)

    async def each(self, *groups: Awaitable[None]) -> None:
        """Attempts in groups, at once. One that breaks off is a finding, and ends no other."""
        for result in await asyncio.gather(*groups, return_exceptions=True):
            if isinstance(result, Exception):
                self.note("a group of attempts breaks off", held=False, seen=repr(result))

    def table(self) -> str:
        """The sum by part."""
        wrong = Counter(part for part, _, _ in self.wrong)
        rows = [f"{part:10} {count:4} tried {wrong[part]:4} wrong" for part, count in self.tried.items()]
        total = f"{'all':10} {sum(self.tried.values()):4} tried {len(self.wrong):4} wrong"
        return "\n".join([*rows, total])
