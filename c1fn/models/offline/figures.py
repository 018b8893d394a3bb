"""What a prompt is about, and figures for it: always the same for the same words, and invented."""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

TOPIC = 60
"""Characters of a heading: one line on a phone, or two."""

_ASKING = re.compile(
    r"^(?:please|can|could|would|you|i|we|need|want|like|to|let|show|give|make|draw|plot|create|display|see|build|tell"
    r"|use|me|us|it|this|that|them|as|a|an|the|another|chart|charts|table|tables|graph|graphs|plot|diagram|bar|bars"
    r"|line|lines|area|pie|donut|radar|radial|form|forms|list|compare|comparison|of|for|with|about|by|in|on|and"
    r"|what|is|are|how|does|do|did|was|were|our|my|your)\b[\s,:]*",
    re.IGNORECASE,
)
_AT_THE_END = re.compile(
    r"[\s,]*(?:\b(?:as|in|with)?\s*(?:an?\s+)?(?:bar|line|area|pie|donut|radar|radial)?\s*(?:chart|table|graph|list|form)"
    r"|\bwith (?:the )?(?:last|previous) year|\bplease|[.?!])$",
    re.IGNORECASE,
)


def topic(text: str) -> str:
    """What is left of a prompt without the words that ask for it; nothing, if it names nothing."""
    before = None
    text = text[: TOPIC * 4]
    while text != before:
        before, text = text, _AT_THE_END.sub("", _ASKING.sub("", text)).strip()
    if len(text) > TOPIC:
        text = text[:TOPIC].rpartition(" ")[0] or text[:TOPIC]
    return text[:1].upper() + text[1:] if any(char.isalnum() for char in text) else ""


@dataclass(frozen=True, slots=True)
class Figures:
    """``by``: what the labels are. ``values`` belong to them; ``before`` are those of the last year."""

    by: str
    labels: tuple[str, ...]
    values: tuple[int, ...]
    before: tuple[int, ...]

    @property
    def highest(self) -> tuple[str, int]:
        return max(zip(self.labels, self.values, strict=True), key=lambda pair: pair[1])

    @property
    def lowest(self) -> tuple[str, int]:
        return min(zip(self.labels, self.values, strict=True), key=lambda pair: pair[1])


_BY: tuple[tuple[re.Pattern[str], str, tuple[str, ...]], ...] = tuple(
    (re.compile(rf"\b(?:{words})\b", re.IGNORECASE), by, labels)
    for words, by, labels in (
        ("months?|monthly", "Month", ("Jan", "Feb", "Mar", "Apr", "May", "Jun")),
        ("weeks?|weekly|days?|daily", "Day", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")),
        ("years?|yearly|annual", "Year", ("2022", "2023", "2024", "2025", "2026")),
        ("regions?|countr(?:y|ies)|places?", "Region", ("North", "East", "South", "West")),
        ("products?|items?|categor(?:y|ies)", "Product", ("Basic", "Plus", "Pro", "Team")),
        ("channels?|sources?|traffic", "Channel", ("Search", "Direct", "Mail", "Social")),
        ("teams?|departments?", "Team", ("Sales", "Support", "Product", "Finance")),
    )
)
_QUARTERS = ("Quarter", ("Q1", "Q2", "Q3", "Q4"))


def figures(about: str, asked: str) -> Figures:
    """:param about: the topic, which the figures belong to. :param asked: the prompt's words."""
    words = f"{about} {asked}".replace("last year", "")
    by, labels = next((found for part in (*_NAMED.findall(words), words) for found in _by(part)), _QUARTERS)
    numbers = _numbers(about)
    values = tuple(next(numbers) for _ in labels)
    before = tuple(round(value * (70 + next(numbers) % 40) / 100) for value in values)
    return Figures(by, labels, values, before)


_NAMED = re.compile(r"\b(?:by|per) (\w+)", re.IGNORECASE)


def _by(words: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    return ((by, labels) for pattern, by, labels in _BY if pattern.search(words))


def _numbers(seed: str) -> Iterator[int]:
    """From 100 to 199, by the checksum of the words."""
    checksum = zlib.crc32(seed.encode())
    while True:
        for part in range(4):
            yield 100 + (checksum >> 8 * part) % 100
        checksum = zlib.crc32(checksum.to_bytes(4, "big"))
