"""Draw ``store_growth.json`` as docs/img/store-growth.svg: ``make store-growth``.

It needs matplotlib, of requirements-bench.txt.
https://matplotlib.org/stable/api/pyplot_summary.html
"""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl  # type: ignore[import-not-found, unused-ignore] - not among the developers' packages

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "img" / "store-growth.svg"


def draw(found: dict[str, Any], path: Path) -> None:
    """Times above, units below, each against the size on a logarithmic scale."""
    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "store-growth", "svg.fonttype": "none", "font.size": 8}
    from matplotlib import pyplot as plt

    c1 = [row for row in found["answers"] if row["kind"] == "C1"]
    noise = [row for row in found["answers"] if row["kind"] == "noise"]
    panels = [
        (
            "threads of one owner",
            [
                ("a page of 20", found["threads"], "threads", "page"),
                ("a page from the middle", found["threads"], "threads", "page from the middle"),
                ("a thread's first turn", found["threads"], "threads", "first turn"),
            ],
        ),
        (
            "turns of one thread",
            [
                ("one more turn", found["turns"], "turns", "turn"),
                ("the newest page of 20", found["turns"], "turns", "newest page"),
                ("the whole thread", found["turns"], "turns", "load"),
            ],
        ),
        (
            "bytes of one answer",
            [
                ("a turn, C1's kind", c1, "bytes", "turn"),
                ("a turn, random letters", noise, "bytes", "turn"),
                ("reading it, C1's kind", c1, "bytes", "load"),
                ("reading it, random letters", noise, "bytes", "load"),
            ],
        ),
    ]
    figure, axes = plt.subplots(2, len(panels), figsize=(10.5, 5.6), layout="constrained")
    for (title, lines), (above, below) in zip(panels, axes.T, strict=True):
        for name, rows, x, what in lines:
            sizes, measures = [row[x] for row in rows], [row[what] for row in rows]
            (line,) = above.plot(sizes, [one["ms"] for one in measures], marker="o", ms=3, label=name)
            above.plot(sizes, [one["least ms"] for one in measures], ls=":", color=line.get_color())
            units = [one["WCU"] + one["RCU"] for one in measures]
            below.plot(sizes, units, marker="o", ms=3, color=line.get_color())
        above.set(title=title, xscale="log", yscale="log", ylim=(1, None))
        below.set(xlabel=title, xscale="log", yscale="log", ylim=(1, None))
        above.legend(frameon=False, fontsize=7)
    axes[0, 0].set_ylabel("ms: median; dotted: least")
    axes[1, 0].set_ylabel("units: WCU + RCU")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    draw(json.loads((ROOT / "benchmarks" / "store_growth.json").read_text("utf-8")), PICTURE)
