"""Figures → the table of goals, in the terminal and in docs/performance.md. One row, one goal of ours."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"

Figures = dict[str, Any]

LAMBDARIC, ADAPTER = "awslambdaric + Mangum", "uvicorn behind an adapter"
NODE = "Node, bundled"


@dataclass(frozen=True)
class Row:
    """``bar``: what our figure is divided by; ``of``: whose it is; ``goal``: the ratio may be so much."""

    what: str
    ours: float
    peers: dict[str, float]
    bar: float
    goal: float
    form: str = "{:,.0f}"
    of: str = ""

    @property
    def ratio(self) -> float:
        return self.ours / self.bar if self.bar else float(self.ours > 0)

    @property
    def cells(self) -> list[str]:
        peers = ", ".join(f"{name} {self.form.format(value)}" for name, value in self.peers.items())
        met = "met" if self.ratio <= self.goal else "**not met**"
        goal = f"≤ {self.goal:g}" + f" of {self.of}" * bool(self.of)
        return [self.what, self.form.format(self.ours), peers, f"{self.ratio:.2f}", goal, met]


HEAD = ["what", "c1fn", "beside it", "ratio", "goal", ""]


def rows(found: Figures) -> list[Row]:
    return [row for name, make in _ROWS.items() if name in found for row in make(found[name])]


def _beside_node(what: str, found: Figures, key: str, goal: float, form: str = "{:,.0f}") -> Row:
    """Node's figure is the bar; all others are told."""
    peers = {name: figures[key] for name, figures in found.items() if name != "c1fn" and key in figures}
    return Row(what, found["c1fn"][key], peers, peers[NODE], goal, form, "Node's")


def _cold(found: Figures) -> Iterator[Row]:
    for where, words, goal in (("near", "", 1.2), ("far", ", a TLS handshake takes 50 ms", 1.0)):
        row = _beside_node(f"cold start, ms to the first byte{words}", found[where], "first_ms", goal)
        yield row
        peers = {name: row.peers[name] for name in (LAMBDARIC, ADAPTER)}
        yield Row("the same, against the better in Python", row.ours, peers, min(peers.values()), 0.4)
    yield _beside_node("cold start with its first answer, CPU ms", found["near"], "cpu_ms", 1.3)


def _restore(found: Figures) -> Iterator[Row]:
    for where, words in (("near", ""), ("far", ", a TLS handshake takes 50 ms")):
        ours = found[where]["c1fn"]
        beside = {name: told["first_ms"] for name, told in found[where].items() if name != "c1fn"}
        peers = {"its own cold start": ours["cold_ms"], **beside}
        what = f"restored from a snapshot, ms to the first byte{words}"
        yield Row(what, ours["first_ms"], peers, ours["cold_ms"], 0.5, of="it")


def _bare(found: Figures) -> Iterator[Row]:
    return _warm("warm, the runtime alone, µs", found)


def _door(found: Figures) -> Iterator[Row]:
    return _warm("warm, the way to a FastAPI app and back, µs", found)


def _warm(what: str, found: Figures) -> Iterator[Row]:
    ours, floor = found["c1fn"], found["floor"]["first_us"]
    peers = {
        LAMBDARIC: found[LAMBDARIC]["first_us"],
        ADAPTER: min(found[ADAPTER]["first_us"], found["the same, TCP_NODELAY"]["first_us"]),
    }
    yield Row(what, ours["first_us"], {"floor": floor}, floor, 2)
    yield Row("the same, against the better peer", ours["first_us"], peers, min(peers.values()), 0.5)
    yield Row(
        "its 99th percentile, µs", ours["p99_us"], {"own median": ours["first_us"]}, ours["first_us"], 2
    )


def _chat(found: Figures) -> Iterator[Row]:
    ours = found["c1fn"]
    yield _beside_node("warm, CPU of a whole turn of 40 deltas, µs", found, "cpu_us", 1.2)
    yield _beside_node("warm, a whole chat's first byte, µs", found, "first_us", 1.0)
    yield Row(
        "its 99th percentile, µs", ours["p99_us"], {"own median": ours["first_us"]}, ours["first_us"], 2
    )


def _delta(found: Figures) -> Iterator[Row]:
    ours, plain, bare = found["c1fn"], found["plain port, uvicorn"], found["bare relay"]
    yield _beside_node("CPU of a delta that comes alone, µs", found, "paced_cpu_us", 0.9, "{:.1f}")
    yield _beside_node("CPU of a delta in a burst, µs", found, "burst_cpu_us", 1.0, "{:.1f}")
    late = {
        NODE: found[NODE]["latency_us"],
        "plain port": plain["latency_us"],
        "bare relay": bare["latency_us"],
    }
    yield Row("a delta's way, model to client, µs; goal 100", ours["latency_us"], late, 100, 1)
    added = {name: value - bare["latency_us"] for name, value in late.items() if name != "bare relay"}
    words = "the same, less what a bare relay takes; goal 100"
    yield Row(words, ours["latency_us"] - bare["latency_us"], added, 100, 1)


def _streams(found: Figures) -> Iterator[Row]:
    plain = "plain port, uvicorn"
    for count in found["counts"]:
        told = {name: figures for name, figures in found.items() if isinstance(figures, dict)}
        words = f"{count} streams at once"
        row = _beside_node(
            f"{words}, CPU of a streamed second, ms", told, f"second_{count}_ms", 1.0, "{:.1f}"
        )
        yield row
        yield Row("the same", row.ours, {plain: row.peers[plain]}, row.peers[plain], 0.33, "{:.1f}", "its")
        yield _beside_node(
            f"{words}, the slowest hundredth of deltas, ms", told, f"p99_{count}_ms", 1.5, "{:.1f}"
        )


def _stream_memory(found: Figures) -> Iterator[Row]:
    peers = {name: figures["stream_kb"] for name, figures in found.items() if name != "c1fn"}
    yield Row("memory of each more stream, KB; goal 100", found["c1fn"]["stream_kb"], peers, 100, 1)


def _small(found: Figures) -> Iterator[Row]:
    told = {name: figures for name, figures in found.items() if isinstance(figures, dict)}
    for size in found["memory"]:
        for kind, goal in (("cold", 1.2), ("warm", 1.0)):
            words = f"{size:,} MB, a chat's first byte, {kind}, ms"
            yield _beside_node(words, told, f"{kind}_{size}_ms", goal)


def _memory(found: Figures) -> Iterator[Row]:
    first, *_, last = found["c1fn"]
    ours = found["c1fn"][first]
    turns = [key.split("_")[1] for key in (first, last)]
    yield _beside_node(f"memory after {turns[0]} turns, MB", found, first, 0.4, "{:.1f}")
    words = f"memory after {turns[1]} turns, MB"
    yield Row(words, found["c1fn"][last], {f"after {turns[0]}": ours}, ours, 1.02, "{:.1f}")


def _trips(found: Figures) -> Iterator[Row]:
    yield Row("store: round trips before the model", found["waits_before"], {}, 2, 1)
    yield Row("store: round trips after it", found["waits_after"], {}, 1, 1)


def _store(found: Figures) -> Iterator[Row]:
    ours, peer = found["c1fn"], found.get("LangChain", {})
    for unit, most in (("WCU", 7), ("RCU", 8)):
        beside = {"LangChain": peer[unit]} if peer else {}
        yield Row(f"store: {unit} of a turn; goal {most}", ours[unit], beside, most, 1, "{:.1f}")


_ROWS: dict[str, Callable[[Figures], Iterator[Row]]] = {
    "cold": _cold,
    "restore": _restore,
    "bare": _bare,
    "door": _door,
    "chat": _chat,
    "delta": _delta,
    "streams": _streams,
    "memory": _memory,
    "stream memory": _stream_memory,
    "small": _small,
    "trips": _trips,
    "store": _store,
}


def markdown(found: Figures) -> str:
    table = [HEAD, ["---"] * len(HEAD), *(row.cells for row in rows(found))]
    lines = ["| " + " | ".join(line) + " |" for line in table]
    return "\n".join([*lines, "", about(found["machine"])])


def growth(found: Figures) -> str:
    """The points of the plots' curves that one would want to read."""
    sent, usual = found["history"].values()
    first, last = sent[0], sent[-1]
    answers, once = found["answers"], found["at once"]
    slope = (last["cpu_ms"] - first["cpu_ms"]) / (last["turns"] - first["turns"]) * 1e3
    rate = (answers[-1]["cpu_ms"] - answers[0]["cpu_ms"]) / (answers[-1]["bytes"] - answers[0]["bytes"]) * 1e6
    table = [
        ("history, all of it sent to the model", "turns", sent, f"{slope:.0f} µs a turn"),
        ("history, at most 20 turns sent (default)", "turns", usual, "flat from turn 21 on"),
        ("the answer", "bytes", answers, f"{rate:.0f} ms a MB"),
        ("turns at once in one process", "turns", once, "none"),
    ]
    lines = ["| what grows | from | to | CPU of a turn, ms | its slope |", "|---|---|---|---|---|"]
    for what, unit, points, tells in table:
        begin, end = points[0], points[-1]
        cpu = f"{begin['cpu_ms']:,.1f} → {end['cpu_ms']:,.1f}"
        lines.append(f"| {what} | {begin[unit]:,} {unit} | {end[unit]:,} | {cpu} | {tells} |")
    return "\n".join(lines)


def text(found: Figures) -> str:
    """For a terminal."""
    table = [HEAD, *(row.cells for row in rows(found))]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]
    return "\n".join([*lines, "", about(found["machine"])])


def about(machine: Figures) -> str:
    busy = " A busy machine: of these figures trust the CPU's and the counts; times tell little."
    told = (
        "Measured on {date}, {cores} cores ({cpu}), Python {python}, load {load_before} before and "
        "{load_after} after, in {minutes} minutes."
    ).format(**machine)
    return told + (busy if machine["load_before"] > machine["cores"] else "")


def into_page(name: str, block: str) -> None:
    """Put a block between its markers in docs/performance.md."""
    page = PAGE.read_text("utf-8")
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not found.search(page):
        raise ValueError(f"{PAGE} has no {begin}")
    PAGE.write_text(found.sub(lambda _: f"{begin}\n{block}\n{end}", page), "utf-8")
