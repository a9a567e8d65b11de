"""Subscriptions: an account's orders and positions, sent when the views commit a change."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry
from strawberry.types import Info

from api.graphql.engine.fields import subscription
from api.graphql.engine.session import Session
from api.graphql.holdings import Position, position
from api.graphql.orders import Order, order
from projections.holdings import positions
from projections.holdings.positions import Position as PositionRow
from projections.trading import orders
from projections.trading.orders import OrderRow

Context = Info[Session, None]
ID = strawberry.ID


@strawberry.type
class Subscription:
    @subscription("Each order of the account, whenever it has changed.")
    async def order_changed(self, info: Context, account_id: ID) -> AsyncGenerator[Order, None]:
        session = info.context
        async with aclosing(session.hub.changes(orders.NAME, "account_id", account_id)) as rows:
            async for row in rows:
                if isinstance(row, OrderRow):
                    yield order(session.live(), row)

    @subscription(
        "Each position of the account, whenever a trade, a hold or a settlement has changed it. "
        "Its value is at the last mark of that moment; a new mark alone sends nothing."
    )
    async def position_changed(
        self, info: Context, account_id: ID
    ) -> AsyncGenerator[Position, None]:
        session = info.context
        async with aclosing(session.hub.changes(positions.NAME, "account_id", account_id)) as rows:
            async for row in rows:
                if isinstance(row, PositionRow):
                    yield position(session.live(), row)
