"""Drives a demo live on the clock of its log; its market goes on where the run ended."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from adapters.host.clock import PacedClock
from adapters.market import history as market_history
from adapters.simulators.statement import PostgresStatement
from adapters.wiring.platform import Platform
from adapters.wiring.workers import saga_lease
from simulation.live import DemoDrive, Floor, LiveMarket, News
from simulation.pace import Pace
from simulation.run import Spec
from simulation.street import street_of
from streams.bus_side import BusSide
from streams.live import catch_up
from streams.sagas.worker import holding

DEMO_SEAL_S = 1_800.0  # on the demo's clock: half a minute at six minutes a session


async def demo_drive(
    platform: Platform,
    *,
    pace: Callable[[], Pace],
    news: News,
    bus: BusSide | None = None,
) -> DemoDrive:
    """Make what `serve` runs on a run's log. It leads the sagas itself: they follow its clock."""
    run, clock = platform.origin.run, platform.clock
    assert isinstance(clock, PacedClock), "only a paced clock can be played on"
    assert run.first_day is not None, "only a run that the log names can be played on"
    last = market_history.prices().dates[-1]
    spec = Spec(
        first=run.first_day, last=last, accounts=run.accounts, seed=run.seed, faults=run.faults
    )
    street = street_of(spec, PostgresStatement(platform.database_url))
    drive = DemoDrive(platform, street, bus=bus, seal_s=DEMO_SEAL_S)
    floor = Floor(drive, clock, pace=pace, news=news)

    @asynccontextmanager
    async def leading() -> AsyncIterator[None]:
        lease = saga_lease(platform, "serve")
        try:
            async with holding(lease, platform.saga_store):
                yield
        finally:
            await lease.close()

    if bus is None:
        drive.market = LiveMarket(platform, floor, spec)
    else:
        drive.market = LiveMarket(platform, floor, spec, leading=leading)
    await catch_up(platform, drive)
    return drive
