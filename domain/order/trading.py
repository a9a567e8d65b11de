"""Whether an account may trade an instrument today: asked of a new order and of changed terms."""

from decimal import Decimal
from typing import Any, Protocol

from domain.fix import Side
from domain.message import Refused, refused
from domain.order.refusals import OrderRefusal


class AccountSeen(Protocol):
    """What an order looks at of `domain.account`'s state."""

    status: Any  # "" open closing_only blocked dormant closing closed
    client_id: str
    base_currency: str
    owners: Any  # client ids are `owner.client_id`
    powers: Any  # person id -> Power
    lot_method: str
    us_taxable: bool

    orders: Any  # order id -> what it holds

    def sellable(self, isin: str) -> Decimal: ...


class InstrumentSeen(Protocol):
    """What an order looks at of `domain.instrument`'s terms on a day."""

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
    used: bool  # somebody may hold it: its ISIN stays

    @property
    def market(self) -> str: ...


def account_fault(account: AccountSeen, side: Side, account_id: str) -> Refused | None:
    """An account that is wound down may sell, and buys nothing."""
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
