"""Order and its fills, in FIX words."""

from datetime import date, datetime

import strawberry

from api.graphql.engine.fields import field
from api.graphql.engine.sources import Source
from api.graphql.fix import FixMessage, fix_message_node
from api.graphql.instruments import Instrument, instrument, listing
from api.graphql.timeline import Step, step
from api.http.wire import decimal, quantity
from domain.shared.fix import OrdStatus, OrdType, Side, TimeInForce
from projections.trading import fills, fix_messages
from projections.trading.fills import LIVE
from projections.trading.fills import Fill as FillRow
from projections.trading.fix_messages import FixMessageRow
from projections.trading.orders import OrderRow

for kind, tag in ((OrdStatus, 39), (Side, 54), (OrdType, 40), (TimeInForce, 59)):
    strawberry.enum(kind, description=f"FIX tag {tag}")


@strawberry.type(description="One execution. `live` is false once it was busted or corrected.")
class Fill:
    exec_id: strawberry.ID
    trade_id: strawberry.ID
    last_qty: str
    last_px: str
    gross: str = strawberry.field(description="in currency")
    currency: str = strawberry.field(description="settlement currency")
    transact_time: datetime
    trade_date: date
    settl_date: date
    exec_ref_id: str = strawberry.field(description="the execution that this one corrects, or ''")
    live: bool
    late: bool


@strawberry.type
class Order:
    _source: strawberry.Private[Source]
    _reason: strawberry.Private[str]
    id: strawberry.ID
    account_id: strawberry.ID
    instrument_id: strawberry.ID
    ord_status: OrdStatus
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    qty: str
    limit_px: str | None
    stop_px: str | None
    cum_qty: str
    leaves_qty: str
    avg_px: str = strawberry.field(description="quantity-weighted, 10 decimals; 0 without fills")
    currency: str = strawberry.field(description="of prices, as quoted")
    placed_at: datetime
    updated_at: datetime
    position: str = strawberry.field(description="of the last event that changed it")

    @field("Executions that count; canceled: true adds those that were undone.")
    async def fills(self, canceled: bool = False) -> list[Fill]:
        rows = await self._source.children(fills, "order_id", self.id)
        found = [row for row in rows if isinstance(row, FillRow)]
        return [_fill(row) for row in found if canceled or row.status == LIVE]

    @field("The recorded FIX messages, oldest first: what was sent, and what came.")
    async def messages(self) -> list[FixMessage]:
        rows = await self._source.children(fix_messages, "order_id", self.id)
        found = [row for row in rows if isinstance(row, FixMessageRow)]
        return [fix_message_node(self._source, row) for row in found]

    @field("Each step of its life, from the order to settled cash, over all streams.")
    async def timeline(self) -> list[Step]:
        return [step(self._source, e) for e in await self._source.opened.lifeline(self.id)]

    @field("The reason of a rejection or cancel; null after the client was erased.")
    async def reason(self) -> str | None:
        if self._reason or self.ord_status is not OrdStatus.CANCELED:
            return self._reason
        return await self._source.opened.cancel_reason(self.id)

    @strawberry.field
    async def instrument(self) -> Instrument | None:
        row = await listing(self._source, self.instrument_id)
        return instrument(self._source, row) if row else None


def order(source: Source, row: OrderRow) -> Order:
    return Order(
        _source=source,
        _reason=row.reason,
        id=strawberry.ID(row.order_id),
        account_id=strawberry.ID(row.account_id),
        instrument_id=strawberry.ID(row.instrument_id),
        ord_status=OrdStatus(row.ord_status),
        side=Side(row.side),
        ord_type=OrdType(row.ord_type),
        time_in_force=TimeInForce(row.time_in_force),
        qty=quantity(row.qty),
        limit_px=None if row.limit_px is None else decimal(row.limit_px),
        stop_px=None if row.stop_px is None else decimal(row.stop_px),
        cum_qty=quantity(row.cum_qty),
        leaves_qty=quantity(row.leaves_qty),
        avg_px=decimal(row.avg_px),
        currency=row.currency,
        placed_at=row.placed_at,
        updated_at=row.updated_at,
        position=str(row.position),
    )


def _fill(row: FillRow) -> Fill:
    return Fill(
        exec_id=strawberry.ID(row.exec_id),
        trade_id=strawberry.ID(row.trade_id),
        last_qty=quantity(row.last_qty),
        last_px=decimal(row.last_px),
        gross=decimal(row.gross),
        currency=row.currency,
        transact_time=row.transact_time,
        trade_date=row.trade_date,
        settl_date=row.settl_date,
        exec_ref_id=row.exec_ref_id,
        live=row.status == LIVE,
        late=row.late,
    )
