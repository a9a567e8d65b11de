"""Types of an account with its contents, and of the client that owns it."""

from datetime import date, datetime
from typing import Annotated

import strawberry

from api.graphql import holdings
from api.graphql.engine.cursors import FIRST_DEFAULT, Connection, connection, page_of
from api.graphql.engine.fields import field
from api.graphql.engine.sources import Source
from api.graphql.holdings import Lot, Nav, Position
from api.graphql.operations import Obligation, obligation
from api.graphql.orders import Order, order
from api.http.wire import decimal
from projections.holdings import obligations
from projections.holdings.obligations import Obligation as ObligationRow
from projections.ledger import cash
from projections.ledger.cash import Cash as CashRow
from projections.parties import accounts, clients
from projections.parties.accounts import Account as AccountRow
from projections.parties.clients import ClientRow
from projections.trading import orders
from projections.trading.orders import OrderRow

ID = strawberry.ID


@strawberry.type(description="Money in one currency.")
class Cash:
    currency: str
    traded: str = strawberry.field(description="the balance once every trade has settled")
    settled: str = strawberry.field(description="confirmed by the bank")
    reserved: str = strawberry.field(description="held for orders and withdrawals")
    available: str = strawberry.field(
        description="available to trade with today; below zero: in debit"
    )
    withdrawable: str = strawberry.field(description="available to pay out today")


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

    @field(
        "Positions with shares, by trade date. closed: true adds those without (sold or busted, "
        "settled or not), with their realised gain."
    )
    async def positions(self, closed: bool = False) -> list[Position]:
        return await holdings.positions_of(self._source, self.id, closed=closed)

    @strawberry.field
    async def lots(self) -> list[Lot]:
        return await holdings.lots_of(self._source, self.id)

    @field("Obligations that the market has not settled.")
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

    @field("Traded cash and positions at their last marks and rates; `stale` names the old ones.")
    async def nav(self) -> Nav | None:
        return await holdings.nav(self._source, self.id, self.base_currency)


@strawberry.type(description="A client: the owner of accounts, with the state of its KYC file.")
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


def _cash(row: CashRow, today: date) -> Cash:
    return Cash(
        currency=row.currency,
        traded=decimal(row.traded),
        settled=decimal(row.settled),
        reserved=decimal(row.reserved),
        available=decimal(cash.available(row, today)),
        withdrawable=decimal(cash.withdrawable(row, today)),
    )
