"""`tidemark simulate`: trades real market history through the ledger, end to end.

It needs no counterparty and no network; the same seed gives the same log, event for event.
"""

import argparse
import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

from msgspec.structs import replace

from adapters.host.clock import SimulatedClock
from adapters.host.entropy import SeededEntropy
from adapters.market import history as market_history
from adapters.simulators.statement import PostgresStatement
from adapters.wiring.platform import Platform
from adapters.wiring.workers import open_bus, saga_lease
from api.cli import (
    UsageError,
    add_verb,
    command_line,
    emit,
    say,
    settings,
    simulate_worlds,
    wants_json,
)
from api.cli.opening import platform_of
from api.cli.progress import Bar
from api.cli.summary import figures, table
from simulation import run as runs
from simulation.run import ControlsFailed
from simulation.street import FAULTS, street_of
from streams.bus_side import BusSide
from streams.drive import Drive
from streams.log.signer import StatementLost
from streams.sagas.worker import LeaseHeld, holding
from streams.supervise import Supervisor
from streams.views.followed import ViewsStalled

ACCOUNTS_MAX = 100_000
YEAR = runs.Spec(first=date(2022, 1, 3), last=date(2022, 12, 28), accounts=100, seed=1)
SMALL = runs.Spec(first=date(2022, 5, 23), last=date(2022, 6, 13), accounts=4, seed=2)
"""The run of --crash: 15 sessions over a month's end, in three currencies."""
WORKERS_MAX = 4  # of --crash

ABOUT = """\
Trade real daily prices of 20 US stocks through the ledger, from order to settlement: clients with
strategies, a venue with partial fills and busts, a custodian that fails at times. Prices run from
1990 to 2022-12-28. Each day closes only if its controls hold. The data directory must be empty, or
hold the same run: the verb then continues it. `tidemark serve` plays the days after it.
"""
MORE = """\
examples:
  tidemark simulate --data-dir /tmp/year
  tidemark simulate --from 2008-01-02 --to 2009-12-31 --accounts 20 --data-dir /tmp/crisis

exit codes: 0 done; 1 it failed, or figures differ; 2 the run is not possible (one line gives the
            reason)
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "simulate", about=ABOUT, more=MORE)
    verb.add_argument(
        "--from",
        dest="first",
        type=_day,
        metavar="DAY",
        help="first day to trade (default 2022-01-03)",
    )
    verb.add_argument(
        "--to", dest="last", type=_day, metavar="DAY", help="last day to trade (default 2022-12-28)"
    )
    verb.add_argument(
        "--accounts", type=int, metavar="N", help="how many accounts trade (default 100)"
    )
    verb.add_argument(
        "--seed",
        type=int,
        metavar="S",
        help="the seed of all random choices (default 1): the same seed gives the same log",
    )
    verb.add_argument(
        "--faults",
        choices=list(FAULTS),
        help="how often the counterparties misbehave (default some)",
    )
    verb.add_argument(
        "--no-warehouse",
        action="store_true",
        help="close days without ClickHouse's part of the controls",
    )
    _add_others(verb)
    verb.set_defaults(run=_run)


def _add_others(verb: argparse.ArgumentParser) -> None:
    """Add the options for other kinds of run, which do not use the data directory."""
    verb.add_argument(
        "--crash",
        action="store_true",
        help="instead: kill and restart a small platform at every append, compare the figures",
    )
    verb.add_argument(
        "--crash-every",
        type=int,
        default=1,
        metavar="N",
        help="with --crash: only at every N-th append",
    )
    verb.add_argument(
        "--worlds",
        type=int,
        metavar="N",
        help="instead: N runs of a small platform, each under faults of its own seed",
    )
    verb.add_argument(
        "--world-seed",
        type=int,
        metavar="X",
        help="with --worlds: only the run of this seed, with all that happens in it",
    )


async def _run(args: argparse.Namespace) -> int:
    if args.worlds is not None or args.world_seed is not None:
        return await simulate_worlds.run(args)
    spec = spec_of(args)
    if line := cut_short(spec):
        say(line)
    if args.crash:
        return await _crash(args, spec)
    answer = await simulate(args, spec, warehouse=not args.no_warehouse)
    emit(args, answer, table(answer))
    return 0


def spec_of(args: argparse.Namespace) -> runs.Spec:
    """The run that the options describe.

    Raises:
        UsageError: such a run is impossible, with the reason.
    """
    default = SMALL if args.crash else YEAR
    given = {name: getattr(args, name) for name in ("first", "last", "accounts", "seed", "faults")}
    spec = replace(default, **{name: v for name, v in given.items() if v is not None})
    if not 1 <= spec.accounts <= ACCOUNTS_MAX:
        raise UsageError(f"--accounts must be from 1 to {ACCOUNTS_MAX}, not {spec.accounts}")
    if spec.first > spec.last:
        raise UsageError(f"--from {spec.first} is after --to {spec.last}")
    if args.crash_every < 1:
        raise UsageError(f"--crash-every must be at least 1, not {args.crash_every}")
    try:
        runs.eve_of(spec)
    except market_history.OutsideHistory as e:
        raise UsageError(str(e)) from e
    return spec


def cut_short(spec: runs.Spec) -> str:
    """A line that names the last day to trade, if the prices end before `--to`; else ""."""
    end = market_history.prices().dates[-1]
    if spec.last <= end:
        return ""
    return f"--to {spec.last} is cut to {end}: the prices end on that day"


async def simulate(
    args: argparse.Namespace, spec: runs.Spec, *, warehouse: bool = True
) -> dict[str, Any]:
    """Run or continue the simulation of the data directory, and return its figures."""
    clock = SimulatedClock(runs.eve_of(spec))
    platform = await platform_of(
        settings(args), verb="simulate", clock=clock, entropy=SeededEntropy(spec.seed)
    )
    async with platform:
        outcome = await history(platform, args, spec, clock=clock, warehouse=warehouse)
        return await figures(platform, outcome)


async def history(
    platform: Platform,
    args: argparse.Namespace,
    spec: runs.Spec,
    *,
    clock: SimulatedClock,
    warehouse: bool = True,
) -> runs.Outcome:
    """Trade the part of a run that is not traded yet, on an open platform.

    Raises:
        UsageError: the run cannot go on, with the reason.
    """
    try:
        runs.bound(platform.origin.run, spec, where=platform.settings.data_dir)
        async with bus_of(platform) as bus:
            street = street_of(spec, PostgresStatement(platform.database_url))
            drive = Drive(platform, street, bus=bus)
            with Bar(quiet=wants_json(args)) as bar:
                run = runs.Run(platform, drive, clock, spec, warehouse=warehouse)
                return await run.go(bar.show, checked=bar.show_check)
    except (runs.OtherRun, ControlsFailed, LeaseHeld, ViewsStalled, StatementLost) as e:
        raise UsageError(str(e)) from e


@asynccontextmanager
async def bus_of(platform: Platform) -> AsyncIterator[BusSide | None]:
    """The bus of the settings, with relay and workers running; None: this process folds views.

    This process runs the sagas in both cases, as the simulated clock dates their commands.

    Raises:
        LeaseHeld: workers lead the sagas.
    """
    if platform.settings.kafka is None:
        yield None
        return
    opened = await open_bus(platform)
    worker = command_line("worker", "--views", "all")
    bus = BusSide(platform, opened, worker=worker, sagas=False)
    lease = saga_lease(platform, "simulate")
    stop = asyncio.Event()
    try:
        async with holding(lease, platform.saga_store):
            running = asyncio.create_task(Supervisor().run([bus.tasks()], stop))
            try:
                yield bus
            finally:
                stop.set()
                await running
    finally:
        await lease.close()
        opened.close()


async def _crash(args: argparse.Namespace, spec: runs.Spec) -> int:
    from simulation.crashes import crash_everywhere  # noqa: PLC0415

    try:
        with Bar(quiet=wants_json(args), what="crash points") as bar:
            workers = min(os.cpu_count() or 1, WORKERS_MAX)
            answer = await crash_everywhere(
                spec, seen=bar.count, every=args.crash_every, workers=workers
            )
    except ControlsFailed as e:
        raise UsageError(str(e)) from e
    text = (
        f"{answer['events']} events in {answer['appends']} appends, {answer['writes']} durable "
        f"writes; killed before, half-way through and after each: {answer['crashes']} times, "
        f"figures {'equal' if answer['equal'] else 'DIFFER'}"
    )
    emit(args, answer, "\n".join([text, *answer["differences"]]))
    return 0 if answer["equal"] else 1


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date like 2022-01-03") from None
