"""Events of a bust on `account-{id}`: the trade is undone, and other trades take other lots.

Import them from `domain.account.events`.
"""

from datetime import date
from decimal import Decimal

from msgspec import Struct

from domain.rules.charges import Charge
from domain.rules.lots import LotMove
from domain.shared.fix import Side
from domain.shared.message import Event


class Counted(Struct, frozen=True, kw_only=True):
    """Totals over an order's executions that count. Charges are computed from them."""

    qty: Decimal
    gross: Decimal
    charged: Decimal  # commission


class TradeBusted(Event, tag="trade.busted", kw_only=True):
    """J17, J18: a booked trade is undone; its settled part gets a reverse obligation.

    The order pays what its remaining executions cost together; `charges` are what it gets back.
    The quantity that is open at the venue again is held again (J3).
    """

    account_id: str
    trade_id: str
    order_id: str
    exec_id: str
    isin: str
    side: Side  # of the busted trade
    qty: Decimal
    currency: str
    gross: Decimal
    accrued_interest: Decimal = Decimal(0)
    charges: tuple[Charge, ...] = ()  # given back
    lots: tuple[LotMove, ...]  # mirror of the booking; other lots cover those left below zero
    open_qty: Decimal  # mirrored into C.STREET[trade_id]
    open_amount: Decimal
    reverse_id: str = ""  # C.STREET[reverse_id] takes the settled part
    reverse_qty: Decimal = Decimal(0)
    reverse_amount: Decimal = Decimal(0)
    trade_date: date
    settl_date: date | None = None  # of the reverse obligation
    reason: str = ""
    in_debit: bool = False
    account_closed: bool = False  # booked after the account was closed: opens a case
    after: Counted | None = None  # the order without this trade; None: unknown, or an older bust
    hold_unit: str = ""
    hold_added: Decimal = Decimal(0)  # for the quantity that is open at the venue again
    hold_qty: Decimal = Decimal(0)  # still to be filled under the hold


class LotsRematched(Event, tag="lots.rematched", kw_only=True):
    """Another trade was busted, so this one takes other lots, or bears another commission.

    It is as if the busted trade had never been booked. Only the bust itself moves cash.
    """

    account_id: str
    trade_id: str
    order_id: str
    isin: str
    currency: str
    lots: tuple[LotMove, ...]  # the first `restored` undo the old matching, the rest are the new
    restored: int = 0  # 0: the trade has settled, and `lots` only change its cost
    charges: tuple[Charge, ...] = ()  # of the trade from now on
    because: str  # the busted trade
