"""The main job: real market history traded through the whole platform by `tidemark simulate`.

A quarter for 100 accounts, as a user runs it, in a process and data directory of its own; then a
month of it again under cProfile, to see where the time goes. Only reported: there is no peer.
"""

import json
import pstats
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from projections.catalogue import VIEWS
from tests.bench.harness import ROOT, report, row
from tests.bench.rig import say

ACCOUNTS, SEED = 100, 1
FIRST, QUARTER, MONTH = "2022-01-03", "2022-03-31", "2022-01-31"
TIDEMARK = Path(sys.executable).parent / "tidemark"

AREAS = (  # (start of a file's path, area), most specific first
    ("simulation", "the simulator: strategies, days, controls"),
    ("adapters/simulators", "simulated venue, custodian, bank"),
    ("streams", "sagas, views and gateways: their runners"),
    ("sagas", "sagas: evolve, react"),
    ("projections", "views: facts and folds"),
    ("commands", "the command handler"),
    ("domain", "aggregates: decide, evolve; ledger"),
    ("adapters/warehouse", "warehouse: loader"),
    ("adapters", "adapters: sealing, recorder, sinks, stores"),
    ("psycopg", "psycopg: the wire to Postgres"),
)
IDLE = "waiting for Postgres and the warehouse"
START = "start-up: imports"
OTHER = "the rest"

Function = tuple[str, int, str]


def run() -> dict[str, Any]:
    say(f"{ACCOUNTS} accounts, {FIRST} to {QUARTER}")
    with TemporaryDirectory(prefix="tidemark-bench-") as folder:
        found = json.loads(_simulate([str(TIDEMARK)], Path(folder), QUARTER))
    say(f"again to {MONTH}, under the profiler")
    with TemporaryDirectory(prefix="tidemark-bench-") as folder:
        profile = Path(folder) / "profile"
        words = [sys.executable, "-m", "cProfile", "-o", str(profile), str(TIDEMARK)]
        _simulate(words, Path(folder) / "data", MONTH)
        spent = by_area(pstats.Stats(str(profile)).stats)  # type: ignore[attr-defined]
    rows = [
        row(f"simulate, a quarter, {ACCOUNTS} accounts", [found["events_per_s"]]),
        row("all of it", [found["wall_s"]], unit="s"),
    ]
    return report("simulate", 1, rows, notes=_notes(found, spent))


def by_area(stats: dict[Function, Any]) -> Counter[str]:
    """Seconds of each area; time in libraries and the interpreter counts for their callers."""
    spent: Counter[str] = Counter()
    for function, (_, _, own, _, callers) in stats.items():
        area = _area(function)
        if area or not callers:
            spent[area or OTHER] += own
            continue
        for caller, (_, _, part, _) in callers.items():
            spent[_area(caller) or OTHER] += part
    return spent


def _area(function: Function) -> str | None:
    file, _, name = function
    if file.endswith("asyncio/runners.py"):  # includes uvloop's own time, which is waiting
        return IDLE
    if file == "~":
        return IDLE if "time.sleep" in name or "'acquire' of '_thread.lock'" in name else None
    if "importlib" in file:
        return START
    if "/psycopg/" in file or "/psycopg_pool/" in file:
        return AREAS[-1][1]
    try:
        place = Path(file).relative_to(ROOT)
    except ValueError:
        return None
    return next((area for start, area in AREAS if str(place).startswith(start)), None)


def _simulate(tidemark: list[str], data_dir: Path, last: str) -> str:
    words = [
        *tidemark, "--data-dir", str(data_dir), "--json", "simulate", "--from", FIRST,
        "--to", last, "--accounts", str(ACCOUNTS), "--seed", str(SEED),
    ]  # fmt: skip
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"simulate: {done.stderr.strip()[-500:]}")
    return done.stdout


def _notes(found: dict[str, Any], spent: Counter[str]) -> str:
    total = sum(spent.values())
    lines = [
        f"{found['orders']:,} orders, {found['fills']:,} fills, {found['events']:,} events in "
        f"{found['wall_s']:.0f} s: commands, sagas, venue, settlement, {len(VIEWS)} views, "
        "controls of every close in Postgres, ClickHouse and by folding the log. Where the time "
        "goes (cProfile over its first month, which slows Python down but not the databases):",
        "",
        "| area | share |",
        "|---|---|",
    ]
    lines += [f"| {area} | {part / total:.0%} |" for area, part in spent.most_common()]
    return "\n".join(lines)
