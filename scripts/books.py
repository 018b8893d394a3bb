"""What a long run found to be wrong, told at once and counted."""

from dataclasses import dataclass, field

LONGEST = 500  # characters of one line: it may quote an answer


@dataclass
class Books:
    wrong: list[str] = field(default_factory=list)

    def demand(self, holds: bool, what: str) -> None:  # noqa: FBT001 - a check
        if not holds:
            self.wrong.append(what)
            print(f"WRONG: {what[:LONGEST]}", flush=True)
