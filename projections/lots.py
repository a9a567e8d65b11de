"""Lots: the open purchases behind each position, from the moves that the events recorded.

An event says how every lot it touched changed, chosen when it was decided. So a late event needs
no refolding here, and the view does not depend on effective order. A lot at zero in everything
has left the table; one below zero was sold before it was bought.

Units: pieces; `cost` in the trade's currency, `cost_base` in the account's base currency.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import ClassVar

from domain.account.events import (
    LotsRematched,
    LotsSelected,
    ResidueCashed,
    SecuritiesTransferredIn,
    SecuritiesTransferredOut,
    TradeBooked,
    TradeBusted,
    TransferUndone,
)
from domain.envelope import Envelope
from domain.lots import LotMove
from projections.exact import ZERO, add
from projections.ports import Key, Row

NAME = "lots"
VERSION = 1

Moving = (
    TradeBooked
    | TradeBusted
    | LotsSelected
    | LotsRematched
    | ResidueCashed
    | SecuritiesTransferredOut
    | SecuritiesTransferredIn
    | TransferUndone
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
)


class OpenLot(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("account_id", "isin", "lot_id")

    account_id: str
    isin: str
    lot_id: str
    qty: Decimal
    cost: Decimal
    cost_base: Decimal
    acquired_on: date


ROW: type[Row] = OpenLot


def facts(arrived: Envelope) -> Iterable[tuple[Key, LotMove]]:
    event = arrived.event
    if not isinstance(event, MOVING):
        return ()
    return [((event.account_id, event.isin, move.lot_id), move) for move in event.lots]


def fold(row: OpenLot | None, key: Key, fact: LotMove) -> OpenLot | None:
    account_id, isin, lot_id = key
    qty = add(row.qty if row else ZERO, fact.qty)
    cost = add(row.cost if row else ZERO, fact.cost)
    cost_base = add(row.cost_base if row else ZERO, fact.cost_base)
    if not (qty or cost or cost_base):
        return None
    return OpenLot(
        account_id=account_id,
        isin=isin,
        lot_id=lot_id,
        qty=qty,
        cost=cost,
        cost_base=cost_base,
        acquired_on=row.acquired_on if row else fact.acquired_on,
    )
