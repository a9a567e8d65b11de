"""Repeats: reports that repeat an earlier one, and returns of more than was received or paid.

    kind                     one row for each                   a case when
    duplicate_reference      bank reference, account            another deposit has it
    duplicate_execution      ExecID, trade date, account        another OrderID (37) or order has it
    returned_beyond_receipt  bank reference, currency, account  more is returned than was received
    returned_beyond_payment  payment                            more comes back than was paid

A report is never dropped: it is booked, and appears here. The first report makes the row, which is
not `shown` until it is a case; a case stays one. All events of a row are of one account.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

from msgspec.structs import replace

from domain.account.cash import CashDeposited, DepositReturned
from domain.account.withdrawals import WithdrawalCompleted, WithdrawalReturned
from domain.order.events import OrderFilled
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from domain.shared.money import ZERO
from projections.engine.exact import add
from projections.engine.words import clean
from projections.ports import NOWHERE, Audience, Key, Row

NAME = "repeats"
VERSION = 2
AUDIENCE = Audience.OWN
HOME = NOWHERE
REFERENCE, EXECUTION = "duplicate_reference", "duplicate_execution"
RECEIPT, PAYMENT = "returned_beyond_receipt", "returned_beyond_payment"
KINDS = (REFERENCE, EXECUTION, RECEIPT, PAYMENT)


class Repeat(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("source", "kind")
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = (("shown", "kind"), ("shown", "account_id"))

    source: str  # what was reported: its sort, account and name
    kind: str
    account_id: str
    order_id: str = ""
    detail: str = ""
    opened_at: datetime
    shown: bool = False  # it is a case
    event: str = ""  # the event that made it one, stream@version
    named: str = ""  # the name of the first report
    came: Decimal = ZERO
    gone: Decimal = ZERO


class Report(NamedTuple):
    """What one event adds to a row."""

    event: str
    at: datetime
    account_id: str
    named: str
    order_id: str = ""
    came: Decimal = ZERO
    gone: Decimal = ZERO
    detail: str = ""


ROW: type[Row] = Repeat


def facts(arrived: Envelope) -> Iterable[tuple[Key, Report]]:
    reports = _REPORTS.get(type(arrived.event))
    return list(reports(arrived.event, arrived)) if reports else ()


def fold(row: Repeat | None, key: Key, fact: Report) -> Repeat:
    source, kind = key
    if row is None:
        row = Repeat(
            source=source,
            kind=kind,
            account_id=fact.account_id,
            order_id=fact.order_id,
            opened_at=fact.at,
            named=fact.named,
        )
    came, gone = add(row.came, fact.came), add(row.gone, fact.gone)
    row = replace(row, came=came, gone=gone)
    if gone <= came if kind in (RECEIPT, PAYMENT) else fact.named == row.named:
        return row
    return replace(
        row,
        shown=True,
        event=fact.event,
        order_id=fact.order_id,
        detail=clean(fact.detail or f"{gone} went back of {came}"),
        opened_at=row.opened_at if row.shown else fact.at,
    )


def _deposited(e: CashDeposited, arrived: Envelope) -> Iterator[tuple[Key, Report]]:
    name, event, at = f"{e.account_id}:{e.reference_hmac}", arrived.source, arrived.effective_at
    detail = f"{e.amount} {e.currency} under the reference of another receipt"
    yield (
        (f"reference:{name}", REFERENCE),
        Report(event, at, e.account_id, named=event, detail=detail),
    )
    yield (
        (f"receipt:{name}:{e.currency}", RECEIPT),
        Report(event, at, e.account_id, named=name, came=e.amount),
    )


def _taken_back(e: DepositReturned, arrived: Envelope) -> Iterator[tuple[Key, Report]]:
    name = f"{e.account_id}:{e.reference_hmac}:{e.currency}"
    report = Report(arrived.source, arrived.effective_at, e.account_id, named=name, gone=e.amount)
    yield (f"receipt:{name}", RECEIPT), report


def _paid(
    e: WithdrawalCompleted | WithdrawalReturned, arrived: Envelope
) -> Iterator[tuple[Key, Report]]:
    name = f"{e.account_id}:{e.payment_id}:{e.currency}"
    back = isinstance(e, WithdrawalReturned)
    report = Report(
        arrived.source,
        arrived.effective_at,
        e.account_id,
        named=name,
        came=ZERO if back else e.amount,
        gone=e.amount if back else ZERO,
    )
    yield (f"payment:{name}", PAYMENT), report


def _filled(e: OrderFilled, arrived: Envelope) -> Iterator[tuple[Key, Report]]:
    exec_id = clean(e.exec_id)
    named = f"{e.order_id}:{clean(e.venue_order_id)}"
    report = Report(
        arrived.source,
        arrived.effective_at,
        e.account_id,
        named=named,
        order_id=e.order_id,
        detail=f"{e.last_qty} of {exec_id} under order {clean(e.venue_order_id)} of {e.order_id}",
    )
    yield (f"execution:{e.account_id}:{e.trade_date}:{exec_id}", EXECUTION), report


_REPORTS: Mapping[type[Event], Callable[[Any, Envelope], Iterator[tuple[Key, Report]]]] = {
    CashDeposited: _deposited,
    DepositReturned: _taken_back,
    WithdrawalCompleted: _paid,
    WithdrawalReturned: _paid,
    OrderFilled: _filled,
}
READS: frozenset[type[Event]] = frozenset(_REPORTS)
