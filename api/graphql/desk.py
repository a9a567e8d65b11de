"""Root fields for operations: the ledger, what is unsettled, and what is out of order."""

from datetime import date, datetime

import strawberry
from strawberry.types import Info

from api.graphql import operations
from api.graphql.engine.cursors import FIRST_DEFAULT, Connection, connection, keyed, page_of, sliced
from api.graphql.engine.fields import field
from api.graphql.engine.moments import When, now_only
from api.graphql.engine.session import Session
from api.graphql.engine.vocabulary import CASE_KINDS, LEDGER_ACCOUNTS, known
from api.graphql.operations import Case, Day, LedgerBalance, Obligation
from projections.holdings import obligations
from projections.holdings.obligations import Obligation as ObligationRow
from projections.operations import cases, days, repeats
from projections.operations.cases import Case as CaseRow
from projections.operations.days import Day as DayRow
from projections.operations.repeats import Repeat as RepeatRow

Context = Info[Session, None]
Time = datetime | None
ID = strawberry.ID
LEDGER_KEY = ("account", "owner", "ref", "unit")


@strawberry.type
class Desk:
    @field("Balances of the general ledger, by account of the chart.")
    async def ledger(
        self,
        info: Context,
        account: str | None = None,
        unit: str | None = None,
        owner: ID | None = None,
        *,
        first: int = FIRST_DEFAULT,
        after: str | None = None,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> Connection[LedgerBalance] | None:
        known("account", account, LEDGER_ACCOUNTS)
        page = sliced("ledger", len(LEDGER_KEY), first, after)
        source = await now_only(info.context, "ledger", When(as_of, known_at, at_least))
        asked = {"account": account, "unit": unit, "owner": owner}
        lines = await (await source.reader()).ledger(
            {k: v for k, v in asked.items() if v is not None},
            first=page.first + 1,
            after=page.after,
        )
        nodes = [operations.ledger_balance(line) for line in lines]
        return keyed("ledger", page, [line[: len(LEDGER_KEY)] for line in lines], nodes)

    @field("What is unsettled with the market.")
    async def obligations(
        self,
        info: Context,
        account_id: ID | None = None,
        *,
        first: int = FIRST_DEFAULT,
        after: str | None = None,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> Connection[Obligation] | None:
        page = page_of(obligations, first, after)
        source = await now_only(info.context, "obligations", When(as_of, known_at, at_least))
        where = {} if account_id is None else {"account_id": str(account_id)}
        rows = await source.page(obligations, where, page)
        nodes = [operations.obligation(row) for row in rows if isinstance(row, ObligationRow)]
        return connection(obligations, page, rows, nodes)

    @field("What was recorded though it was out of order.")
    async def cases(
        self,
        info: Context,
        kind: str | None = None,
        account_id: ID | None = None,
        *,
        first: int = FIRST_DEFAULT,
        after: str | None = None,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> Connection[Case] | None:
        known("kind", kind, CASE_KINDS)
        page = page_of(cases, first, after)
        source = await now_only(info.context, "cases", When(as_of, known_at, at_least))
        asked = {"kind": kind, "account_id": account_id}
        where = {k: v for k, v in asked.items() if v is not None}
        found = [
            *await source.page(cases, where, page),
            *await source.page(repeats, where | {"shown": "true"}, page),
        ]
        told = [row for row in found if isinstance(row, CaseRow | RepeatRow)]
        rows = sorted(told, key=lambda row: (row.source, row.kind))[: page.first + 1]
        return connection(cases, page, rows, [operations.case(row) for row in rows])

    @field("Attempts to close a day: every control of those that did, what failed of the others.")
    async def days(
        self,
        info: Context,
        day: date | None = None,
        *,
        first: int = FIRST_DEFAULT,
        after: str | None = None,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> Connection[Day] | None:
        page = page_of(days, first, after)
        source = await now_only(info.context, "days", When(as_of, known_at, at_least))
        where = {} if day is None else {"day": day.isoformat()}
        rows = await source.page(days, where, page)
        nodes = [operations.day(row) for row in rows if isinstance(row, DayRow)]
        return connection(days, page, rows, nodes)
