"""State of an account between two events: its status, cash, lots and open items.

The state keeps only open items (holds, unsettled obligations, uncollected deposits, payments and
transfers in flight, accrued fees), so it does not grow with history. It holds no personal data,
because snapshots are stored in clear.

    settled               confirmed by bank and custodian
    traded                settled + unsettled sales - unsettled purchases
    available_to_trade    traded - reserved - uncollected deposits (no credit line: cash accounts)
    available_to_withdraw max(0, min(settled, traded) - reserved - uncollected)
"""

from datetime import date
from decimal import Decimal

from msgspec import Struct

from domain.rules.charges import Charge
from domain.rules.lots import Lot, LotMove, holding
from domain.shared.fix import Side
from domain.shared.money import ZERO


class Owner(Struct, frozen=True, kw_only=True):
    client_id: str
    share: Decimal = Decimal(1)  # of 1


class Power(Struct, frozen=True, kw_only=True):
    """What an authorised person may do, from when to when, and up to which amount per act."""

    person_id: str
    trade: bool = False
    withdraw: bool = False
    limit: Decimal | None = None  # in the account's base currency
    valid_from: date | None = None
    valid_to: date | None = None


OPEN, CLOSING_ONLY, BLOCKED, DORMANT = "open", "closing_only", "blocked", "dormant"
CLOSING, CLOSED = "closing", "closed"
STATUSES = (OPEN, CLOSING_ONLY, BLOCKED, DORMANT, CLOSING, CLOSED)


class Cash(Struct, frozen=True, kw_only=True, gc=False):
    """The figures of one currency that need no date."""

    traded: Decimal = ZERO
    settled: Decimal = ZERO
    reserved: Decimal = ZERO


class Deposit(Struct, frozen=True, kw_only=True, gc=False):
    """A credited receipt that the bank may still take back."""

    amount: Decimal
    currency: str
    reference_hmac: str
    available_on: date


class OpenOrder(Struct, frozen=True, kw_only=True, gc=False):
    """An order's hold, and what its executions were charged so far.

    The account forgets an order once its trades have settled. After a bust it keeps the order for
    good: a later booking with totals from before the bust would be charged for the wrong trades.
    """

    unit: str  # currency of a purchase, ISIN of a sale
    held: Decimal
    qty: Decimal  # still to be filled under the hold
    done: Decimal = ZERO  # filled
    gross: Decimal = ZERO
    charged: Decimal = ZERO  # commission
    busted: bool = False


class Trade(Struct, frozen=True, kw_only=True, gc=False):
    """What an unsettled trade was booked with: enough to match its lots again."""

    qty: Decimal
    gross: Decimal
    charges: tuple[Charge, ...]
    on: date  # trade date
    rate: Decimal  # base currency per unit of the trade's currency
    method: str  # how its lots are picked
    lots: tuple[LotMove, ...] = ()
    chosen: dict[str, Decimal] = {}  # lots that the client picked for this sale


class Obligation(Struct, frozen=True, kw_only=True, gc=False):
    """The unsettled part of one trade; C.STREET[obligation, account]."""

    isin: str
    side: Side  # BUY: stock in, cash out
    qty: Decimal
    amount: Decimal
    currency: str
    settl_date: date | None
    order_id: str = ""
    failing: bool = False
    confirmations: tuple[str, ...] = ()
    trade: Trade | None = None  # None: a reverse obligation

    @property
    def lots(self) -> tuple[LotMove, ...]:
        """The lots that a sale took, which the client may change; () for a purchase."""
        return self.trade.lots if self.trade and self.side is not Side.BUY else ()


class Unvalued(Struct, frozen=True, kw_only=True, gc=False):
    """A trade whose base figures wait for a fixing."""

    isin: str
    order_id: str
    currency: str
    rate: Decimal  # base currency per unit of `currency`; 0: unknown
    lots: tuple[LotMove, ...]


class Withdrawal(Struct, frozen=True, kw_only=True, gc=False):
    amount: Decimal
    currency: str
    sent: bool = False


class OpenFx(Struct, frozen=True, kw_only=True, gc=False):
    buy_currency: str
    buy_amount: Decimal
    sell_currency: str
    sell_amount: Decimal  # at the dealer's rate: the market receives it
    value_date: date


class Accrual(Struct, frozen=True, kw_only=True, gc=False):
    """The running fee of one currency since the last charge."""

    exact: Decimal = ZERO
    posted: Decimal = ZERO
    last_day: date


class Transfer(Struct, frozen=True, kw_only=True, gc=False):
    """A transfer that was sent and that the receiving account has not booked yet."""

    currency: str = ""
    amount: Decimal = ZERO
    isin: str = ""
    instrument_id: str = ""
    lots: tuple[LotMove, ...] = ()


class State(Struct, frozen=True, kw_only=True, gc=False):
    account_id: str = ""
    status: str = ""  # "": the account does not exist
    prior: str = ""  # the status that a block interrupted
    client_id: str = ""
    account_type: str = ""
    base_currency: str = ""
    lot_method: str = ""
    us_taxable: bool = False
    owners: tuple[Owner, ...] = ()
    powers: dict[str, Power] = {}  # by person
    revoked: tuple[str, ...] = ()  # persons whose power was taken back
    traded: dict[str, Decimal] = {}  # by currency: -C.CASH
    lots: dict[str, tuple[Lot, ...]] = {}  # by ISIN: -C.SEC
    arrivals: dict[str, tuple[str, ...]] = {}  # by ISIN with unsettled trades: lot ids by arrival
    orders: dict[str, OpenOrder] = {}
    obligations: dict[str, Obligation] = {}
    uncollected_deposits: tuple[Deposit, ...] = ()
    clear_references: tuple[str, ...] = ()  # digests without key, of receipts in old events
    withdrawals: dict[str, Withdrawal] = {}  # by payment id
    payments: int = 0  # payment ids minted so far
    fx: dict[str, OpenFx] = {}
    fees: dict[str, Accrual] = {}  # by currency
    transfers: dict[str, Transfer] = {}
    unvalued: dict[str, Unvalued] = {}  # by trade id, in the order of booking

    @property
    def exists(self) -> bool:
        return self.status != ""

    @property
    def is_open(self) -> bool:
        """Money and stock may still move; a blocked account still takes income and fees."""
        return self.status not in ("", CLOSED)

    def qty(self, isin: str) -> Decimal:
        """Traded position: what the client owns, settled or not."""
        return holding(self.lots.get(isin, ()))

    def settled_qty(self, isin: str) -> Decimal:
        return self.qty(isin) - sum(
            (_signed(o.side, o.qty) for o in self.obligations.values() if o.isin == isin), ZERO
        )

    def covers(self, obligation_id: str) -> bool:
        """Whether settled shares cover a delivery and all deliveries booked before it."""
        asked = self.obligations.get(obligation_id)
        if asked is None:
            return False
        needed = ZERO
        for key, o in self.obligations.items():  # in the order of booking
            if o.isin == asked.isin and o.side is Side.SELL:
                needed += o.qty
            if key == obligation_id:
                break
        return self.settled_qty(asked.isin) >= needed

    def held_qty(self, isin: str) -> Decimal:
        """Shares held by open sales."""
        return sum((o.held for o in self.orders.values() if o.unit == isin), ZERO)

    def sellable(self, isin: str) -> Decimal:
        """Traded less held by open sales; below zero after an oversold report."""
        return self.qty(isin) - self.held_qty(isin)

    def cash(self, currency: str) -> Cash:
        traded = self.traded.get(currency, ZERO)
        return Cash(
            traded=traded,
            settled=traded - self._street(currency),
            reserved=self._reserved(currency),
        )

    def uncollected(self, currency: str, on: date) -> Decimal:
        """Credited, but available only after `on`."""
        return sum(
            (
                d.amount
                for d in self.uncollected_deposits
                if d.currency == currency and d.available_on > on
            ),
            ZERO,
        )

    def available_to_trade(self, currency: str, on: date) -> Decimal:
        cash = self.cash(currency)
        return cash.traded - cash.reserved - self.uncollected(currency, on)

    def available_to_withdraw(self, currency: str, on: date) -> Decimal:
        cash = self.cash(currency)
        free = min(cash.settled, cash.traded) - cash.reserved - self.uncollected(currency, on)
        return max(ZERO, free)

    def _street(self, currency: str) -> Decimal:
        """Unsettled cash: + the market owes the client."""
        trades = (
            _signed(o.side, -o.amount) for o in self.obligations.values() if o.currency == currency
        )
        bought = (f.buy_amount for f in self.fx.values() if f.buy_currency == currency)
        sold = (-f.sell_amount for f in self.fx.values() if f.sell_currency == currency)
        return sum((*trades, *bought, *sold), ZERO)

    def _reserved(self, currency: str) -> Decimal:
        orders = (o.held for o in self.orders.values() if o.unit == currency)
        payments = (
            w.amount for w in self.withdrawals.values() if w.currency == currency and not w.sent
        )
        return sum((*orders, *payments), ZERO)


INITIAL = State()


def _signed(side: Side, amount: Decimal) -> Decimal:
    return amount if side is Side.BUY else -amount
