"""Tries many seeds on all cores: the answer of `tidemark simulate --worlds N`."""

import asyncio
import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from simulation.faults.trial import Trial, trial

SHARE = 8  # seeds that a worker takes at a time
SHOWN_MAX = 20  # failing seeds in the answer
DIFFERENCES_MAX = 10  # of each

Progress = Callable[[int, int], None]


async def campaign(seeds: Sequence[int], *, seen: Progress, workers: int = 1) -> dict[str, Any]:
    """Try every seed; the answer does not depend on `workers`, except for `wall_s`.

    Args:
        seen: called with (seeds done, seeds in all).
        workers: processes; 1 does it all in a single one beside this.
    """
    started = time.monotonic()
    found: list[Trial] = []
    seen(0, len(seeds))
    async for share in _shares(seeds, workers):
        found += share
        seen(len(found), len(seeds))
    return answer(found) | {"wall_s": round(time.monotonic() - started, 2)}


def answer(found: Sequence[Trial]) -> dict[str, Any]:
    """The counts of a campaign. `differences` names the seeds that broke a law, and which."""
    kinds = Counter(str(s.kind) for t in found for s in t.struck)
    failing = [t for t in found if t.broken]
    return {
        "runs": len(found),
        "faults": kinds.total(),
        "kinds": dict(sorted(kinds.items())),
        "commands": sum(t.commands for t in found),
        "lost": sum(len(t.lost) for t in found),
        "doubled": sum(len(t.doubled) for t in found),
        "views_equal": not any(t.views for t in found),
        "failing": len(failing),
        "differences": [
            {"seed": t.seed, "broken": t.broken[:DIFFERENCES_MAX], "all": len(t.broken)}
            for t in failing[:SHOWN_MAX]
        ],
    }


async def _shares(seeds: Sequence[int], workers: int) -> AsyncIterator[list[Trial]]:
    """In the order of the seeds, in other processes: the seeds' loops keep no real time."""
    loop = asyncio.get_running_loop()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, initializer=_end_with_parent) as pool:
        shares = [seeds[i : i + SHARE] for i in range(0, len(seeds), SHARE)]
        for one in [loop.run_in_executor(pool, run_seeds, share) for share in shares]:
            yield await one


def _end_with_parent() -> None:
    """End this worker when the campaign is killed; it would wait for seeds for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="watches the campaign", daemon=True).start()


def run_seeds(seeds: Sequence[int]) -> list[Trial]:
    return [trial(seed) for seed in seeds]


def trace(one: Trial) -> list[str]:
    """A run, readable: what was to go wrong, what did, and which laws were broken."""
    struck = [
        f"{s.at:%Y-%m-%d %H:%M:%S} {s.process} {s.site}[{s.number}] {s.kind}" for s in one.struck
    ]
    return [
        f"seed {one.seed}: {len(one.schedule)} faults drawn, {len(one.struck)} struck, "
        f"{one.commands} commands answered, root {one.root[:16]}",
        *(f"  {line}" for line in struck),
        *(f"  BROKEN {line}" for line in one.broken),
        "  every law holds" if not one.broken else f"  {len(one.broken)} laws broken",
    ]
