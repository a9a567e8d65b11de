"""Types for operations: obligations, cases, days, client money, ledger, trial balance."""

from datetime import date, datetime

import strawberry

from api.http.wire import amount, decimal
from api.ports import LedgerLine, Totals
from projections.engine.exact import subtract, total
from projections.holdings.obligations import Obligation as ObligationRow
from projections.ledger.client_money import CloseFigures
from projections.operations.cases import Case as CaseRow
from projections.operations.days import Day as DayRow
from projections.operations.repeats import Repeat as RepeatRow

ID = strawberry.ID


@strawberry.type(description="A delivery against payment that the market has not settled.")
class Obligation:
    id: ID
    account_id: ID
    kind: str = strawberry.field(description="trade, reversal, fx or other")
    receive_unit: str
    receive_open: str
    deliver_unit: str
    deliver_open: str
    trade_date: date | None
    settl_date: date | None
    failing_since: date | None
    fails: int = strawberry.field(description="number of closes that found it unsettled")
    reason: str
    whose: str


@strawberry.type(description="A fact that was out of order, and was recorded instead of refused.")
class Case:
    id: ID = strawberry.field(description="the event that opened the case, stream@version")
    kind: str
    account_id: str
    order_id: str
    detail: str
    opened_at: datetime


@strawberry.type(description="One control of an attempt to close a day, with its figures.")
class Day:
    day: date
    control: str
    unit: str
    held: bool = strawberry.field(description="false: this attempt did not close the day")
    expected: str
    actual: str
    log_position: str = strawberry.field(
        description="how many events, from the log's start, the figures cover"
    )


@strawberry.type(description="The firm's duty to its clients in one currency.")
class ClientMoney:
    currency: str
    requirement: str
    resource: str
    due: str = strawberry.field(description="the house's own part of it, to be swept")
    in_debit: str = strawberry.field(description="owed by clients below zero; the firm funds it")
    excess: str = strawberry.field(description="below zero: the firm tops it up today")


@strawberry.type(description="One account of the chart with its key; + is debit.")
class LedgerBalance:
    account: str
    owner: str
    ref: str
    unit: str
    debit: str
    credit: str
    balance: str


@strawberry.type(description="Totals of one account of the chart.")
class AccountTotal:
    account: str
    debit: str
    credit: str
    balance: str


@strawberry.type(description="Totals of a book in a unit; balance is debit less credit, and zero.")
class TrialBalance:
    book: str = strawberry.field(description="C client estate, H house, M memo")
    unit: str = strawberry.field(description="currency or ISIN")
    debit: str
    credit: str
    balance: str
    accounts: list[AccountTotal]


@strawberry.type(description="The event log.")
class Log:
    position: str = strawberry.field(description="of the newest event")


def obligation(row: ObligationRow) -> Obligation:
    return Obligation(
        id=ID(row.obligation_id),
        account_id=ID(row.account_id),
        kind=row.kind,
        receive_unit=row.receive_unit,
        receive_open=amount(row.receive_open, row.receive_unit),
        deliver_unit=row.deliver_unit,
        deliver_open=amount(row.deliver_open, row.deliver_unit),
        trade_date=row.trade_date,
        settl_date=row.settl_date,
        failing_since=row.failing_since,
        fails=row.fails,
        reason=row.reason,
        whose=row.whose,
    )


def case(row: CaseRow | RepeatRow) -> Case:
    return Case(
        id=ID(row.event if isinstance(row, RepeatRow) else row.source),
        kind=row.kind,
        account_id=row.account_id,
        order_id=row.order_id,
        detail=row.detail,
        opened_at=row.opened_at,
    )


def day(row: DayRow) -> Day:
    return Day(
        day=row.day,
        control=row.control,
        unit=row.unit,
        held=row.held,
        expected=amount(row.expected, row.unit),
        actual=amount(row.actual, row.unit),
        log_position=str(row.log_position),
    )


def client_money(close_figures: CloseFigures) -> ClientMoney:
    return ClientMoney(
        currency=close_figures.currency,
        requirement=decimal(close_figures.requirement),
        resource=decimal(close_figures.resource),
        due=decimal(close_figures.due),
        in_debit=decimal(close_figures.in_debit),
        excess=decimal(close_figures.excess),
    )


def ledger_balance(line: LedgerLine) -> LedgerBalance:
    return LedgerBalance(
        account=line.account,
        owner=line.owner,
        ref=line.ref,
        unit=line.unit,
        debit=amount(line.debit, line.unit),
        credit=amount(line.credit, line.unit),
        balance=amount(line.amount, line.unit),
    )


def trial_balance(totals: list[Totals]) -> list[TrialBalance]:
    """One row per book and unit, from `totals` per book, unit and account."""
    books: dict[tuple[str, str], list[Totals]] = {}
    for one in totals:
        books.setdefault((one.book, one.unit), []).append(one)
    return [_book(book, unit, found) for (book, unit), found in sorted(books.items())]


def _book(book: str, unit: str, found: list[Totals]) -> TrialBalance:
    debit, credit = total(t.debit for t in found), total(t.credit for t in found)
    return TrialBalance(
        book=book,
        unit=unit,
        debit=amount(debit, unit),
        credit=amount(credit, unit),
        balance=amount(subtract(debit, credit), unit),
        accounts=[
            AccountTotal(
                account=t.account,
                debit=amount(t.debit, unit),
                credit=amount(t.credit, unit),
                balance=amount(subtract(t.debit, t.credit), unit),
            )
            for t in found
        ],
    )
