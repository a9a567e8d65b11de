"""Root fields: single keys (now, or as of a moment), and lists by page (now).

Every one takes `asOf`, `knownAt` and `atLeast`; those that cannot answer for a moment say so.
"""

from datetime import datetime

import strawberry
from strawberry.types import Info

from api.graphql import operations
from api.graphql.accounts import Account, Client, account, client
from api.graphql.engine.cursors import FIRST_DEFAULT, Connection, connection, page_of
from api.graphql.engine.fields import field
from api.graphql.engine.moments import When, log_at_least, now_only, source_at
from api.graphql.engine.session import Session
from api.graphql.engine.sources import unsupported
from api.graphql.engine.vocabulary import ACCOUNT_STATUSES, CLIENT_STATUSES, known
from api.graphql.instruments import Instrument, instrument, listing
from api.graphql.operations import ClientMoney, Log, TrialBalance
from api.graphql.orders import Order, order
from domain.shared.fix import OrdStatus
from projections.market import instruments
from projections.market.instruments import InstrumentRow
from projections.parties import accounts, clients
from projections.parties.accounts import Account as AccountRow
from projections.parties.clients import ClientRow
from projections.trading import orders
from projections.trading.orders import OrderRow

Context = Info[Session, None]
Time = datetime | None
ID = strawberry.ID


@strawberry.type
class Keys:
    """Single keys: null when there is (or was) none."""

    @strawberry.field
    async def account(
        self,
        info: Context,
        id: ID,
        *,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> Account | None:
        source = await source_at(info.context, When(as_of, known_at, at_least))
        row = await source.row(accounts, id)
        return account(source, row) if isinstance(row, AccountRow) else None

    @strawberry.field
    async def order(
        self,
        info: Context,
        id: ID,
        *,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> Order | None:
        source = await source_at(info.context, When(as_of, known_at, at_least))
        row = await source.row(orders, id)
        return order(source, row) if isinstance(row, OrderRow) else None

    @strawberry.field
    async def client(
        self,
        info: Context,
        id: ID,
        *,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> Client | None:
        source = await source_at(info.context, When(as_of, known_at, at_least))
        row = await source.row(clients, id)
        return client(source, row) if isinstance(row, ClientRow) else None

    @strawberry.field
    async def instrument(
        self,
        info: Context,
        id: ID,
        *,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> Instrument | None:
        source = await source_at(info.context, When(as_of, known_at, at_least))
        row = await listing(source, id)
        return instrument(source, row) if row else None


@strawberry.type
class Lists:
    """Pages, in the order of the key."""

    @strawberry.field
    async def accounts(
        self,
        info: Context,
        client_id: ID | None = None,
        status: str | None = None,
        *,
        first: int = FIRST_DEFAULT,
        after: str | None = None,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> Connection[Account] | None:
        known("status", status, ACCOUNT_STATUSES)
        page = page_of(accounts, first, after)
        source = await now_only(info.context, "accounts", When(as_of, known_at, at_least))
        rows = await source.page(accounts, _where(client_id=client_id, status=status), page)
        nodes = [account(source, row) for row in rows if isinstance(row, AccountRow)]
        return connection(accounts, page, rows, nodes)

    @strawberry.field
    async def orders(
        self,
        info: Context,
        account_id: ID | None = None,
        status: OrdStatus | None = None,
        *,
        first: int = FIRST_DEFAULT,
        after: str | None = None,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> Connection[Order] | None:
        page = page_of(orders, first, after)
        source = await now_only(info.context, "orders", When(as_of, known_at, at_least))
        where = _where(account_id=account_id, ord_status=status.value if status else None)
        rows = await source.page(orders, where, page)
        nodes = [order(source, row) for row in rows if isinstance(row, OrderRow)]
        return connection(orders, page, rows, nodes)

    @strawberry.field
    async def clients(
        self,
        info: Context,
        status: str | None = None,
        *,
        first: int = FIRST_DEFAULT,
        after: str | None = None,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> Connection[Client] | None:
        known("status", status, CLIENT_STATUSES)
        page = page_of(clients, first, after)
        source = await now_only(info.context, "clients", When(as_of, known_at, at_least))
        rows = await source.page(clients, _where(status=status), page)
        nodes = [client(source, row) for row in rows if isinstance(row, ClientRow)]
        return connection(clients, page, rows, nodes)

    @strawberry.field
    async def instruments(
        self,
        info: Context,
        isin: str | None = None,
        symbol: str | None = None,
        *,
        first: int = FIRST_DEFAULT,
        after: str | None = None,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> Connection[Instrument] | None:
        page = page_of(instruments, first, after)
        source = await now_only(info.context, "instruments", When(as_of, known_at, at_least))
        rows = await source.page(instruments, _where(isin=isin, symbol=symbol), page)
        nodes = [
            instrument(source, instruments.terms(row, source.today))
            for row in rows
            if isinstance(row, InstrumentRow)
        ]
        return connection(instruments, page, rows, nodes)


@strawberry.type
class Figures:
    """Sums over the whole book, and the log itself."""

    @field("Per book and unit; every balance is zero.")
    async def trial_balance(
        self,
        info: Context,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> list[TrialBalance] | None:
        source = await now_only(info.context, "trialBalance", When(as_of, known_at, at_least))
        return operations.trial_balance(await (await source.reader()).totals())

    @field("Requirement against resource, per currency.")
    async def client_money(
        self,
        info: Context,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> list[ClientMoney] | None:
        source = await now_only(info.context, "clientMoney", When(as_of, known_at, at_least))
        standings = await (await source.reader()).client_money()
        return [operations.client_money(standing) for standing in standings]

    @strawberry.field
    async def log(
        self,
        info: Context,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> Log | None:
        if as_of is not None or known_at is not None:
            raise unsupported("log")
        return Log(position=str(await log_at_least(info.context, at_least)))


def _where(**values: str | None) -> dict[str, str]:
    return {column: value for column, value in values.items() if value is not None}
