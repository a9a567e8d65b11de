"""Base cost of trades that were booked before a rate of their currency was fixed.

    booked without a rate: unknown -a fixing has every currency needed-> stated*

Unknown is not 0: the figures are recorded as 0, flagged, and stated once by `trade.base_stated`.
The rate is the first fixing that the account sees after the trade: a saga tells it of each one,
and a later trade looks for itself before it takes lots. All trades of one ISIN that wait are
stated together, because a sale's cost is that of the lots it took.

A figure is amount x rate, rounded over the running total of its lot, so that a lot which is sold
out is left with a base cost of exactly zero.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import reduce

from msgspec.structs import replace

from domain.account.changes import with_item
from domain.account.commands import StateBaseCost
from domain.account.events import BaseCostStated, LotMove, TradeBooked
from domain.account.rates import base_rate
from domain.account.refusals import R, unknown
from domain.account.state import State, Unvalued
from domain.lots import Lot, apply, with_base
from domain.message import Decision, Refused, Seen, refused
from domain.money import EXACT, ZERO, round_money


def state_base_cost(command: StateBaseCost, state: State, seen: Seen) -> Decision:
    """State what the fixing now allows; nothing where nothing waits or a rate still lacks."""
    return statements(state, seen) if state.exists else unknown()


def statements(state: State, seen: Seen) -> tuple[BaseCostStated, ...]:
    """One event for each waiting trade whose ISIN can be valued at the last fixing."""
    if not state.unvalued:
        return ()
    found: list[BaseCostStated] = []
    for isin in dict.fromkeys(trade.isin for trade in state.unvalued.values()):
        waiting = {k: t for k, t in state.unvalued.items() if t.isin == isin}
        needed = {c for trade in waiting.values() for c in _currencies(trade)}
        rates = {c: base_rate(state, c, seen) for c in sorted(needed)}
        if all(rates.values()):
            found += _stated(state, waiting, rates)
    return tuple(found)


def after(state: State, events: Iterable[BaseCostStated]) -> State:
    return reduce(stated, events, state)


def waits(state: State, isin: str) -> Refused | None:
    """Declines a choice or a transfer of lots whose base cost is not known yet."""
    trades = sorted(k for k, trade in state.unvalued.items() if trade.isin == isin)
    if not trades:
        return None
    return refused(R.BASE_COST_UNKNOWN, isin=isin, trades=",".join(trades))


def keep(state: State, event: TradeBooked, lots: tuple[LotMove, ...]) -> State:
    """Remember a trade whose base figures are not all known."""
    if event.base_rate and not any(m.base_unknown for m in lots):
        return state
    trade = Unvalued(
        isin=event.isin,
        order_id=event.order_id,
        currency=event.currency,
        rate=event.base_rate,
        lots=lots,
    )
    return replace(state, unvalued=with_item(state.unvalued, event.trade_id, trade))


def forget(state: State, trade_id: str) -> State:
    if trade_id not in state.unvalued:
        return state
    return replace(state, unvalued=with_item(state.unvalued, trade_id, None))


def marked(state: State, event: TradeBooked) -> tuple[LotMove, ...]:
    """The moves, those of unknown base cost flagged: events of old say it by `base_rate` alone."""
    if event.base_rate and not state.unvalued:
        return event.lots
    there = {lot.lot_id: lot for lot in state.lots.get(event.isin, ())}

    def is_unknown(move: LotMove) -> bool:
        lot = there.get(move.lot_id)
        return event.base_rate == ZERO if lot is None else lot.base_unknown

    return tuple(m if m.base_unknown == (u := is_unknown(m)) else _flag(m, u) for m in event.lots)


def stated(state: State, event: BaseCostStated) -> State:
    lots = apply(state.lots.get(event.isin, ()), event.lots)
    known = tuple(_known(lot) for lot in lots)
    state = replace(state, lots=with_item(state.lots, event.isin, known or None))
    state = forget(state, event.trade_id)
    sale = state.obligations.get(event.trade_id)
    if sale is None or not sale.lots:
        return state
    sale = replace(sale, lots=with_base(sale.lots, event.lots))
    return replace(state, obligations=with_item(state.obligations, event.trade_id, sale))


def _currencies(trade: Unvalued) -> set[str]:
    """Those that a rate is needed of: what it was paid in, and what its lots were bought in."""
    own = set() if trade.rate else {trade.currency}
    return own | {m.currency or trade.currency for m in trade.lots if m.base_unknown}


def _stated(
    state: State, waiting: Mapping[str, Unvalued], rates: Mapping[str, Decimal]
) -> list[BaseCostStated]:
    costs = dict[str, Running]()  # by lot
    events: list[BaseCostStated] = []
    for trade_id, trade in waiting.items():  # in the order of booking
        proceeds = Running(rates.get(trade.currency, ZERO), state.base_currency)
        moves: list[LotMove] = []
        for m in trade.lots:
            cost_base = ZERO
            if m.base_unknown:
                rate = rates[m.currency or trade.currency]
                of_lot = costs.setdefault(m.lot_id, Running(rate, state.base_currency))
                cost_base = of_lot.add(m.cost)
            gained = proceeds.add(m.proceeds) if m.realises and not trade.rate else ZERO
            if m.base_unknown and not trade.rate and m.proceeds == -m.cost:
                gained = -cost_base  # a short lot is worth what it brought: no gain of cents
            moves.append(_move(m, cost_base, gained))
        events.append(
            BaseCostStated(
                account_id=state.account_id,
                trade_id=trade_id,
                order_id=trade.order_id,
                isin=trade.isin,
                rates={c: rates[c] for c in sorted(_currencies(trade))},
                lots=tuple(moves),
            )
        )
    return events


class Running:
    """A running total, converted at one rate and rounded as a whole: parts add up to it."""

    def __init__(self, rate: Decimal, base_currency: str) -> None:
        self._rate, self._currency = rate, base_currency
        self._total = ZERO

    def add(self, amount: Decimal) -> Decimal:
        """What `amount` adds to the rounded total, in the base currency."""
        before = self._base()
        self._total += amount
        return self._base() - before

    def _base(self) -> Decimal:
        return round_money(EXACT.multiply(self._total, self._rate), self._currency)


def _move(of: LotMove, cost_base: Decimal, proceeds_base: Decimal) -> LotMove:
    return LotMove(
        lot_id=of.lot_id,
        qty=ZERO,
        cost=ZERO,
        cost_base=cost_base,
        acquired_on=of.acquired_on,
        proceeds_base=proceeds_base,
        realises=of.realises,
        currency=of.currency,
    )


def _known(lot: Lot) -> Lot:
    return replace(lot, base_unknown=False) if lot.base_unknown else lot


def _flag(move: LotMove, base_unknown: bool) -> LotMove:
    return replace(move, base_unknown=base_unknown)
