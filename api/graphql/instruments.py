"""Instrument and its last mark."""

from datetime import date

import strawberry

from api.graphql.engine.sources import Source
from api.http.wire import decimal, quantity
from domain.shared.freshness import FRESH_DAYS, is_stale
from projections.market import instruments, marks
from projections.market.instruments import InstrumentRow
from projections.market.marks import Mark as MarkRow


@strawberry.type(description="The newest price that figures are computed from.")
class Mark:
    price: str = strawberry.field(description="as quoted, in currency (or percent of par)")
    currency: str
    price_date: date
    source: str
    age_days: int = strawberry.field(description="calendar days since priceDate")
    stale: bool = strawberry.field(description=f"more than {FRESH_DAYS} days old")


@strawberry.type(description="One listing of a security, by its terms of the day asked for.")
class Instrument:
    _source: strawberry.Private[Source]
    id: strawberry.ID
    symbol: str
    isin: str
    name: str
    status: str = strawberry.field(description="listed, halted or delisted")
    currency: str = strawberry.field(description="of quotes")
    settlement_currency: str
    mic: str
    country: str
    asset_class: str
    tick_size: str
    lot_size: str
    qty_increment: str

    @strawberry.field
    async def mark(self) -> Mark | None:
        return await mark_of(self._source, self.id)


async def mark_of(source: Source, instrument_id: str) -> Mark | None:
    """The newest price of an instrument, with its age on the source's day."""
    row = await source.row(marks, instrument_id)
    return _mark(row, source.today) if isinstance(row, MarkRow) else None


async def listing(source: Source, instrument_id: str) -> InstrumentRow | None:
    """The terms of an instrument on the source's day."""
    row = await source.row(instruments, instrument_id)
    return instruments.terms(row, source.today) if isinstance(row, InstrumentRow) else None


def of_day(source: Source, row: InstrumentRow) -> Instrument:
    """A listing with its terms on the source's day."""
    return instrument(source, instruments.terms(row, source.today))


def instrument(source: Source, row: InstrumentRow) -> Instrument:
    return Instrument(
        _source=source,
        id=strawberry.ID(row.instrument_id),
        symbol=row.symbol,
        isin=row.isin,
        name=row.name,
        status=row.status,
        currency=row.currency,
        settlement_currency=row.settlement_currency,
        mic=row.mic,
        country=row.country,
        asset_class=row.asset_class,
        tick_size=decimal(row.tick_size),
        lot_size=quantity(row.lot_size),
        qty_increment=quantity(row.qty_increment),
    )


def _mark(row: MarkRow, today: date) -> Mark:
    return Mark(
        price=decimal(row.price),
        currency=row.currency,
        price_date=row.price_date,
        source=row.source,
        age_days=(today - row.price_date).days,
        stale=is_stale(row.price_date, today),
    )
