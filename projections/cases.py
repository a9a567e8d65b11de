"""Cases: what operations must look at, one row an occurrence, opened by the event that says so.

A report is never refused for being wrong: it is recorded and flagged, and each flag is a case.
Working a case (owner, due date, resolution) is a later aggregate; until then rows stay.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, NamedTuple

from domain.account.events import TradeBooked, TransferUndone
from domain.envelope import Envelope
from domain.message import Event
from domain.order.events import OrderFilled, ReportParked
from domain.saga import CommandRefused
from domain.settlement.events import SettlementConfirmed
from projections.ports import Key, Row
from projections.words import clean

NAME = "cases"
VERSION = 1


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
    """(kind, detail) of each thing that is out of order about an event."""
    found: list[tuple[str, str]] = []
    if getattr(event, "in_debit", False):
        found.append(("in_debit", f"{event.__struct_config__.tag} left the cash below zero"))
    match event:
        case CommandRefused() as e:
            found.append(("command_refused", f"{e.command} to {e.target}: {e.refusal}"))
        case ReportParked() as e:
            found.append(("report_parked", f"{e.exec_type} {e.exec_id} of {e.exec_ref_id}"))
        case OrderFilled() as e:
            found += _beyond("excess_fill", e.excess_qty, e.exec_id)
            if e.late:
                found.append(("late_fill", e.exec_id))
        case TradeBooked() as e:
            found += _beyond("oversold", e.oversold, e.trade_id)
        case SettlementConfirmed() as e:
            found += _beyond("excess_settlement", e.excess_qty, e.confirmation_id)
            if e.after_cancel:
                found.append(("settled_after_cancel", e.confirmation_id))
        case TransferUndone() as e:
            found.append(("transfer_undone", f"{e.transfer_id}: {e.reason}"))
        case _:
            pass
    return found


def _beyond(kind: str, qty: Decimal, what: str) -> list[tuple[str, str]]:
    return [(kind, f"{qty} of {what}")] if qty else []
