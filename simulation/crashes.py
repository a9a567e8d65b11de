"""The crash mode: kills a small run at every moment that can matter, and restarts it.

    one run, undisturbed -> journal of its durable writes, figures
    for every n:  disk after n writes -> a new platform, resumed to the end -> the same figures?

`simulation.killed` defines where a run is killed and what that leaves; `simulation.figures` what
must be the same. Some resumed runs are killed again, twice. Faults are frequent here, so that a
small run has busts, corrections, late and repeated reports, fails and returned payments.
"""

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Any

from msgspec import Struct

from simulation.figures import differences
from simulation.killed import (
    ROUGH,
    Failed,
    Life,
    crash_points,
    describe,
    killed_at,
    live,
)
from simulation.run import Spec
from streams.gateways.counterparties import Faults

CHAIN_EVERY = 10  # one crash point in so many: its resumed run is killed twice more
SHARE = 12  # crash points that a worker takes at a time
SHOWN_MAX = 20  # differences in the answer

Seen = Callable[[int, int], None]


class Found(Struct, frozen=True):
    """The results of a share of the crash points."""

    points: int
    crashes: int
    same_root: int  # runs that ended in the same log, event for event, sagas apart
    differences: list[str]


async def crash_everywhere(
    spec: Spec, *, seen: Seen, every: int = 1, workers: int = 1, faults: Faults = ROUGH
) -> dict[str, Any]:
    """Kill the run at every point (or every n-th), resume it, and compare the figures.

    Args:
        seen: called with (points done, points in all).
        workers: processes to share the work, each with an undisturbed run of its own to compare
            with; 1 does it all in this one.

    Raises:
        ControlsFailed: the undisturbed run could not close a day.
    """
    started = time.monotonic()
    whole = await live(spec, faults=faults)
    numbers = range(len(crash_points(whole.journal)))[::every]
    shares = [numbers[i : i + SHARE] for i in range(0, len(numbers), SHARE)]
    if workers > 1:
        sweep = _in_processes(spec, faults, shares, workers)
    else:
        sweep = _here(whole, spec, faults, shares)
    found: list[Found] = []
    seen(0, len(numbers))
    async for share in sweep:
        found.append(share)
        seen(sum(f.points for f in found), len(numbers))
    return _answer(whole, found) | {"wall_s": round(time.monotonic() - started, 2)}


def _answer(whole: Life, found: Sequence[Found]) -> dict[str, Any]:
    off = [d for share in found for d in share.differences]
    return {
        "appends": sum(w.appends for w in whole.journal),
        "writes": len(whole.journal),
        "points": sum(share.points for share in found),
        "crashes": sum(share.crashes for share in found),
        "equal": not off,
        "same_root": sum(share.same_root for share in found),
        "differences": off[:SHOWN_MAX],
        "differences_all": len(off),
        **whole.counts,
        "trial_balance": {u: f"{a:f}" for u, a in sorted(whole.figures.trial_balance.items())},
        "nav": whole.figures.nav,
    }


async def _here(
    whole: Life, spec: Spec, faults: Faults, shares: Iterable[Sequence[int]]
) -> AsyncIterator[Found]:
    for share in shares:
        yield await _sweep(whole, spec, faults, share)


async def _in_processes(
    spec: Spec, faults: Faults, shares: Iterable[Sequence[int]], workers: int
) -> AsyncIterator[Found]:
    """In the order of the shares, so that the answer does not depend on the workers."""
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        under_way = [loop.run_in_executor(pool, _share, spec, faults, s) for s in shares]
        for one in under_way:
            yield await one


def _share(spec: Spec, faults: Faults, share: Sequence[int]) -> Found:
    """In a worker: the undisturbed run once, then share after share."""
    return asyncio.run(_sweep(_whole(spec, faults), spec, faults, share))


@cache
def _whole(spec: Spec, faults: Faults) -> Life:
    return asyncio.run(live(spec, faults=faults))


async def _sweep(whole: Life, spec: Spec, faults: Faults, share: Sequence[int]) -> Found:
    crashes, same_root, off = 0, 0, list[str]()
    points = crash_points(whole.journal)
    for number in share:
        point, times = points[number], 3 if number % CHAIN_EVERY == 0 else 1
        lives = await killed_at(spec, whole.journal, point, times=times, faults=faults)
        crashes += len(lives)
        same_root += sum(isinstance(life, Life) and life.root == whole.root for life in lives)
        where = describe(whole.journal, point)
        off += [f"{where}: {d}" for life in lives for d in _off(whole, life)]
    return Found(len(share), crashes, same_root, off)


def _off(whole: Life, life: Life | Failed) -> list[str]:
    if isinstance(life, Failed):
        return [life.why]
    return differences(whole.figures, life.figures)
