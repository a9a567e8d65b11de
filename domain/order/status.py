"""OrdStatus (39): of all statuses that hold at once, the one that ranks highest.

Status is never stored. Each row has the condition of a status; the first that holds is shown. A
filled order whose trade is busted is no longer FILLED, and needs no event for that.

Source: FIX 4.4, ExecutionReport, the table of OrdStatus precedence with its ranks.
Within one rank at most one holds, apart from PENDING_NEW, which is the default, and from canceled
and expired: canceled is shown, so that a client's request goes first.
"""

from collections.abc import Callable

from domain.order.state import Order
from domain.shared.fix import CxlRejResponseTo, OrdStatus

PRECEDENCE: tuple[tuple[int, OrdStatus, Callable[[Order], bool]], ...] = (
    (12, OrdStatus.PENDING_CANCEL, lambda o: o.pending(CxlRejResponseTo.CANCEL) != ""),
    (11, OrdStatus.PENDING_REPLACE, lambda o: o.pending(CxlRejResponseTo.REPLACE) != ""),
    (10, OrdStatus.DONE_FOR_DAY, lambda o: o.done_at is not None),
    (9, OrdStatus.CALCULATED, lambda o: o.calculated),
    (8, OrdStatus.FILLED, lambda o: o.filled),
    (7, OrdStatus.STOPPED, lambda o: o.stopped),
    (6, OrdStatus.SUSPENDED, lambda o: o.suspended),
    (5, OrdStatus.CANCELED, lambda o: o.canceled),
    (5, OrdStatus.EXPIRED, lambda o: o.expired),
    (4, OrdStatus.PARTIALLY_FILLED, lambda o: o.cum_qty > 0),
    (2, OrdStatus.REJECTED, lambda o: o.rejected),
    (2, OrdStatus.NEW, lambda o: o.accepted),
    (2, OrdStatus.PENDING_NEW, lambda _: True),
)


def ord_status(order: Order) -> OrdStatus:
    """The status to show for an order that exists."""
    return next(status for _, status, holds in PRECEDENCE if holds(order))
