"""Lots after a bust: as if the busted trade had never been booked (domain.md rules 4 and 5).

    undo the unsettled trades booked since, last first -> undo the busted one
        -> cover what it leaves below zero -> book the others again, in their order

So a bust may change which lots later trades took. Settled trades and transfers keep their lots;
only a lot that the bust leaves below zero is replaced by others. Each trade that changes gets an
event of its own, because its order's saga must know what a later bust has to undo.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from domain.account import base_cost
from domain.account.changes import by_arrival, move_lots, with_item
from domain.account.rates import in_base
from domain.account.state import Obligation, State, Trade
from domain.account.trades import match_lots
from domain.rules.charges import Charge
from domain.rules.lots import Lot, LotMove, apply, cover, mirror
from domain.shared.fix import Side
from domain.shared.message import Event
from domain.shared.money import ZERO


class LotsRematched(Event, tag="lots.rematched", kw_only=True):
    """Another trade was busted, so this one takes other lots, or bears another commission.

    It is as if the busted trade had never been booked. Only the bust itself moves cash.
    """

    account_id: str
    trade_id: str
    order_id: str
    isin: str
    currency: str
    lots: tuple[LotMove, ...]  # the first `restored` undo the old matching, the rest are the new
    restored: int = 0  # 0: the trade has settled, and `lots` only change its cost
    charges: tuple[Charge, ...] = ()  # of the trade from now on
    because: str  # the busted trade


Charged = Mapping[str, tuple[Charge, ...]]
"""Trade id -> its new charges, for trades whose charges change."""


_Open = tuple[str, Obligation, Trade]
"""Trade id, its open obligation, what it was booked with."""


class Undone(NamedTuple):
    """The busted trade, as it was booked."""

    account_id: str
    trade_id: str
    isin: str
    currency: str
    lots: tuple[LotMove, ...]


class Rematched(NamedTuple):
    moves: tuple[LotMove, ...]  # of the bust itself
    others: tuple[LotsRematched, ...]


class _Stock:
    """The lots of one instrument while trades are undone and booked again."""

    def __init__(self, state: State, isin: str, currency: str) -> None:
        self.state, self.currency = state, currency
        self.arrivals: Sequence[str] = state.arrivals.get(isin, ())
        self.lots: tuple[Lot, ...] = state.lots.get(isin, ())
        self._places = {lot_id: place for place, lot_id in enumerate(self.arrivals)}

    def move(self, moves: Sequence[LotMove]) -> None:
        lots = apply(self.lots, moves, currency=self.currency)
        self.lots = by_arrival(lots, self.arrivals)

    def place(self, lot_id: str) -> int:
        """The lot's index in the order of arrival; -1: it arrived before all known lots."""
        return self._places.get(lot_id, -1)


def rematch(state: State, bust: Undone, charged: Charged) -> Rematched:
    """The changes that a bust makes to the lots of its instrument, by trade."""
    own = state.obligations.get(bust.trade_id)
    undone = mirror(own.trade.lots if own and own.trade else bust.lots)
    stock = _Stock(state, bust.isin, bust.currency)
    later = _later_trades(state, bust, charged, stock)
    for _, _, trade in reversed(later):
        stock.move(mirror(trade.lots))
    stock.move(undone)
    cents = in_base(state, ZERO, bust.currency, rate=ZERO)
    ids = {trade_id for trade_id, _, _ in later}
    covered = cover(stock.lots, method=state.lot_method, cents=cents, spare=ids)
    stock.move(covered)
    others = tuple(_rebook(stock, bust, later, charged))
    last = cover(stock.lots, method=state.lot_method, cents=cents)
    return Rematched((*undone, *covered, *last), others)


def _rebook(
    stock: _Stock, bust: Undone, later: Sequence[_Open], charged: Charged
) -> Iterator[LotsRematched]:
    """Book each trade again, and yield an event for each one that changes."""
    for trade_id, open_, trade in later:
        again = replace(trade, charges=charged.get(trade_id, trade.charges))
        again = replace(again, lots=_lots_again(stock, trade_id, open_, again))
        stock.move(again.lots)
        if again != trade:
            yield _event(bust, trade_id, open_, was=trade, again=again)


def _later_trades(state: State, bust: Undone, charged: Charged, stock: _Stock) -> list[_Open]:
    """The unsettled trades of the instrument that the bust may change, in order of booking."""
    found = [
        (trade_id, o, o.trade)
        for trade_id, o in state.obligations.items()
        if o.trade and o.isin == bust.isin and trade_id != bust.trade_id
    ]
    places = {trade_id: stock.place(trade_id) for trade_id, _, _ in found}
    first = min([stock.place(bust.trade_id) + 1, *(places[t] for t in places if t in charged)])
    return [item for item in found if places[item[0]] >= first]


def _lots_again(
    stock: _Stock, trade_id: str, open_: Obligation, trade: Trade
) -> tuple[LotMove, ...]:
    """The lots that a trade takes when it is booked again after the trades before it."""
    if open_.side is Side.BUY:
        gone = any(lot.lot_id == trade_id and lot.qty < 0 for lot in stock.lots)
        # Settled sales and transfers keep what they took from this purchase. If that leaves its own
        # lot below zero, the purchase fills that lot and covers no other.
        held = () if gone else stock.lots
    else:
        place = stock.place(trade_id)
        before = tuple(lot for lot in stock.lots if stock.place(lot.lot_id) < place)
        enough = sum((lot.qty for lot in before if lot.qty > 0), ZERO) >= trade.qty
        held = before if enough else stock.lots
    return match_lots(stock.state, held, trade_id, trade, side=open_.side, currency=open_.currency)


def _event(
    bust: Undone, trade_id: str, open_: Obligation, *, was: Trade, again: Trade
) -> LotsRematched:
    return LotsRematched(
        account_id=bust.account_id,
        trade_id=trade_id,
        order_id=open_.order_id,
        isin=open_.isin,
        currency=open_.currency,
        lots=(*mirror(was.lots), *again.lots),
        restored=len(was.lots),
        charges=again.charges,
        because=bust.trade_id,
    )


def rematched(state: State, event: LotsRematched) -> State:
    state = move_lots(state, event.isin, event.lots, currency=event.currency, restores=True)
    open_ = state.obligations.get(event.trade_id)
    if open_ is None or open_.trade is None or not event.restored:
        return state
    trade = replace(open_.trade, lots=event.lots[event.restored :], charges=event.charges)
    open_ = replace(open_, trade=trade)
    state = base_cost.renew(state, event.trade_id, open_, trade)
    return replace(state, obligations=with_item(state.obligations, event.trade_id, open_))
