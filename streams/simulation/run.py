"""A whole run: set the stage, trade every session, close every day, say what came of it.

A run may stop anywhere. Started again on the same directory it goes on behind the last closed
day: the morning's decisions are taken on the books as they were then, and whatever of the day
was done already is known by its message id.
"""

import json
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from adapters.clock import SimulatedClock
from adapters.wiring import Platform
from streams.drive import Drive
from streams.simulation.auditor import Auditor
from streams.simulation.books import Books
from streams.simulation.clockwork import CONTROLS, MORNING, at
from streams.simulation.day import Trading
from streams.simulation.history import History
from streams.simulation.plans import Plan, plans
from streams.simulation.stage import renewal, stage

SPEC = "simulation.json"


class Spec(Struct, frozen=True, kw_only=True):
    """What makes a run what it is. The last day may be moved out later; the rest is fixed."""

    first: date
    last: date
    accounts: int
    seed: int


class OtherRun(Exception):
    """The data directory holds another run."""


class Progress(Struct, frozen=True, kw_only=True):
    day: date
    done: int  # sessions
    total: int
    events: int
    position: int


class Outcome(Struct, frozen=True, kw_only=True):
    """What a run leaves behind, for the summary."""

    auditor: Any
    plans: tuple[Plan, ...]
    books: Books
    history: History
    declined: dict[str, int]
    wall_s: float
    events_before: int  # in the log when this process began


def remember(data_dir: Path, spec: Spec) -> None:
    """Bind the directory to the run, or check that it is bound to this one.

    Raises:
        OtherRun: it holds a run with another start, number of accounts or seed.
    """
    path = data_dir / SPEC
    mine = {"from": str(spec.first), "accounts": spec.accounts, "seed": spec.seed}
    if path.exists():
        theirs = json.loads(path.read_text())
        off = [f"{k} {theirs.get(k)}, not {v}" for k, v in mine.items() if theirs.get(k) != v]
        if off:
            raise OtherRun(f"{data_dir} holds a run with {', '.join(off)}")
        return
    data_dir.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(mine) + "\n")


def eve_of(spec: Spec) -> datetime:
    """When the clock of a run starts."""
    return at(History(spec.first, spec.last).eve, MORNING)


async def run(
    platform: Platform,
    drive: Drive,
    clock: SimulatedClock,
    *,
    spec: Spec,
    seen: Callable[[Progress], None],
    warehouse: bool = True,
) -> Outcome:
    """Trade every session of `spec` that is not closed yet.

    Raises:
        ControlsFailed: a day could not be closed.
    """
    started = time.monotonic()
    history = History(spec.first, spec.last)
    wanted = plans(spec.accounts, seed=spec.seed, symbols=history.symbols)
    if not history.has_rates:
        wanted = tuple(_in_dollars(p) for p in wanted)
    auditor = Auditor(platform, drive, warehouse=warehouse)
    await auditor.catch_up()
    before = auditor.counts["events"]
    trading = Trading(platform, clock, drive, history)
    books = Books(platform, history)
    house: Any = (await platform.handler.state("house-main"))[0]
    closed, closed_at = house.last_day, house.last_position
    clock.set(at(history.eve, MORNING))
    if closed is None:
        await trading.send(stage(history, wanted))
        await trading.send(trading.marks(history.eve))
    resumed = auditor.position > closed_at
    for i, day in enumerate(history.sessions):
        if closed is not None and day <= closed:
            continue
        clock.set(at(day, MORNING) - timedelta(minutes=1))
        await drive.drain()
        await books.morning(wanted, day, closed_at if resumed and closed else None)
        await _reviews(platform, trading, wanted, day, first=history.sessions[0])
        await trading.run(day, wanted, books)
        clock.set(at(day, CONTROLS))
        await auditor.close(day, wanted)
        resumed = False
        seen(_progress(day, i + 1, history, auditor))
    await drive.drain()
    await auditor.catch_up()
    await drive.views_to(auditor.position)
    if warehouse:
        await drive.facts_to(auditor.position)
    await books.refresh(wanted)
    return Outcome(
        auditor=auditor,
        plans=wanted,
        books=books,
        history=history,
        declined=trading.tally.declined,
        wall_s=time.monotonic() - started,
        events_before=before,
    )


async def _reviews(
    platform: Platform, trading: Trading, wanted: tuple[Plan, ...], day: date, *, first: date
) -> None:
    """Once a year has passed, hand in what is due for review, so that trading goes on."""
    if (day - first).days < 365:
        return
    for client_id in sorted({p.client_id for p in wanted}):
        client: Any = (await platform.handler.state(f"client-{client_id}"))[0]
        if client.status in ("review_due", "overdue"):
            await trading.send(renewal(client_id, day))


def _progress(day: date, done: int, history: History, auditor: Auditor) -> Progress:
    return Progress(
        day=day,
        done=done,
        total=len(history.sessions),
        events=auditor.counts["events"],
        position=auditor.position,
    )


def _in_dollars(plan: Plan) -> Plan:
    """Before 1999 there is no ECB fixing to convert at."""
    return replace(plan, base_currency="USD")
