"""Root fields for operations: ledger, unsettled obligations, cases and closed days."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import strawberry

from api.graphql import operations
from api.graphql.engine.cursors import FIRST_DEFAULT, Connection, Page, make_connection, make_page
from api.graphql.engine.fields import field
from api.graphql.engine.moments import When, now_only
from api.graphql.engine.queries import Column, Context, page
from api.graphql.engine.sources import Source
from api.graphql.engine.vocabulary import CASE_KINDS, LEDGER_ACCOUNTS, require_word
from api.graphql.operations import Case, Day, LedgerBalance, Obligation
from projections.holdings import obligations
from projections.operations import cases, days, repeats
from projections.operations.cases import Case as CaseRow
from projections.operations.repeats import Repeat as RepeatRow

Time = datetime | None
ID = strawberry.ID
LEDGER_KEY = ("account", "owner", "ref", "unit")


async def _cases_and_repeats(
    source: Source, where: Mapping[str, str], asked: Page
) -> Sequence[CaseRow | RepeatRow]:
    """The rows of both views in the order of their key, which has the same columns in both."""
    found = [
        *await source.page(cases, where, asked),
        *await source.page(repeats, {**where, "shown": "true"}, asked),
    ]
    rows = [row for row in found if isinstance(row, CaseRow | RepeatRow)]
    return sorted(rows, key=lambda row: (row.source, row.kind))[: asked.first + 1]


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
        require_word("account", account, LEDGER_ACCOUNTS)
        page = make_page("ledger", len(LEDGER_KEY), first, after)
        source = await now_only(info.context, "ledger", When(as_of, known_at, at_least))
        asked = {"account": account, "unit": unit, "owner": owner}
        lines = await (await source.reader()).ledger(
            {k: v for k, v in asked.items() if v is not None},
            first=page.first + 1,
            after=page.after,
        )
        nodes = [operations.ledger_balance(line) for line in lines]
        return make_connection("ledger", page, [line[: len(LEDGER_KEY)] for line in lines], nodes)

    obligations = page(
        obligations,
        Obligation,
        lambda _, row: operations.obligation(row),
        columns=[Column("account_id")],
        description="Obligations that the market has not settled.",
    )
    cases = page(
        cases,
        Case,
        lambda _, row: operations.case(row),
        columns=[Column("kind", str, words=CASE_KINDS), Column("account_id")],
        description="Events that were recorded although something was out of order.",
        read=_cases_and_repeats,
    )
    days = page(
        days,
        Day,
        lambda _, row: operations.day(row),
        columns=[Column("day", date)],
        description="Attempts to close a day: every control; of a failed attempt, the failed ones.",
    )
