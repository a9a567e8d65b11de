"""Root fields: single keys (now, or as of a moment), and lists by page (now).

Each takes `asOf`, `knownAt` and `atLeast`; fields that cannot answer for a moment refuse one.
"""

from datetime import datetime

import strawberry

from api.graphql import operations
from api.graphql.accounts import Account, Client, account, client
from api.graphql.engine.fields import field
from api.graphql.engine.moments import When, log_at_least, now_only
from api.graphql.engine.queries import Column, Context, one, page
from api.graphql.engine.sources import unsupported
from api.graphql.engine.vocabulary import ACCOUNT_STATUSES, CLIENT_STATUSES
from api.graphql.instruments import Instrument, of_day
from api.graphql.operations import ClientMoney, Log, TrialBalance
from api.graphql.orders import Order, order
from domain.shared.fix import OrdStatus
from projections.market import instruments
from projections.parties import accounts, clients
from projections.trading import orders

Time = datetime | None


@strawberry.type
class Keys:
    """Single keys: null when there is (or was) none."""

    account = one(accounts, Account, account)
    order = one(orders, Order, order)
    client = one(clients, Client, client)
    instrument = one(instruments, Instrument, of_day)


@strawberry.type
class Lists:
    """Pages, in the order of the key."""

    accounts = page(
        accounts,
        Account,
        account,
        columns=[Column("client_id"), Column("status", str, words=ACCOUNT_STATUSES)],
    )
    orders = page(
        orders,
        Order,
        order,
        columns=[Column("account_id"), Column("status", OrdStatus, column="ord_status")],
    )
    clients = page(
        clients,
        Client,
        client,
        columns=[Column("status", str, words=CLIENT_STATUSES)],
    )
    instruments = page(
        instruments,
        Instrument,
        of_day,
        columns=[Column("isin", str), Column("symbol", str)],
    )


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
        found = await (await source.reader()).client_money()
        return [operations.client_money(figures) for figures in found]

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
