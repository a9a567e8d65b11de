"""The table `fills`: executions, their corrections and their cancels."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from domain.order.events import OrderFilled, TradeCanceled
from domain.shared.message import Event
from projections.facts.base import Fact, Repeating, Source


class FillFact(Fact, frozen=True, kw_only=True):
    TABLE: ClassVar[str] = "fills"

    exec_type: Repeating  # fill, correct (restates exec_ref_id) or cancel (of exec_ref_id)
    order_id: str
    account_id: str
    exec_id: str
    exec_ref_id: str
    trade_id: str  # of a cancel: the trade that no longer counts
    venue_order_id: str
    last_qty: Decimal  # of a cancel: of the execution that no longer counts
    last_px: Decimal
    trade_date: date
    settl_date: date
    instrument_id: Repeating = ""
    isin: Repeating = ""
    side: Repeating = ""
    currency: Repeating = ""  # of settlement
    gross: Decimal | None = None  # settlement currency
    transact_time: datetime | None = None  # the venue's
    last_mkt: Repeating = ""
    last_capacity: Repeating = ""
    last_liquidity: Repeating = ""
    contra: Repeating = ""
    country: Repeating = ""
    excess_qty: Decimal = Decimal(0)  # beyond the order
    late: bool = False  # after the order had ended
    reason: str = ""


def _fill(event: OrderFilled) -> Iterator[Fact]:
    yield FillFact(
        exec_type="correct" if event.exec_ref_id else "fill",
        order_id=event.order_id,
        account_id=event.account_id,
        exec_id=event.exec_id,
        exec_ref_id=event.exec_ref_id,
        trade_id=event.trade_id,
        venue_order_id=event.venue_order_id,
        instrument_id=event.instrument_id,
        isin=event.isin,
        side=event.side,
        last_qty=event.last_qty,
        last_px=event.last_px,
        currency=event.currency,
        gross=event.gross,
        transact_time=event.transact_time,
        trade_date=event.trade_date,
        settl_date=event.settl_date,
        last_mkt=event.last_mkt,
        last_capacity=event.last_capacity,
        last_liquidity=event.last_liquidity,
        contra=event.contra,
        country=event.country,
        excess_qty=event.excess_qty,
        late=event.late,
    )


def _cancel(event: TradeCanceled) -> Iterator[Fact]:
    yield FillFact(
        exec_type="cancel",
        order_id=event.order_id,
        account_id=event.account_id,
        exec_id=event.exec_id,
        exec_ref_id=event.exec_ref_id,
        trade_id=event.trade_id,
        venue_order_id=event.venue_order_id,
        last_qty=event.last_qty,
        last_px=event.last_px,
        trade_date=event.trade_date,
        settl_date=event.settl_date,
        reason=event.reason,
    )


SOURCES: Mapping[type[Event], Source] = {
    OrderFilled: Source(FillFact, _fill),
    TradeCanceled: Source(FillFact, _cancel),
}
