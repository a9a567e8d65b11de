"""Steps that apply events to the state. What became zero is dropped."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar

from msgspec.structs import replace

from domain.account.state import Obligation, OpenOrder, State
from domain.rules.lots import Lot, LotMove, apply
from domain.shared.money import ZERO

V = TypeVar("V")
ARRIVALS_SPARE = 16  # obsolete lot ids that `arrivals` may hold before it is cleaned


def with_item(items: Mapping[str, V], key: str, value: V | None) -> dict[str, V]:
    """A copy with `key` set, or removed if `value` is None."""
    rest = {k: v for k, v in items.items() if k != key} if value is None else dict(items)
    if value is not None:
        rest[key] = value
    return rest


def add_cash(state: State, currency: str, amount: Decimal) -> State:
    """Move the client's traded cash: the mirror of every C.CASH posting."""
    traded = state.traded
    if after := traded.get(currency, ZERO) + amount:
        return replace(state, traded={**traded, currency: after})
    return replace(state, traded=with_item(traded, currency, None))


def move_lots(
    state: State, isin: str, moves: Iterable[LotMove], *, currency: str, restores: bool = False
) -> State:
    """Move the client's lots (cost in `currency`): the mirror of every C.SEC posting.

    With `restores`, a lot that comes back gets its old place among the others.
    """
    after = apply(state.lots.get(isin, ()), moves, currency=currency)
    if restores and len(after) > 1 and isin in state.arrivals:
        after = by_arrival(after, state.arrivals[isin])
    return replace(state, lots=with_item(state.lots, isin, after or None))


def by_arrival(lots: Iterable[Lot], arrivals: Sequence[str]) -> tuple[Lot, ...]:
    """Lots in their order of arrival, so that a lot restored by a bust has its old place."""
    places = {lot_id: place for place, lot_id in enumerate(arrivals)}
    return tuple(sorted(lots, key=lambda lot: places.get(lot.lot_id, len(places))))


def in_debit(before: State, after: State, currency: str, *, on: date) -> bool:
    """Whether available cash fell below zero, or further below. That opens a case, no refusal."""
    left = after.available_to_trade(currency, on)
    return left < ZERO and left < before.available_to_trade(currency, on)


def put_order(state: State, order_id: str, order: OpenOrder) -> State:
    """Keep an order while it has a hold or an unsettled trade, or for good after a bust."""
    spent = not (order.qty or order.held or order.busted)
    settled = all(o.order_id != order_id for o in state.obligations.values())
    kept = None if spent and settled else order
    return replace(state, orders=with_item(state.orders, order_id, kept))


def open_obligation(state: State, obligation_id: str, obligation: Obligation) -> State:
    """Add an obligation. While a trade is open, `arrivals` has the order of its ISIN's lots."""
    obligations = {**state.obligations, obligation_id: obligation}
    if obligation.trade is None:
        return replace(state, obligations=obligations)
    isin = obligation.isin
    known = state.arrivals.get(isin) or tuple(lot.lot_id for lot in state.lots.get(isin, ()))
    arrivals = {**state.arrivals, isin: (*known, obligation_id)}
    return replace(state, obligations=obligations, arrivals=arrivals)


def append_arrivals(state: State, isin: str, lot_ids: Iterable[str]) -> State:
    """Append lots that came without a trade to the order of arrival, if there is one."""
    known = state.arrivals.get(isin)
    if known is None:
        return state
    places = (*known, *(lot_id for lot_id in lot_ids if lot_id not in known))
    return replace(state, arrivals={**state.arrivals, isin: places})


def _forget(state: State, isin: str) -> State:
    """Drop from `arrivals` the ids of lots that no open trade can bring back."""
    known = state.arrivals.get(isin)
    if known is None:
        return state
    trades = {k: o.trade for k, o in state.obligations.items() if o.trade and o.isin == isin}
    if not trades:
        return replace(state, arrivals=with_item(state.arrivals, isin, None))
    lots = state.lots.get(isin, ())
    if len(known) < 2 * (len(lots) + len(trades)) + ARRIVALS_SPARE:
        return state
    kept = {m.lot_id for trade in trades.values() for m in trade.lots}
    kept |= {lot.lot_id for lot in lots} | trades.keys()
    places = tuple(lot_id for lot_id in known if lot_id in kept)
    return replace(state, arrivals={**state.arrivals, isin: places})


def drop_obligation(state: State, obligation_id: str) -> State:
    obligation = state.obligations[obligation_id]
    state = replace(state, obligations=with_item(state.obligations, obligation_id, None))
    state = _forget(state, obligation.isin)
    order = state.orders.get(obligation.order_id)
    return put_order(state, obligation.order_id, order) if order else state
