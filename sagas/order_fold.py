"""What the order saga remembers: phases, terms, the hold, and the trades until they are undone.

A trade's facts stay after the order has ended: a bust may come days later. The rest of the state
is a few figures, so that the row of an ended order stays small.
"""

from datetime import datetime
from decimal import ROUND_UP, Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from domain.account.base_cost import BaseCostStated
from domain.account.busts import Booked, TradeBusted
from domain.account.holds import Counted, FundsReserved, HoldReleased
from domain.account.rematching import LotsRematched
from domain.account.selection import LotsSelected
from domain.account.trades import TradeBooked
from domain.order.events import (
    CancelRejected,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderPlaced,
    OrderRejected,
    OrderReleased,
    OrderReplaced,
    OrderRestated,
    ReplaceRequested,
    TradeCanceled,
)
from domain.rules.charges import commission_of
from domain.rules.lots import LotMove, with_base
from domain.saga import CommandRefused, DeadlinePassed
from domain.shared.envelope import Envelope
from domain.shared.fix import CxlRejResponseTo, Side
from domain.shared.money import EXACT, ZERO, round_money

FIRST = frozenset({"UseInstrument", "ReserveForOrder"})
"""Commands that must succeed before the order is released."""


class Phase(StrEnum):
    NONE = ""
    RESERVING = "reserving"
    RELEASING = "releasing"
    REJECTING = "rejecting"
    WORKING = "working"
    ENDED = "ended"


class Terms(Struct, frozen=True):
    qty: Decimal = ZERO
    amount: Decimal = ZERO  # cash to hold for the whole quantity; 0 for a sale


class Trade(Struct, frozen=True, kw_only=True):
    """One execution, from its fill until its bust is booked."""

    qty: Decimal
    booked: Booked | None = None  # None: BookTrade is owed
    busted: TradeCanceled | None = None


class Order(Struct, frozen=True, kw_only=True):
    phase: Phase = Phase.NONE
    order_id: str = ""
    account_id: str = ""
    side: Side = Side.BUY
    isin: str = ""
    currency: str = ""
    market_country: str = ""
    terms: Terms = Terms()
    asked: Terms | None = None  # of a pending replace
    replacing: Phase = Phase.NONE  # of a pending replace: waiting (NONE), RESERVING, RELEASING
    hold: Decimal = ZERO  # from the events of the account's stream
    trades: dict[str, Trade] = {}
    quiet_since: datetime | None = None  # when it was released, while the venue is awaited


INITIAL = Order()


def evolve(state: Order, arrived: Envelope) -> Order:  # noqa: PLR0911 - a table of events
    match arrived.event:
        case OrderPlaced() as e:
            return Order(
                phase=Phase.RESERVING,
                order_id=e.order_id,
                account_id=e.account_id,
                side=e.side,
                isin=e.isin,
                currency=e.settl_currency,
                market_country=e.market_country,
                terms=Terms(e.qty, e.hold_amount),
            )
        case OrderReleased():
            return _start_working(state, arrived.meta.recorded_at)
        case OrderAccepted():
            return replace(state, quiet_since=None)
        case OrderRejected() | OrderCanceled() | OrderExpired():
            return replace(state, phase=Phase.ENDED, asked=None, quiet_since=None)
        case CommandRefused(command=name) if name in FIRST and state.phase == Phase.RESERVING:
            return replace(state, phase=Phase.REJECTING)
        case DeadlinePassed():
            return replace(state, quiet_since=None)
        case OrderFilled() | TradeCanceled() | TradeBooked() | TradeBusted():
            return _ask(_note_trade(state, arrived.event))
        case LotsSelected() | LotsRematched() | BaseCostStated():
            return _note_lots(state, arrived.event)
        case FundsReserved() | HoldReleased():
            return _note_hold(state, arrived.event)
        case _:
            return _note_replace(state, arrived.event)


def is_over(state: Order) -> bool:
    """The order has ended or is filled, and every fill and every bust is booked."""
    filled = state.asked is None and qty_counted(state) >= state.terms.qty > 0
    return not under_way(state) and (state.phase == Phase.ENDED or filled)


def under_way(state: Order) -> bool:
    """Whether a fill or a bust is not booked yet."""
    return any(t.booked is None or t.busted for t in state.trades.values())


def qty_counted(state: Order) -> Decimal:
    """Quantity of the executions that count."""
    return sum((t.qty for t in state.trades.values() if not t.busted), ZERO)


def qty_booked(state: Order) -> Decimal:
    """Quantity that the account has booked and was not asked to undo.

    A fill not booked yet does not count, nor one being undone: each still needs its hold.
    """
    return sum((t.qty for t in state.trades.values() if t.booked and not t.busted), ZERO)


def totals_booked(state: Order) -> Counted | None:
    """What the account booked of an order without a hold: the account may have forgotten it."""
    booked = [t.booked for t in state.trades.values() if t.booked]
    if state.hold or not booked:
        return None
    return Counted(
        qty=sum((b.qty for b in booked), ZERO),
        gross=sum((b.gross for b in booked), ZERO),
        charged=sum((commission_of(b.charges) for b in booked), ZERO),
    )


def hold_needed(state: Order, terms: Terms) -> Decimal:
    """Shares or cash that the account holds under `terms` for the quantity it has not booked.

    This is the account's own rule on the account's own figures: its bookings, busts and holds are
    events of one stream.
    """
    booked = sum((t.qty for t in state.trades.values() if t.booked), ZERO)
    rest = max(terms.qty - booked, ZERO)
    return rest if state.side != Side.BUY else _share(state, terms, rest)


def _start_working(state: Order, at: datetime) -> Order:
    """Mark the order as working since `at`; one that has ended stays ended."""
    if state.phase == Phase.ENDED:
        return state
    return _ask(replace(state, phase=Phase.WORKING, quiet_since=at))


def _note_hold(state: Order, event: FundsReserved | HoldReleased) -> Order:
    if isinstance(event, HoldReleased):
        return replace(state, hold=ZERO)
    state = replace(state, hold=event.amount)
    if state.phase == Phase.RESERVING:
        return replace(state, phase=Phase.RELEASING)
    if state.replacing == Phase.RESERVING and state.asked:
        answers = event.amount == hold_needed(state, state.asked)  # else: of an earlier replace
        return replace(state, replacing=Phase.RELEASING) if answers else state
    return state


def _note_trade(
    state: Order, event: OrderFilled | TradeCanceled | TradeBooked | TradeBusted
) -> Order:
    known = state.trades.get(event.trade_id)
    match event:
        case OrderFilled():
            trade = known or Trade(qty=event.last_qty)
            return replace(state, trades=state.trades | {event.trade_id: trade}, quiet_since=None)
        case TradeBusted():
            rest = {k: t for k, t in state.trades.items() if k != event.trade_id}
            return replace(state, trades=rest, hold=state.hold + event.hold_added)
        case TradeBooked():
            trade = replace(known or Trade(qty=event.qty), booked=_facts_of(event))
            hold = state.hold - event.hold_released
            return replace(state, trades=state.trades | {event.trade_id: trade}, hold=hold)
        case TradeCanceled() if known:
            trade = replace(known, busted=known.busted or event)
            return replace(state, trades=state.trades | {event.trade_id: trade})
        case _:
            return state


def _note_lots(state: Order, event: LotsSelected | LotsRematched | BaseCostStated) -> Order:
    """Update a trade's lots after a selection, a bust of another trade, or a late rate."""
    known = state.trades.get(event.trade_id)
    if known is None or known.booked is None:
        return state
    was = known.booked
    if isinstance(event, LotsSelected):
        now = replace(was, lots=_merge_lots(was.lots, event.lots))
    elif isinstance(event, BaseCostStated):
        now = replace(was, lots=with_base(was.lots, event.lots))
    else:
        kept = () if event.restored else was.lots
        lots = (*kept, *event.lots[event.restored :])
        now = replace(was, lots=lots, charges=event.charges)
    trade = replace(known, booked=now)
    return replace(state, trades=state.trades | {event.trade_id: trade})


def _note_replace(state: Order, event: object) -> Order:
    match event:
        case ReplaceRequested():
            return _ask(replace(state, asked=Terms(event.qty, event.hold_amount)))
        case OrderReplaced():
            terms = Terms(event.qty, event.hold_amount)
            return replace(state, terms=terms, asked=None, replacing=Phase.NONE)
        case CancelRejected(response_to=CxlRejResponseTo.REPLACE):
            return replace(state, asked=None, replacing=Phase.NONE)
        case CommandRefused(command="ReserveForOrder") if state.replacing == Phase.RESERVING:
            return replace(state, replacing=Phase.REJECTING)
        case OrderRestated(qty=Decimal() as qty, hold_amount=amount):
            if amount is None:  # an older event has none: take it in proportion
                amount = _share(state, state.terms, qty)
            return replace(state, terms=Terms(qty, amount))
        case _:
            return state


def _share(state: Order, terms: Terms, qty: Decimal) -> Decimal:
    """The amount of `terms` in proportion to a part of their quantity."""
    if not terms.qty:
        return ZERO
    share = EXACT.divide(EXACT.multiply(terms.amount, qty), terms.qty)
    return round_money(share, state.currency, ROUND_UP)


def _ask(state: Order) -> Order:
    """Start a pending replace once the order was released and its fills and busts are booked.

    The account's figures then equal those known here. So the saga requests a hold only if the
    account lacks it, and the account answers with an event.
    """
    waits = state.asked is not None and state.replacing == Phase.NONE
    if not waits or state.phase != Phase.WORKING or under_way(state) or state.asked is None:
        return state
    larger = hold_needed(state, state.asked) > state.hold
    return replace(state, replacing=Phase.RESERVING if larger else Phase.RELEASING)


def _facts_of(trade: TradeBooked) -> Booked:
    return Booked(
        exec_id=trade.exec_id,
        isin=trade.isin,
        side=trade.side,
        qty=trade.qty,
        currency=trade.currency,
        gross=trade.gross,
        charges=trade.charges,
        lots=trade.lots,
        trade_date=trade.trade_date,
        accrued_interest=trade.accrued_interest,
    )


def _merge_lots(lots: tuple[LotMove, ...], moves: tuple[LotMove, ...]) -> tuple[LotMove, ...]:
    """The lots of a sale after a new selection: old picks restored, new ones taken."""
    out = {lot.lot_id: lot for lot in lots}
    for move in moves:
        old = out.get(move.lot_id)
        out[move.lot_id] = move if old is None else _sum(old, move)
    return tuple(lot for lot in out.values() if lot.qty or lot.cost or lot.cost_base)


def _sum(old: LotMove, move: LotMove) -> LotMove:
    return replace(
        old,
        qty=old.qty + move.qty,
        cost=old.cost + move.cost,
        cost_base=old.cost_base + move.cost_base,
        proceeds=old.proceeds + move.proceeds,
        proceeds_base=old.proceeds_base + move.proceeds_base,
    )
