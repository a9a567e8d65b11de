"""Drives a platform live on the machine's clock.

The simulated counterparties never close; they trade around the last marks.
"""

import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from adapters.operations.fold_apart import fold_apart
from adapters.simulators.statement import PostgresStatement
from adapters.wiring.platform import Platform
from adapters.wiring.venues import open_venues
from adapters.wiring.views import FOLD
from commands.ports import Unreadable
from projections.catalogue import VIEWS
from projections.market import marks
from projections.ports import Change
from streams.bus_side import BusSide
from streams.drive import Drive
from streams.gateways.counterparties import live_street

_log = logging.getLogger(__name__)


async def live_drive(platform: Platform, bus: BusSide | None = None) -> Drive:
    """Make what `serve` runs; the street starts from the views' marks and follows them."""
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
            venues=open_venues(platform, send),
        ),
        bus=bus,
        seal_s=platform.settings.seal_s,
    )
    await catch_up(platform, drive)
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


async def catch_up(platform: Platform, drive: Drive) -> None:
    """Bring the views to the log's end; with a bus only make the tables, which workers fill.

    Empty views first fold a long log in several processes.
    """
    try:
        if drive.bus is None:
            data_dir = platform.settings.data_dir
            await fold_apart(platform.log, platform.sink, VIEWS, child=FOLD, data_dir=data_dir)
            await drive.views.catch_up()
        else:
            await drive.bus.views.prepare()
    except Unreadable as e:  # commands go on; the views stop before it, and health shows it
        _log.error("views have stopped: %s", e)
