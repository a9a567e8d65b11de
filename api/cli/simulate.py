"""`tidemark simulate`: trade real market history through the ledger, end to end.

Needs no counterparty and no network; the same seed gives the same log, event for event.
"""

import argparse
from datetime import date
from typing import Any

from adapters import market_history
from adapters.clock import SimulatedClock
from adapters.entropy import SeededEntropy
from adapters.simulators.statement import PostgresStatement
from adapters.wiring import open_platform
from api.cli import UsageError, emit, settings, wants_json
from api.cli.progress import Bar
from api.cli.summary import figures, table
from streams.drive import Drive
from streams.simulation import run as runs
from streams.simulation.auditor import ControlsFailed
from streams.simulation.street import street_of

ACCOUNTS_MAX = 100_000


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = verbs.add_parser("simulate", parents=[shared], help="trade real market history")
    verb.add_argument("--from", dest="first", type=_day, default=date(2022, 1, 3), metavar="D")
    verb.add_argument("--to", dest="last", type=_day, default=date(2022, 12, 28), metavar="D")
    verb.add_argument("--accounts", type=int, default=100, metavar="N")
    verb.add_argument("--seed", type=int, default=1, metavar="S")
    verb.add_argument("--no-warehouse", action="store_true", help="leave ClickHouse out")
    verb.add_argument(
        "--crash",
        action="store_true",
        help="kill and restart the platform at every append, and compare the figures",
    )
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> int:
    spec = spec_of(args)
    if args.crash:
        return await _crash(args, spec)
    answer = await simulate(args, spec, warehouse=not args.no_warehouse)
    emit(args, answer, table(answer))
    return 0


def spec_of(args: argparse.Namespace) -> runs.Spec:
    """The run that was asked for.

    Raises:
        UsageError: it cannot be had, and why.
    """
    if not 1 <= args.accounts <= ACCOUNTS_MAX:
        raise UsageError(f"--accounts must be from 1 to {ACCOUNTS_MAX}, not {args.accounts}")
    if args.first > args.last:
        raise UsageError(f"--from {args.first} is after --to {args.last}")
    spec = runs.Spec(first=args.first, last=args.last, accounts=args.accounts, seed=args.seed)
    try:
        runs.eve_of(spec)
    except market_history.OutsideHistory as e:
        raise UsageError(str(e)) from e
    return spec


async def simulate(
    args: argparse.Namespace, spec: runs.Spec, *, warehouse: bool = True
) -> dict[str, Any]:
    """Run, or go on with, the simulation of the data directory; its figures."""
    clock = SimulatedClock(runs.eve_of(spec))
    config = settings(args)
    platform = await open_platform(
        config, verb="simulate", clock=clock, entropy=SeededEntropy(spec.seed)
    )
    async with platform:
        try:
            runs.remember(config.data_dir, spec)
            drive = Drive(platform, street_of(spec, PostgresStatement(platform.database_url)))
            with Bar(quiet=wants_json(args)) as bar:
                run = runs.Run(platform, drive, clock, spec, warehouse=warehouse)
                outcome = await run.go(bar.show)
        except (runs.OtherRun, ControlsFailed) as e:
            raise UsageError(str(e)) from e
        return await figures(platform, outcome)


async def _crash(args: argparse.Namespace, spec: runs.Spec) -> int:
    from streams.simulation.crashes import crash_everywhere  # noqa: PLC0415

    with Bar(quiet=wants_json(args), what="crashes") as bar:
        answer = await crash_everywhere(spec, seen=bar.count)
    text = (
        f"{answer['appends']} appends, crashed before and after each: "
        f"{answer['crashes']} restarts, figures {'equal' if answer['equal'] else 'DIFFER'}"
    )
    emit(args, answer, text)
    return 0 if answer["equal"] else 1


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date like 2022-01-03") from None
