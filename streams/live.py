"""A platform driven live, on the clock of its log.

machine's clock     simulated counterparties that never close, around the last marks
simulated clock     the market of the log's run, played on from where the log ends
"""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from adapters import market_history
from adapters.clock import PacedClock
from adapters.simulators.statement import PostgresStatement
from adapters.wiring import Platform
from adapters.worker_wiring import saga_lease
from commands.ports import Unreadable
from projections import marks
from projections.ports import Change
from streams.bus_side import BusSide
from streams.counterparties import live_street
from streams.drive import Drive
from streams.saga_worker import held
from streams.simulation.live import DemoDrive, Floor, LiveMarket, News
from streams.simulation.pace import Pace
from streams.simulation.run import Spec
from streams.simulation.street import street_of

_log = logging.getLogger(__name__)


async def live_drive(platform: Platform, bus: BusSide | None = None) -> Drive:
    """What `serve` runs; the street knows the marks that the views have, and follows them."""
    prices: dict[str, Decimal] = {}
    units: dict[str, str] = {}
    statement = PostgresStatement(platform.database_url)
    drive = Drive(
        platform,
        lambda p, send: live_street(
            p.log,
            p.saga_store,
            send,
            clock=p.clock,
            statement=statement,
            marks=prices,
            units=units,
        ),
        bus=bus,
        seal_s=platform.settings.seal_s,
    )
    await _catch_up(drive)
    async with platform.sink.snapshot() as connection:
        async for page in platform.sink.scan(connection, marks):
            known: list[Any] = list(page)
            prices.update({row.instrument_id: row.price for row in known})
            units.update({row.instrument_id: row.currency for row in known})

    def follow(changes: Sequence[Change]) -> None:
        for change in changes:
            if change.view is marks:
                rows: list[Any] = [row for row in change.rows.values() if row is not None]
                prices.update({row.instrument_id: row.price for row in rows})
                units.update({row.instrument_id: row.currency for row in rows})

    drive.views.listen(follow, wants=lambda: {marks.NAME: {}})
    return drive


DEMO_SEAL_S = 1_800.0  # on the demo's clock: half a minute at six minutes a session


async def demo_drive(
    platform: Platform,
    *,
    pace: Callable[[], Pace],
    news: News,
    bus: BusSide | None = None,
) -> DemoDrive:
    """What `serve` runs on a log of a run. It leads the sagas itself: they follow its clock."""
    run, clock = platform.origin.run, platform.clock
    assert isinstance(clock, PacedClock), "only a paced clock can be played on"
    assert run.first_day is not None, "only a run that the log names can be played on"
    last = market_history.prices().dates[-1]
    spec = Spec(first=run.first_day, last=last, accounts=run.accounts, seed=run.seed)
    street = street_of(spec, PostgresStatement(platform.database_url))
    drive = DemoDrive(platform, street, bus=bus, seal_s=DEMO_SEAL_S)
    floor = Floor(drive, clock, pace=pace, news=news)

    @asynccontextmanager
    async def leading() -> AsyncIterator[None]:
        lease = saga_lease(platform, "serve")
        try:
            async with held(lease, platform.saga_store):
                yield
        finally:
            await lease.close()

    if bus is None:
        drive.market = LiveMarket(platform, floor, spec)
    else:
        drive.market = LiveMarket(platform, floor, spec, leading=leading)
    await _catch_up(drive)
    return drive


async def _catch_up(drive: Drive) -> None:
    """Bring the views to the log's end; with a bus the workers do, meanwhile."""
    try:
        if drive.bus is None:
            await drive.views.catch_up()
        else:
            await drive.bus.views.prepare()
    except Unreadable as e:  # commands go on; the views stand before it, and health says so
        _log.error("views stand still: %s", e)
