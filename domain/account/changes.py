"""How events change the state: one fact at a time, dropping what became zero."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar

from msgspec.structs import replace

from domain.account.events import LotMove
from domain.account.state import Obligation, OpenOrder, State
from domain.lots import Lot, apply
from domain.money import ZERO

V = TypeVar("V")


def with_item(items: Mapping[str, V], key: str, value: V | None) -> dict[str, V]:
    """A copy with `key` set, or gone when `value` is None."""
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


def move_lots(state: State, isin: str, moves: Iterable[LotMove], *, currency: str) -> State:
    """Move the client's lots (cost in `currency`): the mirror of every C.SEC posting."""
    after = apply(state.lots.get(isin, ()), moves, currency=currency)
    if len(after) > 1 and isin in state.arrivals:
        after = arranged(after, state.arrivals[isin])
    return replace(state, lots=with_item(state.lots, isin, after or None))


def arranged(lots: Iterable[Lot], arrivals: Sequence[str]) -> tuple[Lot, ...]:
    """Lots in their order of arrival: one that a bust brings back has its old place."""
    places = {lot_id: place for place, lot_id in enumerate(arrivals)}
    return tuple(sorted(lots, key=lambda lot: places.get(lot.lot_id, len(places))))


def in_debit(before: State, after: State, currency: str, *, on: date) -> bool:
    """Whether what is available went below zero, or further below: a case, never a refusal."""
    left = after.available_to_trade(currency, on)
    return left < ZERO and left < before.available_to_trade(currency, on)


def put_order(state: State, order_id: str, order: OpenOrder) -> State:
    """Keep an order while it has a hold or an unsettled trade: a refill is charged with it."""
    spent = not order.qty and not order.held
    settled = all(o.order_id != order_id for o in state.obligations.values())
    kept = None if spent and settled else order
    return replace(state, orders=with_item(state.orders, order_id, kept))


def open_obligation(state: State, obligation_id: str, obligation: Obligation) -> State:
    """Owe or be owed; while a trade is open, the order in which its lots arrived is known."""
    obligations = {**state.obligations, obligation_id: obligation}
    if obligation.trade is None:
        return replace(state, obligations=obligations)
    isin = obligation.isin
    known = state.arrivals.get(isin, ())
    places = dict.fromkeys((*known, *(lot.lot_id for lot in state.lots.get(isin, ()))))
    places[obligation_id] = None
    return replace(state, obligations=obligations, arrivals={**state.arrivals, isin: tuple(places)})


def drop_obligation(state: State, obligation_id: str) -> State:
    obligation = state.obligations[obligation_id]
    state = replace(state, obligations=with_item(state.obligations, obligation_id, None))
    isin = obligation.isin
    if isin in state.arrivals and not any(
        o.trade and o.isin == isin for o in state.obligations.values()
    ):
        state = replace(state, arrivals=with_item(state.arrivals, isin, None))
    order = state.orders.get(obligation.order_id)
    return put_order(state, obligation.order_id, order) if order else state
