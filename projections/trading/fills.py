"""Fills: every execution that counted at some time, and whether it still does.

    live -order.trade_canceled (H, or the first half of G)-> canceled

A correction is a fill of its own with `exec_ref_id`; the one it replaces shows the correction's
exec id in `canceled_by`, a bust shows the bust's. Keyed by our trade id: an exec id alone is
unique only within a day (domain.md rule 5).

Units: pieces; price as quoted; `gross` in the settlement currency.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from msgspec.structs import replace

from domain.order.events import OrderFilled, TradeCanceled
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from domain.shared.money import ZERO
from projections.engine.words import clean
from projections.ports import Audience, Home, Key, Row

NAME = "fills"
VERSION = 1
AUDIENCE = Audience.OWN
HOME = Home("order_id", "order")
LIVE, CANCELED = "live", "canceled"


class Fill(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("order_id", "trade_id")
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = (("account_id", "trade_date"),)

    order_id: str
    trade_id: str
    account_id: str
    instrument_id: str
    isin: str
    side: str
    exec_id: str
    venue_order_id: str
    last_qty: Decimal
    last_px: Decimal
    currency: str  # settlement currency
    gross: Decimal
    transact_time: datetime
    trade_date: date
    settl_date: date
    last_mkt: str = ""
    exec_ref_id: str = ""  # the execution that this one corrects
    excess_qty: Decimal = ZERO  # beyond the order
    late: bool = False  # after the order had ended
    status: str = LIVE
    canceled_by: str = ""  # exec id of the bust or correction
    reason: str = ""


ROW: type[Row] = Fill
READS: frozenset[type[Event]] = frozenset({OrderFilled, TradeCanceled})


def facts(arrived: Envelope) -> Iterable[tuple[Key, OrderFilled | TradeCanceled]]:
    event = arrived.event
    if isinstance(event, OrderFilled | TradeCanceled):
        return [((event.order_id, event.trade_id), event)]
    return ()


def fold(row: Fill | None, key: Key, fact: OrderFilled | TradeCanceled) -> Fill:
    if isinstance(fact, OrderFilled):
        return _filled(fact)
    assert row is not None, f"{fact.trade_id} is canceled before it was filled"
    return replace(row, status=CANCELED, canceled_by=fact.exec_id, reason=clean(fact.reason))


def _filled(event: OrderFilled) -> Fill:
    return Fill(
        order_id=event.order_id,
        trade_id=event.trade_id,
        account_id=event.account_id,
        instrument_id=event.instrument_id,
        isin=event.isin,
        side=str(event.side),
        exec_id=clean(event.exec_id),
        venue_order_id=clean(event.venue_order_id),
        last_qty=event.last_qty,
        last_px=event.last_px,
        currency=event.currency,
        gross=event.gross,
        transact_time=event.transact_time,
        trade_date=event.trade_date,
        settl_date=event.settl_date,
        last_mkt=clean(event.last_mkt),
        exec_ref_id=clean(event.exec_ref_id),
        excess_qty=event.excess_qty,
        late=event.late,
    )
