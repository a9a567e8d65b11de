"""The event that states an unknown base cost. Import it from `domain.account.events`."""

from decimal import Decimal

from domain.rules.lots import LotMove
from domain.shared.message import Event


class BaseCostStated(Event, tag="trade.base_stated", kw_only=True):
    """The base figures of a trade that was booked before its rate was fixed. Posts nothing.

    The moves change only base figures: quantity, cost and proceeds are 0.
    """

    account_id: str
    trade_id: str  # "": base cost that busts moved between lots meanwhile
    order_id: str = ""  # its saga needs the new figures, for a later bust
    isin: str
    rates: dict[str, Decimal]  # base currency per unit of each currency that was needed
    lots: tuple[LotMove, ...]
