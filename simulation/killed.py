"""One process of a run that is killed: where it can be killed, what it leaves, how it goes on.

A killed process leaves what it had written and no more (`adapters.memory.disk`). So a platform
started on the disk as it was after n writes is a platform that was killed there: before the next
append, or after the last append and before its caller got an answer. Every write counts
(events, states of sagas and gateways, views, keys, the street's statement), and so do *torn*
appends, of which only the first half was written: a store commits large batches in parts.

Everything else is gone: state cache, dispatcher, saga runner, gateways, the counterparties with
all they knew, the run itself.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from adapters.host.clock import SimulatedClock
from adapters.host.entropy import SeededEntropy
from adapters.memory.disk import Disk, Write
from adapters.proof.log_audit import stats
from adapters.simulators.misbehaviour import BankFaults, CustodianFaults, VenueFaults
from simulation.figures import Figures, figures
from simulation.memory_platform import MemoryPlatform
from simulation.run import Outcome, Run, Spec, eve_of
from simulation.street import street_of
from streams.drive import Drive
from streams.gateways.counterparties import Faults

LIFE_MAX_S = 300.0  # a run that takes longer hangs
ROUGH = Faults(
    VenueFaults(
        reject=0.05,
        cancel=0.05,
        overfill=0.05,
        bust=0.1,
        correct=0.1,
        duplicate=0.2,
        late=0.1,
        out_of_order=0.1,
        miscount=0.2,
    ),
    CustodianFaults(fail=0.2, partial=0.2, duplicate=0.2, deny_cancel=0.1),
    BankFaults(reject=0.2, give_back=0.2, duplicate=0.2),
)
"""Fault rates high enough that a small run has each of the faults."""


class Point(Struct, frozen=True):
    """Where a run is killed: after its first `writes`, and a part of the next if `torn`."""

    writes: int
    torn: bool = False


class Life(Struct, frozen=True):
    """One process, from its start to the end of the run."""

    journal: Sequence[Write]  # of the disk, with what the process found on it
    figures: Figures
    root: str
    counts: dict[str, int]


class Failed(Struct, frozen=True):
    """A resumed run that did not reach the end, and why."""

    why: str


async def live(spec: Spec, found: Sequence[Write] = (), *, faults: Faults = ROUGH) -> Life:
    """Start, or go on from what a killed process left, and run to the end.

    Raises:
        ControlsFailed: a day could not be closed.
        TimeoutError: the run hangs.
    """
    entropy, clock = SeededEntropy(spec.seed), SimulatedClock(eve_of(spec))
    disk = await Disk.after(found, entropy)
    platform = MemoryPlatform(disk, clock, entropy)
    try:
        drive = Drive(platform, street_of(spec, disk.statement, faults))
        run = Run(platform, drive, clock, spec, warehouse=False)
        async with asyncio.timeout(LIFE_MAX_S):
            outcome = await run.go(lambda _: None)
        journal = tuple(disk.journal)  # without the writes of an orderly close
        return Life(
            journal,
            await figures(platform.log, outcome),
            (await stats(disk.recorder))["root"],
            _counts(outcome),
        )
    finally:
        await platform.close()


def crash_points(journal: Sequence[Write]) -> list[Point]:
    """Every state of the disk that a kill can leave, in the order in which they come about."""
    out = []
    for n, write in enumerate(journal):
        out.append(Point(n))
        if len(_batch(write)) > 1:
            out.append(Point(n, torn=True))
    return [*out, Point(len(journal))]


async def killed_at(
    spec: Spec,
    journal: Sequence[Write],
    point: Point,
    *,
    times: int = 1,
    faults: Faults = ROUGH,
) -> list[Life | Failed]:
    """The runs resumed after a kill at `point`; more than one where the resumed run is killed too.

    A second kill hits the resumed run after a third of its own writes, a third one half-way.
    """
    lives: list[Life | Failed] = []
    left = remains(journal, point)
    for number in range(times):
        try:
            life = await live(spec, left, faults=faults)
        except Exception as e:  # any error is a finding
            lives.append(Failed(f"{type(e).__name__}: {e}"))
            break
        lives.append(life)
        own = len(life.journal) - len(left)
        left = life.journal[: len(left) + own // (3 - number if number < 2 else 2)]
    return lives


def remains(journal: Sequence[Write], point: Point) -> Sequence[Write]:
    """What a process that is killed at `point` of its journal leaves behind."""
    left = journal[: point.writes]
    if not point.torn:
        return left
    torn = journal[point.writes]
    batch = _batch(torn)
    return [*left, torn._replace(args=(batch[: len(batch) // 2], *torn.args[1:]))]


def describe(journal: Sequence[Write], point: Point) -> str:
    if point.writes == len(journal):
        return "after everything"
    write = journal[point.writes]
    name = f"write {point.writes + 1}, {write.store}.{write.method}"
    return f"half-way through {name}" if point.torn else f"before {name}"


def _batch(write: Write) -> Sequence[Any]:
    """What an append writes; nothing for other writes."""
    return write.args[0] if write.appends else ()


def _counts(outcome: Outcome) -> dict[str, int]:
    """Counts of what happened, to show how much the run tested."""
    counts, events = outcome.census.counts, outcome.census.fold.events
    names = ("orders", "fills", "busts", "settled", "after_bust")
    failed = len(outcome.census.failed)
    return {"events": events} | {n: counts[n] for n in names} | {"failed": failed}
