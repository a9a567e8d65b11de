"""An order's state: independent facts, and the figures recomputed from them.

The state holds no status: `domain.order.status` derives OrdStatus from these facts. CumQty,
LeavesQty and AvgPx are computed from the executions that count, so that a bust or a correction,
however late, only changes which executions count.

A **chain** is one execution and its corrections: F <- G <- G. At most one of a chain counts: the
last correction, or none after a bust. An execution is identified by (venue order id 37, exec id 17,
trade date): an exec id alone is unique only within a day.
"""

from datetime import date, datetime
from decimal import Decimal

from msgspec import Struct

from domain.shared.fix import MULTI_DAY, CxlRejResponseTo, ExecType, OrdType, Side, TimeInForce
from domain.shared.money import EXACT, PRICE_DECIMALS, ZERO, plain, quantise

BUSTED = ""


def exec_key(venue_order_id: str, exec_id: str, trade_date: date) -> str:
    """The key of an execution. The length keeps keys distinct if an id contains a colon."""
    return f"{trade_date}:{len(exec_id)}:{exec_id}:{venue_order_id}"


class Execution(Struct, frozen=True, kw_only=True, gc=False):
    """One report of a chain. `trade_id` "": never counted (it came after a later correction)."""

    exec_id: str
    venue_order_id: str
    trade_date: date
    transact_time: datetime | None  # None: a bust, which has none
    last_qty: Decimal
    last_px: Decimal
    root: str  # key of the chain's first report
    trade_id: str = ""
    late: bool = False

    @property
    def key(self) -> str:
        return exec_key(self.venue_order_id, self.exec_id, self.trade_date)


class Parked(Struct, frozen=True, kw_only=True, gc=False):
    """A bust (H) or correction (G) that waits for the execution it refers to."""

    exec_type: ExecType
    exec_id: str
    exec_ref_id: str
    venue_order_id: str
    trade_date: date
    settl_date: date
    transact_time: datetime | None
    last_qty: Decimal
    last_px: Decimal
    reason: str = ""

    @property
    def ref(self) -> str:
        return exec_key(self.venue_order_id, self.exec_ref_id, self.trade_date)


class Asked(Struct, frozen=True, kw_only=True, gc=False):
    """A cancel or replace request. Kept after its answer, which may come twice or change."""

    kind: CxlRejResponseTo
    left: bool = False  # sent to the venue
    answer: str = ""  # "" accepted rejected
    qty: Decimal = ZERO
    limit_px: Decimal | None = None
    hold_px: Decimal = ZERO
    hold_amount: Decimal = ZERO
    decision_maker: str = ""


class Order(Struct, frozen=True, kw_only=True, gc=False):
    order_id: str = ""  # "": the order does not exist
    account_id: str = ""
    client_id: str = ""
    instrument_id: str = ""
    isin: str = ""
    side: Side = Side.BUY
    qty: Decimal = ZERO  # OrderQty 38
    ord_type: OrdType = OrdType.MARKET
    limit_px: Decimal | None = None
    stop_px: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    settl_currency: str = ""
    price_factor: Decimal = Decimal(1)
    qty_increment: Decimal = Decimal(1)
    tick_size: Decimal = ZERO
    country: str = ""
    hold_px: Decimal = ZERO
    hold_amount: Decimal = ZERO
    decision_maker: str = ""  # the person who decided on the terms in force under a power

    released: bool = False  # has left for the venue
    accepted: bool = False
    rejected: bool = False
    canceled: bool = False
    expired: bool = False
    done_at: datetime | None = None  # done for day since
    stopped: bool = False
    suspended: bool = False
    calculated: bool = False

    venue_order_id: str = ""
    cl_ord_id: str = ""  # of the terms in force
    minted: int = 0  # ClOrdIDs
    trades: int = 0  # trade ids
    asked: dict[str, Asked] = {}  # by ClOrdID
    executions: dict[str, Execution] = {}  # every report of every chain, by key
    counting: dict[str, str] = {}  # chain -> key of the execution that counts, or BUSTED
    parked: tuple[Parked, ...] = ()
    contradictions: tuple[str, ...] = ()  # keys of executions reported again with other figures

    @property
    def exists(self) -> bool:
        return self.order_id != ""

    @property
    def ended(self) -> bool:
        """Whether the order is rejected, canceled or expired, however much was filled."""
        return self.rejected or self.canceled or self.expired

    @property
    def over(self) -> bool:
        """Ended, or done for the only day it is valid: an execution is then a late report."""
        return self.ended or (self.done_at is not None and self.time_in_force not in MULTI_DAY)

    @property
    def fills(self) -> tuple[Execution, ...]:
        """The executions that count, in order of their chains' arrival."""
        return tuple(self.executions[k] for k in self.counting.values() if k != BUSTED)

    @property
    def cum_qty(self) -> Decimal:
        return sum((f.last_qty for f in self.fills), ZERO)

    @property
    def leaves_qty(self) -> Decimal:
        """Open for execution: 0 once the order is over, however little was filled."""
        return ZERO if self.over else max(self.qty - self.cum_qty, ZERO)

    @property
    def avg_px(self) -> Decimal:
        """Quantity-weighted mean price to 10 decimals (at least 6 are required); 0: no fill."""
        fills = self.fills
        cum_qty = sum((f.last_qty for f in fills), ZERO)
        if not cum_qty:
            return ZERO
        notional = ZERO
        for fill in fills:
            notional = EXACT.add(notional, EXACT.multiply(fill.last_qty, fill.last_px))
        return plain(quantise(EXACT.divide(notional, cum_qty), PRICE_DECIMALS))

    @property
    def filled(self) -> bool:
        return self.exists and self.cum_qty >= self.qty

    def pending(self, kind: CxlRejResponseTo) -> str:
        """ClOrdID of the unanswered request of this kind; "" when there is none.

        A canceled or rejected order has no pending request. On an expired one, only a request that
        was sent to the venue stays pending, until the venue answers.
        """
        if self.canceled or self.rejected:
            return ""
        for cl_ord_id, asked in self.asked.items():
            if asked.kind is kind and not asked.answer and (asked.left or not self.expired):
                return cl_ord_id
        return ""

    def live(self, key: str) -> Execution | None:
        """The execution that counts in the chain of a known report; None when it is busted."""
        counts = self.counting[self.executions[key].root]
        return None if counts == BUSTED else self.executions[counts]


INITIAL = Order()
