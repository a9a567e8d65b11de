"""Account, what it holds and what that is worth; Client, whose accounts they are."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from api.graphql import valuation
from api.graphql.cursors import FIRST_DEFAULT, Connection, connection, page_of
from api.graphql.fields import field
from api.graphql.instruments import Instrument, instrument, listing
from api.graphql.operations import Obligation, obligation
from api.graphql.orders import Order, order
from api.graphql.sources import Source
from api.graphql.valuation import Holding, Value
from api.wire import decimal
from domain.money import EXACT, PRICE_DECIMALS, quantise
from projections import accounts, cash, clients, lots, marks, obligations, orders, positions, rates
from projections.accounts import Account as AccountRow
from projections.cash import Cash as CashRow
from projections.clients import ClientRow
from projections.lots import OpenLot
from projections.marks import Mark as MarkRow
from projections.obligations import Obligation as ObligationRow
from projections.orders import OrderRow
from projections.ports import Row
from projections.positions import Position as PositionRow
from projections.rates import Rate

FIXINGS = "ecb"  # whose rates value an account
ID = strawberry.ID


@strawberry.type(description="Money in one currency.")
class Cash:
    currency: str
    traded: str = strawberry.field(description="what it will be when all has settled")
    settled: str = strawberry.field(description="confirmed by the bank")
    reserved: str = strawberry.field(description="held for orders and withdrawals")
    available: str = strawberry.field(description="to trade with today; below zero: in debit")
    withdrawable: str = strawberry.field(description="to pay out today")


@strawberry.type(description="One purchase, or what is left of it.")
class Lot:
    id: ID
    isin: str
    qty: str = strawberry.field(description="below zero: sold before it was bought")
    cost: str = strawberry.field(description="in the trade's currency")
    cost_base: str = strawberry.field(description="in the account's base currency")
    acquired_on: date


@strawberry.type(description="Net asset value; amount is null while a mark or a rate is missing.")
class Nav:
    amount: str | None
    currency: str
    missing: list[str]


@strawberry.type(description="A holding of one security, all lots together.")
class Position:
    _source: strawberry.Private[Source]
    _row: strawberry.Private[PositionRow]
    account_id: ID
    isin: str
    qty: str = strawberry.field(description="trade date")
    settled_qty: str
    reserved_qty: str = strawberry.field(description="held for open sales")
    currency: str = strawberry.field(description="of cost and profit")
    average_cost: str | None = strawberry.field(description="cost a piece; null at zero")
    cost_basis: str
    cost_basis_base: str = strawberry.field(description="in the account's base currency")
    realized_pnl: str
    position: str = strawberry.field(description="of the last event that changed it")

    @strawberry.field
    async def instrument(self) -> Instrument | None:
        row = await listing(self._source, self._row.instrument_id)
        return instrument(self._source, row) if row else None

    @field("At the last mark, in the instrument's settlement currency.")
    async def market_value(self) -> str | None:
        value = await value_of(self._source, self._row)
        return decimal(value.amount) if value else None

    @field("Market value less cost; null without a mark in one currency.")
    async def unrealized_pnl(self) -> str | None:
        value = await value_of(self._source, self._row)
        if value is None or value.currency != self._row.currency or self._row.mixed:
            return None
        return decimal(EXACT.subtract(value.amount, self._row.cost))


@strawberry.type
class Account:
    _source: strawberry.Private[Source]
    id: ID
    client_id: ID
    base_currency: str
    lot_method: str
    account_type: str
    status: str = strawberry.field(description="open closing_only blocked dormant closing closed")
    opened_at: datetime

    @strawberry.field
    async def client(self) -> Annotated["Client", strawberry.lazy("api.graphql.accounts")] | None:
        row = await self._source.row(clients, self.client_id)
        return client(self._source, row) if isinstance(row, ClientRow) else None

    @strawberry.field
    async def cash(self) -> list[Cash]:
        rows = await self._source.children(cash, "account_id", self.id)
        return [_cash(row, self._source.today) for row in rows if isinstance(row, CashRow)]

    @field("Open ones; closed: those that are no longer held too.")
    async def positions(self, closed: bool = False) -> list[Position]:
        rows = await _positions(self._source, self.id)
        return [position(self._source, row) for row in rows if closed or _held(row)]

    @strawberry.field
    async def lots(self) -> list[Lot]:
        rows = await self._source.children(lots, "account_id", self.id)
        return [_lot(row) for row in rows if isinstance(row, OpenLot)]

    @field("What is unsettled with the market.")
    async def obligations(self) -> list[Obligation]:
        rows = await self._source.children(obligations, "account_id", self.id)
        return [obligation(row) for row in rows if isinstance(row, ObligationRow)]

    @strawberry.field
    async def orders(
        self, first: int = FIRST_DEFAULT, after: str | None = None
    ) -> Connection[Order] | None:
        page = page_of(orders, first, after)
        rows = await self._source.page_under(orders, "account_id", self.id, page)
        nodes = [order(self._source, row) for row in rows if isinstance(row, OrderRow)]
        return connection(orders, page, rows, nodes)

    @field("Traded cash and positions at their last marks.")
    async def nav(self) -> Nav | None:
        source = self._source
        held, money, fixed = await asyncio.gather(
            _positions(source, self.id),
            source.children(cash, "account_id", self.id),
            source.children(rates, "source", FIXINGS),
        )
        values = await asyncio.gather(*(value_of(source, row) for row in held))
        net = valuation.net_value(
            self.base_currency,
            [(row.currency, row.traded) for row in money if isinstance(row, CashRow)],
            [Holding(row.isin, v) for row, v in zip(held, values, strict=True) if row.traded],
            {row.currency: row.per_euro for row in fixed if isinstance(row, Rate)},
        )
        amount = None if net.amount is None else decimal(net.amount)
        return Nav(amount=amount, currency=self.base_currency, missing=list(net.missing))


@strawberry.type(description="Whose accounts they are, and where the KYC file stands.")
class Client:
    _source: strawberry.Private[Source]
    id: ID
    status: str
    kind: str
    country: str
    lei: str
    risk_rating: str
    review_on: date | None
    pep: bool
    onboarded_at: datetime

    @strawberry.field
    async def accounts(
        self, first: int = FIRST_DEFAULT, after: str | None = None
    ) -> Connection[Account] | None:
        page = page_of(accounts, first, after)
        rows = await self._source.page_under(accounts, "client_id", self.id, page)
        nodes = [account(self._source, row) for row in rows if isinstance(row, AccountRow)]
        return connection(accounts, page, rows, nodes)


async def value_of(source: Source, row: PositionRow) -> Value | None:
    """A position at its last mark, on the source's day."""
    terms, mark = await asyncio.gather(
        listing(source, row.instrument_id), source.row(marks, row.instrument_id)
    )
    return valuation.value_of(row.traded, terms, mark if isinstance(mark, MarkRow) else None)


def account(source: Source, row: AccountRow) -> Account:
    return Account(
        _source=source,
        id=ID(row.account_id),
        client_id=ID(row.client_id),
        base_currency=row.base_currency,
        lot_method=row.lot_method,
        account_type=row.account_type,
        status=row.status,
        opened_at=row.opened_at,
    )


def client(source: Source, row: ClientRow) -> Client:
    return Client(
        _source=source,
        id=ID(row.client_id),
        status=row.status,
        kind=row.kind,
        country=row.country,
        lei=row.lei,
        risk_rating=row.risk_rating,
        review_on=row.review_on,
        pep=row.pep,
        onboarded_at=row.onboarded_at,
    )


def position(source: Source, row: PositionRow) -> Position:
    average = EXACT.divide(row.cost, row.traded) if row.traded else None
    return Position(
        _source=source,
        _row=row,
        account_id=ID(row.account_id),
        isin=row.isin,
        qty=decimal(row.traded),
        settled_qty=decimal(row.settled),
        reserved_qty=decimal(row.reserved),
        currency=row.currency,
        average_cost=None if average is None else decimal(_price(average)),
        cost_basis=decimal(row.cost),
        cost_basis_base=decimal(row.cost_base),
        realized_pnl=decimal(row.realized),
        position=str(row.position),
    )


async def _positions(source: Source, account_id: str) -> Sequence[PositionRow]:
    rows: Sequence[Row] = await source.children(positions, "account_id", account_id)
    return [row for row in rows if isinstance(row, PositionRow)]


def _held(row: PositionRow) -> bool:
    return bool(row.traded or row.settled or row.reserved)


def _price(number: Decimal) -> Decimal:
    return quantise(number, PRICE_DECIMALS)


def _cash(row: CashRow, today: date) -> Cash:
    return Cash(
        currency=row.currency,
        traded=decimal(row.traded),
        settled=decimal(row.settled),
        reserved=decimal(row.reserved),
        available=decimal(cash.available(row, today)),
        withdrawable=decimal(cash.withdrawable(row, today)),
    )


def _lot(row: OpenLot) -> Lot:
    return Lot(
        id=ID(row.lot_id),
        isin=row.isin,
        qty=decimal(row.qty),
        cost=decimal(row.cost),
        cost_base=decimal(row.cost_base),
        acquired_on=row.acquired_on,
    )
