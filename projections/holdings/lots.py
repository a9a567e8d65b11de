"""Lots: the open purchases behind each position, from the moves that the events recorded.

An event records how it changed each lot; the decision chose the lots. So a late event needs no
refolding here, and the view does not depend on effective order. A lot whose quantity and costs are
all zero is deleted; one below zero was sold before it was bought.

A lot that was bought before its currency had a rate has no base cost yet: `base_unknown`.

Units: pieces; `cost` in `currency`, `cost_base` in the account's base currency.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import ClassVar, NamedTuple

from domain.account.base_cost import BaseCostStated
from domain.account.trades import TradeBooked
from domain.rules.lots import LotMove
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from domain.shared.money import ZERO
from projections.engine.exact import add
from projections.engine.moving import MOVING
from projections.ports import Audience, Home, Key, Row

NAME = "lots"
VERSION = 2
AUDIENCE = Audience.OWN
HOME = Home("account_id", "account")


class OpenLot(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("account_id", "isin", "lot_id")

    account_id: str
    isin: str
    lot_id: str
    qty: Decimal
    cost: Decimal
    cost_base: Decimal
    acquired_on: date
    currency: str = ""  # of cost
    base_unknown: bool = False  # cost_base means nothing yet


class Moved(NamedTuple):
    move: LotMove
    currency: str  # of the trade; "": the event has none
    base_unknown: bool  # for a lot that begins with this move
    states_base: bool


ROW: type[Row] = OpenLot
READS: frozenset[type[Event]] = frozenset(MOVING)


def facts(arrived: Envelope) -> Iterable[tuple[Key, Moved]]:
    event = arrived.event
    if not isinstance(event, MOVING):
        return ()
    currency: str = getattr(event, "currency", "")
    no_rate = isinstance(event, TradeBooked) and not event.base_rate
    states = isinstance(event, BaseCostStated)
    return [
        (
            (event.account_id, event.isin, m.lot_id),
            Moved(m, m.currency or currency, m.base_unknown or no_rate, states),
        )
        for m in event.lots
    ]


def fold(row: OpenLot | None, key: Key, fact: Moved) -> OpenLot | None:
    account_id, isin, lot_id = key
    move = fact.move
    qty = add(row.qty if row else ZERO, move.qty)
    cost = add(row.cost if row else ZERO, move.cost)
    cost_base = add(row.cost_base if row else ZERO, move.cost_base)
    if not (qty or cost or cost_base):
        return None
    unknown = row.base_unknown if row else fact.base_unknown
    return OpenLot(
        account_id=account_id,
        isin=isin,
        lot_id=lot_id,
        qty=qty,
        cost=cost,
        cost_base=cost_base,
        acquired_on=row.acquired_on if row else move.acquired_on,
        currency=(row.currency if row else "") or fact.currency,
        base_unknown=unknown and not fact.states_base,
    )
