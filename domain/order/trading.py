"""Whether an account may trade an instrument today: checks for new orders and changed terms."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from domain.order.refusals import OrderRefusal
from domain.rules.powers import Worth, lacking_power
from domain.shared.fix import Side
from domain.shared.message import Refused, refused
from domain.shared.money import EXACT


class AccountSeen(Protocol):
    """The part of `domain.account`'s state that an order reads."""

    status: Any  # "" open closing_only blocked dormant closing closed
    client_id: str
    base_currency: str
    owners: Any  # client ids are `owner.client_id`
    powers: Any  # person id -> Power
    revoked: Any  # persons whose power was taken back
    lot_method: str
    us_taxable: bool

    orders: Any  # order id -> what it holds

    def sellable(self, isin: str) -> Decimal: ...


class InstrumentSeen(Protocol):
    """The part of `domain.instrument`'s terms on a day that an order reads."""

    status: Any  # "" listed halted delisted
    isin: str
    mic: str
    asset_class: str
    currency: str
    settlement_currency: str
    place_of_settlement: str
    price_type: Any
    price_factor: Decimal
    multiplier: Decimal
    tick_size: Decimal
    qty_increment: Decimal
    used: bool  # an account may hold it, so its ISIN cannot change

    @property
    def market(self) -> str: ...


def account_fault(account: AccountSeen, side: Side, account_id: str) -> Refused | None:
    """Refuse unless the account may trade. An account that is wound down may sell but not buy."""
    match str(account.status):
        case "open":
            return None
        case "":
            return refused(OrderRefusal.ACCOUNT_UNKNOWN, account_id=account_id)
        case "closing_only" if side is Side.BUY:
            return refused(OrderRefusal.CLOSING_ONLY, status="closing_only")
        case "closing_only":
            return None
        case "closing" if side is not Side.BUY:
            return None
        case status:
            return refused(OrderRefusal.ACCOUNT_NOT_OPEN, status=status)


def instrument_fault(instrument: InstrumentSeen, instrument_id: str) -> Refused | None:
    match str(instrument.status):
        case "listed":
            return None
        case "":
            return refused(OrderRefusal.INSTRUMENT_UNKNOWN, instrument_id=instrument_id)
        case status:
            return refused(OrderRefusal.INSTRUMENT_NOT_TRADABLE, status=status)


def power_fault(
    account: AccountSeen, persons: Iterable[str], *, on: date, worth: Worth
) -> Refused | None:
    """Refuse unless each person is an owner or has a power that covers the terms; skip ""."""
    for person in persons:
        why = lacking_power(account, person, "trade", on=on, worth=worth) if person else None
        if why is not None:
            return refused(OrderRefusal.POWER_MISSING, **why)
    return None


def worth_px(side: Side, px: Decimal | None, marked: Decimal | None) -> Decimal | None:
    """The price for an order's worth; None: there is none.

    A purchase costs at most its worst price. A sale brings at least its worst price, and may bring
    the market's: a low limit does not make it smaller.
    """
    if side is Side.BUY or px is None:
        return px
    return None if marked is None else max(px, marked)


def worth(
    account: AccountSeen, currency: str, *, qty: Decimal, px: Decimal | None, factor: Decimal
) -> Decimal | None:
    """An order's amount in the base currency; None: it settles in another one, or has no price."""
    if currency != account.base_currency or px is None:
        return None
    return EXACT.multiply(EXACT.multiply(qty, px), factor)
