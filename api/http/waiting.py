"""Waiting, bounded, for what follows a command: an order to leave PENDING_NEW (`Prefer: wait`).

The order's own stream is asked, not a view, so the answer does not depend on any view's lag.
"""

import asyncio
from functools import partial, reduce

from api.http.commands import Settled
from api.ports import EventLog
from domain import order
from domain.order.status import ord_status
from domain.shared.fix import OrdStatus


def order_settled(log: EventLog) -> Settled:
    return partial(_order_settled, log)


async def _order_settled(log: EventLog, stream: str, /, *, timeout_s: float) -> bool:
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout_s
    while True:
        last = await log.last()  # before the load: what comes between wakes us again
        if await _status(log, stream) != OrdStatus.PENDING_NEW:
            return True
        left = until - loop.time()
        if left <= 0 or not await log.wait(last, timeout_s=left):
            return False


async def _status(log: EventLog, stream: str) -> OrdStatus:
    loaded = (await log.load([stream]))[stream]
    state = order.INITIAL if loaded.snapshot is None else loaded.snapshot
    return ord_status(reduce(order.evolve, loaded.events, state))
