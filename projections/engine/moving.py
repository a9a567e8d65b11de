"""The events that move lots; the views of lots and of positions both read them."""

from domain.account.events import (
    BaseCostStated,
    LotsRematched,
    LotsSelected,
    ResidueCashed,
    SecuritiesTransferredIn,
    SecuritiesTransferredOut,
    TradeBooked,
    TradeBusted,
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
