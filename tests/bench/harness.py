"""The benchmarks' common part: rounds in turn with the peer, medians, ratios, one JSON object.

A row has what was measured, ours and the peer's median over the rounds, and ratio = ours / peer
(for times: peer / ours), so that more is better everywhere. `goal` is a least ratio, or None if
the row is only reported. The machines are noisy: only ratios of one run mean anything.
"""

import os
import platform
import statistics
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tests.paths import ROOT

AT_MOST = "itself, at most"
HEAD = """# Benchmarks

The speed of this build, each time beside a peer: other software that does the same work in the same
run, or a limit of the machine. Figures are medians of the rounds. A higher ratio is better, except
where the goal is a maximum ("at most"). `make bench` measures all and writes this page; `tidemark
bench NAME --write docs/benchmarks.md` measures one and rewrites its section.
"""


class Row(NamedTuple):
    what: str
    ours: float
    peer: float | None
    peer_name: str
    unit: str  # "events/s" and the like: more is better; "ms", "s": less is better
    ratio: float | None
    goal: float | None = None
    at_most: bool = False  # the goal is an upper bound (an exponent, a slow-down)

    @property
    def met(self) -> bool | None:
        if self.goal is None or self.ratio is None:
            return None
        return self.ratio <= self.goal if self.at_most else self.ratio >= self.goal


def row(
    what: str,
    ours: Sequence[float],
    peer: Sequence[float] | None = None,
    *,
    peer_name: str = "",
    unit: str = "events/s",
    goal: float | None = None,
) -> Row:
    """A row with the medians of the rounds, and the ratio of the medians."""
    mine = statistics.median(ours)
    if not peer:
        return Row(what, mine, None, peer_name, unit, None)
    theirs = statistics.median(peer)
    less_is_better = unit in ("ms", "s", "us")
    ratio = theirs / mine if less_is_better else mine / theirs
    return Row(what, mine, theirs, peer_name, unit, ratio, goal)


def bound(what: str, value: float, *, unit: str, goal: float | None) -> Row:
    """A figure that is itself the ratio, and at most `goal`."""
    return Row(what, value, None, AT_MOST, unit, value, goal, at_most=True)


async def in_turn(
    rounds: int,
    sides: Mapping[str, Callable[[], Awaitable[Any]]],
    say: Callable[[str], None],
) -> dict[str, list[Any]]:
    """Measure every side once a round, in turn (A B A B ...); returns the results by side."""
    found: dict[str, list[Any]] = {name: [] for name in sides}
    for n in range(rounds):
        for name, measure in sides.items():
            say(f"round {n + 1} of {rounds}: {name}")
            found[name].append(await measure())
    return found


def report(name: str, rounds: int, rows: Sequence[Row], **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "commit": _commit(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, "
        f"Python {platform.python_version()}",
        "rounds": rounds,
        "rows": [_json(r) for r in rows],
        **more,
    }


def quantile(values: Sequence[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def _json(r: Row) -> dict[str, Any]:
    def short(x: float | None) -> float | None:
        return None if x is None else float(f"{x:.4g}")

    return {
        "what": r.what,
        "ours": short(r.ours),
        "peer": short(r.peer),
        "peer_name": r.peer_name,
        "unit": r.unit,
        "ratio": short(r.ratio),
        "goal": r.goal,
        "met": r.met,
    }


def _commit() -> str:
    words = ["git", "rev-parse", "--short", "HEAD"]
    found = subprocess.run(words, check=False, cwd=ROOT, capture_output=True, text=True)
    return found.stdout.strip() or "unknown"


def markdown(
    reports: Sequence[dict[str, Any]], day: str, *, before: str = "", order: Sequence[str] = ()
) -> str:
    """The text of docs/benchmarks.md with the sections of these reports in it.

    Args:
        before: the present page; its other sections stay.
        order: names of sections in order; others come last.
    """
    sections = _sections(before) | {one["name"]: _section(one, day) for one in reports}
    ranks = {name: rank for rank, name in enumerate(order)}
    names = sorted(sections, key=lambda name: ranks.get(name, len(ranks)))
    return "\n".join([HEAD, *(sections[name] for name in names)])


def _sections(page: str) -> dict[str, str]:
    """The sections of the page, by name."""
    parts = page.split("\n## ")[1:]
    return {part.split(" ", 1)[0]: f"## {part.rstrip()}\n" for part in parts}


def _section(one: Mapping[str, Any], day: str) -> str:
    lines = [
        f"## {one['name']} ({one['rounds']} rounds)",
        "",
        f"{day}, commit {one['commit']}, {one['machine']}.",
        "",
        "| what | ours | peer | unit | ratio | goal | met |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in one["rows"]:
        peer = "" if r["peer"] is None else f"{r['peer']:g} ({r['peer_name']})"
        met = {True: "yes", False: "**no**", None: ""}[r["met"]]
        ratio = "" if r["ratio"] is None else f"{r['ratio']:g}"
        bounded = "at most " if r["peer_name"] == AT_MOST else ""
        goal = "" if r["goal"] is None else f"{bounded}{r['goal']:g}"
        lines.append(
            f"| {r['what']} | {r['ours']:g} | {peer} | {r['unit']} | {ratio} | {goal} | {met} |"
        )
    if one.get("notes"):
        lines += ["", one["notes"].rstrip()]
    return "\n".join([*lines, ""])
