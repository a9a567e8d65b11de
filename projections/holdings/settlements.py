"""Settlements: each instruction to a custodian and its derived status, folded by its aggregate.

The view `obligations` has the open money and stock; this one has what the custodian reports.

Units: pieces; money at the currency's minor unit.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from domain.settlement import EVENTS, INITIAL, evolve
from domain.settlement.state import Settlement
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from domain.shared.money import ZERO
from projections.engine.words import Memory, clean
from projections.ports import Audience, Home, Key, Row

NAME = "settlements"
VERSION = 1
AUDIENCE = Audience.OWN
HOME = Home("obligation_id", "settlement")


class SettlementRow(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("obligation_id",)
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = (("account_id",), ("status", "settl_date"))

    obligation_id: str
    account_id: str = ""
    isin: str = ""
    side: str = ""
    qty: Decimal = ZERO
    amount: Decimal = ZERO
    currency: str = ""
    settl_date: date | None = None
    status: str = ""
    settled_qty: Decimal = ZERO
    settled_amount: Decimal = ZERO
    whose: str = ""  # whose fault it is, while failing
    reason: str = ""  # why it fails
    state: str = ""  # of `domain.settlement`, JSON


ROW: type[Row] = SettlementRow
READS: frozenset[type[Event]] = frozenset(EVENTS)
_memory: Memory[Settlement] = Memory(INITIAL)


def facts(arrived: Envelope) -> Iterable[tuple[Key, Envelope]]:
    event: Any = arrived.event
    return [((event.obligation_id,), arrived)] if type(event) in READS else ()


def fold(row: SettlementRow | None, key: Key, fact: Envelope) -> SettlementRow:
    (obligation_id,) = key
    event: Any = fact.event
    state = evolve(_memory.state(row.state) if row else INITIAL, event)
    return SettlementRow(
        obligation_id=obligation_id,
        account_id=state.account_id,
        isin=state.isin,
        side=str(state.side),
        qty=state.qty,
        amount=state.amount,
        currency=state.currency,
        settl_date=state.settl_date,
        status=str(state.status),
        settled_qty=state.settled_qty,
        settled_amount=state.settled_amount,
        whose=clean(state.whose),
        reason=clean(state.failing_reason),
        state=_memory.text(state),
    )
