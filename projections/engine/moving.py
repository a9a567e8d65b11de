"""The events that move lots; the views of lots and of positions both read them."""

from domain.account.base_cost import BaseCostStated
from domain.account.busts import TradeBusted
from domain.account.rematching import LotsRematched
from domain.account.residues import ResidueCashed
from domain.account.selection import LotsSelected
from domain.account.trades import TradeBooked
from domain.account.transfers import (
    SecuritiesTransferredIn,
    SecuritiesTransferredOut,
    TransferUndone,
)

Moving = (
    TradeBooked
    | TradeBusted
    | LotsSelected
    | LotsRematched
    | ResidueCashed
    | SecuritiesTransferredOut
    | SecuritiesTransferredIn
    | TransferUndone
    | BaseCostStated
)
MOVING = (
    TradeBooked,
    TradeBusted,
    LotsSelected,
    LotsRematched,
    ResidueCashed,
    SecuritiesTransferredOut,
    SecuritiesTransferredIn,
    TransferUndone,
    BaseCostStated,
)
