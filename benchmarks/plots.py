"""The figures as pictures, in docs/img."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "c1fn"  # the same figures give the same file

from matplotlib import pyplot as plt  # noqa: E402 - after the choice of its backend

FOLDER = Path(__file__).parents[1] / "docs" / "img"
Figures = dict[str, Any]


def draw(found: Figures) -> None:
    """Every plot whose figures are there."""
    FOLDER.mkdir(exist_ok=True)
    if "cold" in found:
        _bars("cold", "ms to the first byte of a first answer", found["cold"]["near"], "first_ms")
    if "door" in found:
        _bars("warm", "µs to an app and back", found["door"], "first_us")
    if "growth" in found:
        _growth(found["growth"])


def _bars(name: str, title: str, found: Figures, key: str) -> None:
    figure, axes = plt.subplots(figsize=(6.4, 0.5 + 0.42 * len(found)))
    names = list(found)[::-1]
    values = [found[one][key] for one in names]
    bars = axes.barh(names, values, color=["#2b6cb0" if one == "c1fn" else "#b8c4d0" for one in names])
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.set_title(title, fontsize=10, loc="left")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.set_xticks([])
    _save(figure, name)


def _growth(found: Figures) -> None:
    figure, (history, answers, at_once) = plt.subplots(1, 3, figsize=(11, 3.2))
    for name, points in found["history"].items():
        history.plot([p["turns"] for p in points], [p["cpu_ms"] for p in points], "o-", label=name, ms=3)
    history.set(xlabel="turns in the thread", title="CPU of a turn, ms")
    history.legend(frameon=False, fontsize=8)
    sizes = [p["bytes"] / 1e6 for p in found["answers"]]
    answers.plot(sizes, [p["cpu_ms"] for p in found["answers"]], "o-", label="CPU, ms", ms=3)
    answers.plot(sizes, [p["memory_mb"] for p in found["answers"]], "s--", label="memory after it, MB", ms=3)
    answers.set(xlabel="MB of the answer", title="one answer")
    answers.legend(frameon=False, fontsize=8)
    counts = [p["turns"] for p in found["at once"]]
    at_once.plot(counts, [p["cpu_ms"] for p in found["at once"]], "o-", label="CPU of one, ms", ms=3)
    at_once.plot(counts, [p["first_ms"] for p in found["at once"]], "s--", label="first byte, ms", ms=3)
    at_once.set(xlabel="turns at once in one process", title="turns at once")
    at_once.legend(frameon=False, fontsize=8)
    for axes in (history, answers, at_once):
        axes.set_ylim(bottom=0)
        axes.title.set_fontsize(10)
        axes.spines[["top", "right"]].set_visible(False)
    _save(figure, "growth")


def _save(figure: Any, name: str) -> None:
    figure.savefig(FOLDER / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
