"""Types of an account's holdings: positions, their lots, and the net asset value.

A figure is shown in a currency only if all of its money is in that currency. Cost and gain of a
security that was traded in several currencies are given by currency (`byCurrency`); their sum is
given only in the account's base currency.
"""

import asyncio
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import strawberry

from api.graphql.engine.fields import field
from api.graphql.engine.sources import Source
from api.graphql.instruments import Instrument, Mark, instrument, listing, mark_of
from api.http.wire import decimal, quantity
from domain.shared.freshness import FRESH_DAYS
from domain.shared.money import EXACT, PRICE_DECIMALS, quantise
from projections.holdings import lots, positions, valuation
from projections.holdings.lots import OpenLot
from projections.holdings.positions import Figure
from projections.holdings.positions import Position as PositionRow
from projections.holdings.valuation import Fixed, Holding, Value
from projections.ledger import cash
from projections.ledger.cash import Cash as CashRow
from projections.market import marks, rates
from projections.market.marks import Mark as MarkRow
from projections.market.rates import Rate
from projections.ports import Row

FIXINGS = "ecb"  # source of the rates that value an account
ID = strawberry.ID


@strawberry.type(description="The shares of one purchase, or the rest of them.")
class Lot:
    id: ID
    isin: str
    qty: str = strawberry.field(description="below zero: sold before it was bought")
    cost: str = strawberry.field(description="in currency")
    currency: str = strawberry.field(description="of the purchase")
    cost_base: str | None = strawberry.field(
        description="in the account's base currency; null until a rate is fixed"
    )
    acquired_on: date


@strawberry.type(description="An old mark or rate that a figure uses.")
class Stale:
    kind: str = strawberry.field(description="mark or rate")
    id: ID = strawberry.field(description="ISIN of a mark, currency of a rate")
    as_of: date
    age_days: int = strawberry.field(description="calendar days since asOf")


@strawberry.type(description="Net asset value; amount is null while a mark or a rate is missing.")
class Nav:
    amount: str | None
    currency: str
    missing: list[str]
    stale: list[Stale] = strawberry.field(
        description=f"those more than {FRESH_DAYS} days old, oldest first"
    )


@strawberry.type(description="Cost and gain of a security in one currency.")
class InCurrency:
    currency: str
    cost_basis: str = strawberry.field(description="cost of the lots bought in this currency")
    realized_pnl: str = strawberry.field(
        description="gain on lots bought and sold in this currency"
    )


@strawberry.type(description="A holding of one security, all lots together.")
class Position:
    _source: strawberry.Private[Source]
    _row: strawberry.Private[PositionRow]
    account_id: ID
    isin: str
    qty: str = strawberry.field(description="trade date")
    settled_qty: str
    reserved_qty: str = strawberry.field(description="held for open sales")
    currency: str = strawberry.field(
        description="of cost and profit; if lots have several, that of the last trade"
    )
    average_cost: str | None = strawberry.field(
        description="cost of one share; null if costBasis is null"
    )
    cost_basis: str | None = strawberry.field(description="null if lots have several currencies")
    cost_basis_base: str | None = strawberry.field(
        description="in the account's base currency; null until a rate is fixed"
    )
    realized_pnl: str | None = strawberry.field(
        description="in currency; null if it was realised in another one, or between two"
    )
    realized_pnl_base: str | None = strawberry.field(
        description="in the account's base currency; null until a rate is fixed"
    )
    base_unknown: bool = strawberry.field(
        description="true while a trade waits for a rate of its currency: base figures are null"
    )
    position: str = strawberry.field(description="of the last event that changed it")

    @strawberry.field
    async def instrument(self) -> Instrument | None:
        row = await listing(self._source, self._row.instrument_id)
        return instrument(self._source, row) if row else None

    @strawberry.field
    def by_currency(self) -> list[InCurrency]:
        return [_in_currency(figure) for figure in positions.figures(self._row)]

    @field("The price that marketValue uses, and how old it is.")
    async def mark(self) -> Mark | None:
        return await mark_of(self._source, self._row.instrument_id)

    @field("At the last mark, in the money of the mark's unit.")
    async def market_value(self) -> str | None:
        value = await value_of(self._source, self._row)
        return decimal(value.amount) if value else None

    @field("Market value less cost; null without a mark, or where they are in several currencies.")
    async def unrealized_pnl(self) -> str | None:
        value = await value_of(self._source, self._row)
        currency, cost = _cost(self._row, positions.figures(self._row))
        if value is None or cost is None or value.currency != currency:
            return None
        return decimal(EXACT.subtract(value.amount, cost))


async def value_of(source: Source, row: PositionRow) -> Value | None:
    """A position at its last mark, on the source's day."""
    terms, mark = await asyncio.gather(
        listing(source, row.instrument_id), source.row(marks, row.instrument_id)
    )
    return valuation.value_of(row.traded, terms, mark if isinstance(mark, MarkRow) else None)


async def positions_of(source: Source, account_id: str, *, closed: bool) -> list[Position]:
    rows = await _positions(source, account_id)
    return [position(source, row) for row in rows if closed or _is_held(row)]


async def lots_of(source: Source, account_id: str) -> list[Lot]:
    rows = await source.children(lots, "account_id", account_id)
    return [_lot(row) for row in rows if isinstance(row, OpenLot)]


async def nav(source: Source, account_id: str, base_currency: str) -> Nav:
    """Traded cash and positions at their last marks, in the base currency."""
    held, money, fixed = await asyncio.gather(
        _positions(source, account_id),
        source.children(cash, "account_id", account_id),
        source.children(rates, "source", FIXINGS),
    )
    values = await asyncio.gather(*(value_of(source, row) for row in held))
    net = valuation.net_value(
        base_currency,
        [(row.currency, row.traded) for row in money if isinstance(row, CashRow)],
        [Holding(row.isin, v) for row, v in zip(held, values, strict=True) if row.traded],
        {r.currency: Fixed(r.per_euro, r.rate_date) for r in fixed if isinstance(r, Rate)},
        today=source.today,
    )
    return Nav(
        amount=None if net.amount is None else decimal(net.amount),
        currency=base_currency,
        missing=list(net.missing),
        stale=[
            Stale(kind=s.kind, id=ID(s.name), as_of=s.as_of, age_days=s.age_days) for s in net.stale
        ],
    )


def position(source: Source, row: PositionRow) -> Position:
    figures = positions.figures(row)
    currency, cost = _cost(row, figures)
    average = EXACT.divide(cost, row.traded) if cost is not None and row.traded else None
    no_cost, no_gain = positions.base_cost_unknown(row), positions.realized_base_unknown(row)
    return Position(
        _source=source,
        _row=row,
        account_id=ID(row.account_id),
        isin=row.isin,
        qty=quantity(row.traded),
        settled_qty=quantity(row.settled),
        reserved_qty=quantity(row.reserved),
        currency=currency,
        average_cost=None if average is None else decimal(_price(average)),
        cost_basis=None if cost is None else decimal(cost),
        cost_basis_base=None if no_cost else decimal(row.cost_base),
        realized_pnl=_realized(row, figures, currency),
        realized_pnl_base=None if no_gain else decimal(row.realized_base),
        base_unknown=no_cost or no_gain,
        position=str(row.position),
    )


def _cost(row: PositionRow, figures: Sequence[Figure]) -> tuple[str, Decimal | None]:
    """The currency and cost of the open lots; cost None: they are in several currencies."""
    costs = [figure for figure in figures if figure.cost]
    match costs:
        case []:
            return row.currency, Decimal(0)
        case [only]:
            return only.currency, only.cost
        case _:
            return row.currency, None


def _realized(row: PositionRow, figures: Sequence[Figure], currency: str) -> str | None:
    """The realised gain since the start; None unless all of it is in `currency`."""
    gains = [figure for figure in figures if figure.realized]
    if row.crossed or any(figure.currency != currency for figure in gains):
        return None
    return decimal(sum((figure.realized for figure in gains), Decimal(0)))


def _in_currency(figure: Figure) -> InCurrency:
    return InCurrency(
        currency=figure.currency,
        cost_basis=decimal(figure.cost),
        realized_pnl=decimal(figure.realized),
    )


async def _positions(source: Source, account_id: str) -> Sequence[PositionRow]:
    rows: Sequence[Row] = await source.children(positions, "account_id", account_id)
    return [row for row in rows if isinstance(row, PositionRow)]


def _is_held(row: PositionRow) -> bool:
    """Whether shares are held by trade date; sold ones not yet delivered are an obligation."""
    return bool(row.traded)


def _price(number: Decimal) -> Decimal:
    return quantise(number, PRICE_DECIMALS)


def _lot(row: OpenLot) -> Lot:
    return Lot(
        id=ID(row.lot_id),
        isin=row.isin,
        qty=quantity(row.qty),
        cost=decimal(row.cost),
        currency=row.currency,
        cost_base=None if row.base_unknown else decimal(row.cost_base),
        acquired_on=row.acquired_on,
    )
