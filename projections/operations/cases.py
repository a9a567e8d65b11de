"""Cases: what operations must look at, one row per occurrence. An event opens the case.

A report is never refused for being wrong: it is recorded and flagged, and each flag is a case.
An aggregate for working on a case (owner, due date, resolution) comes later; until then rows stay.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from domain.account.obligations import ObligationSettled, SettledAfterBust
from domain.account.trades import TradeBooked
from domain.account.transfers import TransferUndone
from domain.catalogue import EVENTS
from domain.house import CloseFailed
from domain.order.events import OrderFilled, ReportParked
from domain.saga import CommandRefused
from domain.settlement.events import SettlementCancelDenied, SettlementConfirmed
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.engine.words import clean
from projections.ports import NOWHERE, Audience, Key, Row

NAME = "cases"
VERSION = 2
AUDIENCE = Audience.OWN
HOME = NOWHERE


class Case(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("source", "kind")
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = (("kind", "opened_at"), ("account_id",))

    source: str  # the event, stream@version
    kind: str
    account_id: str = ""
    order_id: str = ""
    detail: str = ""
    opened_at: datetime


class Opened(NamedTuple):
    opened_at: datetime
    account_id: str
    order_id: str
    detail: str


ROW: type[Row] = Case
KINDS = (
    "account_closed",
    "cancel_denied",
    "close_failed",
    "command_refused",
    "confirmed_beyond_instructed",
    "excess_fill",
    "free_riding",
    "in_debit",
    "late_fill",
    "oversold",
    "report_parked",
    "settled_after_bust",
    "settled_after_cancel",
    "settled_amount_differs",
    "settled_beyond_open",
    "transfer_undone",
    "unreserved",
)
"""Every kind of case of this view; `projections.operations.repeats` has more."""
Flags = Iterator[tuple[str, str]]  # kind, detail


def facts(arrived: Envelope) -> Iterable[tuple[Key, Opened]]:
    event = arrived.event
    found = _flags(event)
    if not found:
        return ()
    account_id = getattr(event, "account_id", "")
    order_id = getattr(event, "order_id", "")
    at = arrived.effective_at
    return [
        ((arrived.source, kind), Opened(at, account_id, order_id, clean(detail)))
        for kind, detail in found
    ]


def fold(row: Case | None, key: Key, fact: Opened) -> Case:
    source, kind = key
    return Case(
        source=source,
        kind=kind,
        account_id=fact.account_id,
        order_id=fact.order_id,
        detail=fact.detail,
        opened_at=fact.opened_at,
    )


def _flags(event: Event) -> list[tuple[str, str]]:
    """(kind, detail) of each irregularity of an event."""
    found = list(_FLAGS[type(event)](event)) if type(event) in _FLAGS else []
    for field, detail in MARKS.items():
        if getattr(event, field, False):
            found.append((field, f"{event.__struct_config__.tag} {detail}"))
    return found


def _refused(e: CommandRefused) -> Flags:
    yield "command_refused", f"{e.command} to {e.target}: {e.refusal}"


def _parked(e: ReportParked) -> Flags:
    yield "report_parked", f"{e.exec_type} {e.exec_id} of {e.exec_ref_id}"


def _filled(e: OrderFilled) -> Flags:
    if e.excess_qty:
        yield "excess_fill", f"{e.excess_qty} of {e.exec_id}"
    if e.late:
        yield "late_fill", e.exec_id


def _booked(e: TradeBooked) -> Flags:
    if e.oversold:
        yield "oversold", f"{e.oversold} of {e.trade_id}"
    if e.unreserved:
        yield "unreserved", f"{e.unreserved} of {e.trade_id}"
    if e.free_riding:
        yield "free_riding", e.trade_id


def _settled(e: ObligationSettled) -> Flags:
    if e.excess_qty:
        yield "settled_beyond_open", f"{e.excess_qty} of {e.obligation_id}"
    if e.difference:
        yield "settled_amount_differs", f"{e.difference} {e.currency} of {e.obligation_id}"


def _settled_after_bust(e: SettledAfterBust) -> Flags:
    yield "settled_after_bust", f"{e.qty} of {e.obligation_id}, owed back as {e.reverse_id}"


def _denied(e: SettlementCancelDenied) -> Flags:
    yield "cancel_denied", f"{e.obligation_id}: {e.reason}"


def _confirmed(e: SettlementConfirmed) -> Flags:
    if e.excess_qty:
        yield "confirmed_beyond_instructed", f"{e.excess_qty} of {e.confirmation_id}"
    if e.after_cancel:
        yield "settled_after_cancel", e.confirmation_id


def _undone(e: TransferUndone) -> Flags:
    yield "transfer_undone", f"{e.transfer_id}: {e.reason}"


def _not_closed(e: CloseFailed) -> Flags:
    first = e.controls[0]
    figures = f"{first.name} {first.unit}: {first.actual}, not {first.expected}"
    yield "close_failed", f"{e.day}: {len(e.controls)} failed, {e.held} held; {figures}"


_FLAGS: Mapping[type[Event], Callable[[Any], Flags]] = {
    CommandRefused: _refused,
    ReportParked: _parked,
    OrderFilled: _filled,
    TradeBooked: _booked,
    ObligationSettled: _settled,
    SettledAfterBust: _settled_after_bust,
    SettlementCancelDenied: _denied,
    SettlementConfirmed: _confirmed,
    TransferUndone: _undone,
    CloseFailed: _not_closed,
}

MARKS = {  # fields that make any event a case, and the detail of that case
    "in_debit": "left the cash below zero",
    "account_closed": "came after the closing",
}
READS: frozenset[type[Event]] = frozenset(_FLAGS) | {
    event for event in EVENTS.values() if not MARKS.keys().isdisjoint(event.__struct_fields__)
}
