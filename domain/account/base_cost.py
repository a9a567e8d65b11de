"""Base cost of trades that were booked before a rate of their currency was fixed.

    booked without a rate: unknown -a fixing has every currency needed-> stated*

Unknown is not 0: the figures are recorded as 0 with a flag, and `trade.base_stated` states them
once. The rate is that of the first fixing that the account sees after the trade: a saga sends
`StateBaseCost` after each fixing of the currency, and a later trade reads the last fixing before it
takes lots. All waiting trades of one ISIN are stated together, because a sale's cost is the cost
of the lots it took.

A figure is amount x rate. It is rounded over the running total of its lot, so that a lot which is
sold out ends with a base cost of exactly zero.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import reduce

from msgspec.structs import replace

from domain.account.changes import with_item
from domain.account.rates import base_rate
from domain.account.refusals import R
from domain.account.state import Obligation, State, Trade, Unvalued
from domain.rules.lots import Lot, LotMove, apply, with_base
from domain.shared.message import Decision, Event, Internal, Refused, Seen, refused
from domain.shared.money import EXACT, ZERO, round_money


class StateBaseCost(Internal):
    """State base figures that are still unknown, if the last fixing has the rates for them."""

    account_id: str


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


def state_base_cost(command: StateBaseCost, state: State, seen: Seen) -> Decision:
    """State base figures that the fixing allows; `()` if no trade waits or a rate is missing."""
    return statements(state, seen)


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
            found += _statements_of(state, waiting, rates)
    return tuple(found)


def after(state: State, events: Iterable[BaseCostStated]) -> State:
    return reduce(stated, events, state)


def refuse_waiting(state: State, isin: str) -> Refused | None:
    """Refuse if a trade of the ISIN waits: lots without a base cost cannot be chosen or moved."""
    trades = sorted(k for k, trade in state.unvalued.items() if trade.isin == isin)
    if not trades:
        return None
    return refused(R.BASE_COST_UNKNOWN, isin=isin, trades=",".join(trades))


def keep(state: State, trade_id: str, trade: Unvalued) -> State:
    """Remember a trade whose base figures are not all known."""
    if not _is_unknown(trade):
        return state
    return replace(state, unvalued=with_item(state.unvalued, trade_id, trade))


def renew(state: State, trade_id: str, open_: Obligation, trade: Trade) -> State:
    """Update the waiting entry of a trade whose lots the bust of another trade changed."""
    waiting = Unvalued(
        isin=open_.isin,
        order_id=open_.order_id,
        currency=open_.currency,
        rate=trade.rate,
        lots=trade.lots,
    )
    if trade_id not in state.unvalued and not _is_unknown(waiting):
        return state
    return replace(state, unvalued=with_item(state.unvalued, trade_id, waiting))


def _is_unknown(trade: Unvalued) -> bool:
    return not trade.rate or any(m.base_unknown for m in trade.lots)


def forget(state: State, trade_id: str) -> State:
    if trade_id not in state.unvalued:
        return state
    return replace(state, unvalued=with_item(state.unvalued, trade_id, None))


def flag_unknown(
    state: State, isin: str, moves: tuple[LotMove, ...], *, rate: Decimal
) -> tuple[LotMove, ...]:
    """The moves of a trade booked at `rate`, flagged if their base cost is unknown.

    Old events have no flag.
    """
    if rate and not state.unvalued:
        return moves
    there = {lot.lot_id: lot for lot in state.lots.get(isin, ())}

    def is_unknown(move: LotMove) -> bool:
        lot = there.get(move.lot_id)
        return rate == ZERO if lot is None else lot.base_unknown

    return tuple(m if m.base_unknown == (u := is_unknown(m)) else _flag(m, u) for m in moves)


def stated(state: State, event: BaseCostStated) -> State:
    lots = apply(state.lots.get(event.isin, ()), event.lots)
    known = tuple(_as_known(lot) for lot in lots)
    state = replace(state, lots=with_item(state.lots, event.isin, known or None))
    state = forget(state, event.trade_id)
    open_ = state.obligations.get(event.trade_id)
    if open_ is None or open_.trade is None:
        return state
    rate = open_.trade.rate or event.rates[open_.currency]
    trade = replace(open_.trade, rate=rate, lots=with_base(open_.trade.lots, event.lots))
    open_ = replace(open_, trade=trade)
    return replace(state, obligations=with_item(state.obligations, event.trade_id, open_))


def _currencies(trade: Unvalued) -> set[str]:
    """Currencies whose rate is needed: the trade's own, and those its lots were bought in."""
    own = set() if trade.rate else {trade.currency}
    return own | {m.currency or trade.currency for m in trade.lots if m.base_unknown}


def _statements_of(
    state: State, waiting: Mapping[str, Unvalued], rates: Mapping[str, Decimal]
) -> list[BaseCostStated]:
    costs = dict[str, Running]()  # by lot
    events = [
        BaseCostStated(
            account_id=state.account_id,
            trade_id=trade_id,
            order_id=trade.order_id,
            isin=trade.isin,
            rates={c: rates[c] for c in sorted(_currencies(trade))},
            lots=_moves(state, trade, rates, costs),
        )
        for trade_id, trade in waiting.items()  # in the order of booking
    ]
    isin = events[0].isin
    if exchanged := _exchanges(state, isin, costs):
        events.append(
            BaseCostStated(
                account_id=state.account_id, trade_id="", isin=isin, rates={}, lots=exchanged
            )
        )
    return events


def _moves(
    state: State, trade: Unvalued, rates: Mapping[str, Decimal], costs: "dict[str, Running]"
) -> tuple[LotMove, ...]:
    """The base figures of one trade; `costs` has the running totals of the trades before it."""
    proceeds = Running(rates.get(trade.currency, ZERO), state.base_currency)
    moves: list[LotMove] = []
    for m in trade.lots:
        cost_base = ZERO
        if m.base_unknown:
            rate = rates[m.currency or trade.currency]
            begun = Running(rate, state.base_currency, m.acquired_on)
            of_lot = costs.setdefault(m.lot_id, begun)
            cost_base = of_lot.add(m.cost)
        gained = proceeds.add(m.proceeds) if m.realises and not trade.rate else ZERO
        if m.base_unknown and not trade.rate and m.proceeds == -m.cost:
            gained = -cost_base  # a short lot costs what it brought: rounding makes no gain
        moves.append(
            LotMove(
                lot_id=m.lot_id,
                qty=ZERO,
                cost=ZERO,
                cost_base=cost_base,
                acquired_on=m.acquired_on,
                proceeds_base=gained,
                realises=m.realises,
                currency=m.currency,
            )
        )
    return tuple(moves)


def _exchanges(state: State, isin: str, costs: "Mapping[str, Running]") -> tuple[LotMove, ...]:
    """Base cost that busts moved into or out of lots of unknown base cost, as realised moves."""
    there = {lot.lot_id: lot for lot in state.lots.get(isin, ())}
    left = {lot_id: there[lot_id].cost if lot_id in there else ZERO for lot_id in costs}
    moved = {lot_id: costs[lot_id].add(cost - costs[lot_id].total) for lot_id, cost in left.items()}
    return tuple(
        LotMove(
            lot_id=lot_id,
            qty=ZERO,
            cost=ZERO,
            cost_base=more,
            acquired_on=costs[lot_id].since,
            realises=True,
        )
        for lot_id, more in moved.items()
        if more
    )


class Running:
    """A running total, converted at one rate and rounded as a whole, so that its parts add up."""

    def __init__(self, rate: Decimal, base_currency: str, since: date = date.min) -> None:
        self._rate, self._currency, self.since = rate, base_currency, since
        self.total = ZERO

    def add(self, amount: Decimal) -> Decimal:
        """What `amount` adds to the rounded total, in the base currency."""
        before = self._base()
        self.total += amount
        return self._base() - before

    def _base(self) -> Decimal:
        return round_money(EXACT.multiply(self.total, self._rate), self._currency)


def _as_known(lot: Lot) -> Lot:
    return replace(lot, base_unknown=False) if lot.base_unknown else lot


def _flag(move: LotMove, base_unknown: bool) -> LotMove:
    return replace(move, base_unknown=base_unknown)
