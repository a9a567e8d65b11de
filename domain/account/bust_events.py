"""What a bust does on `account-{id}`: the trade is undone, and others take other lots.

Part of `domain.account.events`, where they are imported from.
"""

from datetime import date
from decimal import Decimal

from msgspec import Struct

from domain.rules.charges import Charge
from domain.rules.lots import LotMove
from domain.shared.fix import Side
from domain.shared.message import Event


class Counted(Struct, frozen=True, kw_only=True):
    """What the executions of an order that count come to: charges follow from it."""

    qty: Decimal
    gross: Decimal
    charged: Decimal  # commission


class TradeBusted(Event, tag="trade.busted", kw_only=True):
    """J17, J18: a booked trade is undone; what had settled gets a reverse obligation.

    The order pays what the executions that are left cost, so `charges` are what is given back.
    What the order has open at the venue again is held again (J3).
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
    lots: tuple[LotMove, ...]  # mirror of the booking; lots left below zero are covered by others
    open_qty: Decimal  # mirrored into C.STREET[trade_id]
    open_amount: Decimal
    reverse_id: str = ""  # C.STREET[reverse_id] takes the settled part
    reverse_qty: Decimal = Decimal(0)
    reverse_amount: Decimal = Decimal(0)
    trade_date: date
    settl_date: date | None = None  # of the reverse obligation
    reason: str = ""
    in_debit: bool = False
    account_closed: bool = False  # it came after the account had been closed: a case
    after: Counted | None = None  # of the order, without this trade; None: of older busts
    hold_unit: str = ""
    hold_added: Decimal = Decimal(0)  # for what is open at the venue again
    hold_qty: Decimal = Decimal(0)  # still to be filled under the hold


class LotsRematched(Event, tag="lots.rematched", kw_only=True):
    """Another trade was busted, so this one takes other lots, or bears another commission.

    It is as if the busted trade had never been booked. Cash moves with the bust alone.
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
