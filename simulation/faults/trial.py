"""Tries one seed: runs its world undisturbed and under faults, and checks every law."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cache
from typing import Any

from msgspec import Struct

from adapters.proof.log_audit import stats
from projections.catalogue import VIEWS
from simulation.faults.laws import (
    Seen,
    events,
    executions_equal,
    figures_equal,
    log_verifies,
    none_stuck,
    sagas_equal,
    views_equal,
)
from simulation.faults.partitions import COUNTS, partitions_equal
from simulation.faults.schedule import Schedule, Struck, draw
from simulation.faults.virtual_time import Deadlock, Livelock, run
from simulation.faults.world import World
from simulation.figures import Figures, figures
from simulation.run import Spec
from streams.gateways.channels.bank import BankChannel
from streams.gateways.channels.channel import Channel
from streams.gateways.channels.custodian import CustodianChannel
from streams.gateways.channels.venue import VenueChannel
from streams.gateways.counterparties import AHEAD, NextDay

WORLDS = (
    Spec(first=date(2022, 5, 25), last=date(2022, 6, 3), accounts=3, seed=2),
    Spec(first=date(2022, 5, 27), last=date(2022, 6, 3), accounts=2, seed=5),
    Spec(first=date(2022, 8, 29), last=date(2022, 9, 6), accounts=2, seed=9),
)
"""Small, and each with a month's end, a weekend with a holiday, FX, and reports of earlier days."""
APART_EVERY = 4  # one seed in so many has its views also folded partition by partition


class Undisturbed(Struct, frozen=True):
    visits: Mapping[str, int]
    figures: Figures
    seen: Any  # Seen
    counts: Mapping[str, int]


class Trial(Struct, frozen=True):
    """The results of one seed."""

    seed: int
    schedule: list[str]
    struck: list[Struck]
    commands: int  # answered to a client
    lost: list[str]
    doubled: list[str]
    views: list[str]  # differences between what is served and what the log gives
    other: list[str]  # every other law that was broken
    root: str
    wall_s: float

    @property
    def broken(self) -> list[str]:
        return [*self.lost, *self.doubled, *self.views, *self.other]


def trial(seed: int) -> Trial:
    """Try one seed. Deterministic: everything but `wall_s` follows from it."""
    return run_trial(WORLDS[seed % len(WORLDS)], schedule_of(seed))


def schedule_of(seed: int) -> Schedule:
    visits = run_undisturbed(WORLDS[seed % len(WORLDS)]).visits
    return draw(seed, visits, turn=seed // len(WORLDS))


def run_trial(spec: Spec, schedule: Schedule) -> Trial:
    """Run one world under one schedule, and check every law."""
    started = time.monotonic()
    twin, world = run_undisturbed(spec), World(spec, schedule)
    with _silence():
        try:
            found = run(_run_world(world, twin))
        except (Deadlock, Livelock) as e:
            found = _nothing() | {"other": [f"{type(e).__name__}: {e}"]}
    return Trial(
        seed=schedule.seed,
        schedule=schedule.lines(),
        struck=world.fate.struck,
        wall_s=time.monotonic() - started,
        **found,
    )


@cache
def run_undisturbed(spec: Spec) -> Undisturbed:
    """The same world without faults: the figures that a run must have."""
    with _silence():
        return run(_run_twin(World(spec, Schedule(seed=spec.seed, faults={}))))


async def _run_twin(world: World) -> Undisturbed:
    outcome = await world.run()
    log = world.log()
    return Undisturbed(
        dict(world.fate.visits),
        await figures(log, outcome),
        await Seen.of(log),
        {"events": outcome.census.fold.events, **outcome.census.counts},
    )


async def _run_world(world: World, twin: Undisturbed) -> dict[str, Any]:
    found = _nothing()
    try:
        outcome = await world.run()
    except Exception as e:  # any error is a finding
        found["other"].append(f"{type(e).__name__}: {e}")
        outcome = None
    log, schedule = world.log(), world.fate.schedule
    seen = await Seen.of(log)
    channels = _channels(world.spec)
    found["lost"] += seen.lost(world.promises)
    found["other"] += seen.misjudged()
    found["other"] += await log_verifies(log, world.verifier)
    if outcome is not None:
        mine = await figures(log, outcome)
        found["doubled"] += seen.doubled(mine)
        found["views"] += await views_equal(world.disk, log)
        found["other"] += await sagas_equal(world.disk, log, channels)
        found["other"] += await none_stuck(world.disk, channels)
        if schedule.keeps_figures:
            found["other"] += figures_equal(twin.figures, mine, seen, twin.seen)
        elif schedule.keeps_executions:
            found["other"] += executions_equal(twin.figures, mine)
        if schedule.seed % APART_EVERY == 0:
            found["views"] += await _apart(world)
    return found | {
        "commands": len({(p.stream, p.message_id) for p in world.promises}),
        "root": (await stats(world.disk.recorder))["root"],
    }


def _nothing() -> dict[str, Any]:
    return {"lost": [], "doubled": [], "views": [], "other": [], "commands": 0, "root": ""}


async def _apart(world: World) -> list[str]:
    seed = world.fate.schedule.seed
    whole = {view.NAME: await world.disk.rows.checksum(view) for view in VIEWS}
    envelopes = [e async for page in events(world.log()) for e in page]
    count = COUNTS[seed // APART_EVERY % len(COUNTS)]
    return await partitions_equal(envelopes, whole, count=count, seed=seed)


def _channels(spec: Spec) -> tuple[Channel, ...]:
    days = NextDay(spec.last + AHEAD)
    return (VenueChannel(days.settl_date), CustodianChannel(), BankChannel())


@contextmanager
def _silence() -> Iterator[None]:
    """Disable logging: the product would log faults thousands of times here."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
