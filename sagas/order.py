"""Order: hold the money, release the order, book its fills, release the rest of the hold.

    placed -(first use of its instrument: UseInstrument, then the hold)-> reserving
    placed -> reserving -funds.reserved-> releasing -order.released-> working -end-> ended
                  `-refused-> rejecting -order.rejected-> ended
    working -replace_requested-> (a larger hold first: reserving) -> releasing -> replaced
    ended, every fill booked -> hold released

A fill cannot be refused: it is booked whatever the order's state. A bust undoes the booking, with
the facts remembered from it; if the booking is still under way, the bust waits for it. The rest of
the hold is released when the order has ended and nothing is left to book.

Compensations: reservation refused -> RejectOrder, or RefuseReplace; replace rejected by the
venue -> the hold of the old terms; fill busted -> BustTrade. A released order that the venue does
not answer within a day becomes a case: deadline `unanswered` on the saga's stream.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from domain.account.base_cost import BaseCostStated
from domain.account.busts import BustTrade, Reopened, Sibling, TradeBusted
from domain.account.holds import FundsReserved, HoldReleased, ReleaseHold, ReserveForOrder
from domain.account.rematching import LotsRematched
from domain.account.selection import LotsSelected
from domain.account.trades import BookTrade, TradeBooked
from domain.instrument.commands import UseInstrument
from domain.instrument.events import InstrumentUsed
from domain.order.commands import RefuseReplace, RejectOrder, ReleaseOrder
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
    ReplaceReleased,
    ReplaceRequested,
    TradeCanceled,
)
from domain.order.state import Order as OrderState
from domain.saga import CommandRefused
from domain.shared.envelope import Envelope
from domain.shared.fix import OrdRejReason
from domain.shared.message import Command, Event
from sagas import order_fold as order_state
from sagas.engine.ports import Deadline, correlation
from sagas.order_fold import Order, Phase, Terms, hold_needed, is_over, qty_booked, totals_booked

NAME, VERSION = "order", 1
ANSWER_WITHIN = timedelta(days=1)
COMMANDS: tuple[type[Command], ...] = (
    UseInstrument,
    ReserveForOrder,
    ReleaseOrder,
    RejectOrder,
    RefuseReplace,
    BookTrade,
    BustTrade,
    ReleaseHold,
)
NO_FUNDS = frozenset({"insufficient_funds", "insufficient_shares", "short_sale_not_permitted"})
INITIAL = order_state.INITIAL
evolve = order_state.evolve

correlate = correlation(
    NAME,
    dict.fromkeys(
        (
            OrderPlaced,
            OrderReleased,
            OrderAccepted,
            OrderRejected,
            OrderFilled,
            TradeCanceled,
            OrderCanceled,
            OrderExpired,
            ReplaceRequested,
            ReplaceReleased,
            OrderReplaced,
            OrderRestated,
            CancelRejected,
            FundsReserved,
            HoldReleased,
            TradeBooked,
            TradeBusted,
            LotsSelected,
            BaseCostStated,
            LotsRematched,
            InstrumentUsed,
        ),
        "order_id",
    ),
)


def react(state: Order, arrived: Envelope) -> tuple[Command, ...]:
    now = evolve(state, arrived)
    return (*_answer(state, now, arrived.event), *_release_hold(state, now))


def due(state: Order) -> Deadline | None:
    if state.quiet_since is None:
        return None
    return Deadline(state.quiet_since + ANSWER_WITHIN, "unanswered")


def ended(state: Order) -> bool:
    return is_over(state) and state.hold == 0


def _answer(  # noqa: PLR0911 - a table of events
    before: Order, now: Order, event: object
) -> tuple[Command, ...]:
    """The commands that the event itself calls for."""
    match event:
        case OrderPlaced(first_use=True, instrument_id=instrument_id, isin=isin):
            use = UseInstrument(instrument_id=instrument_id, isin=isin, order_id=now.order_id)
            return (use,)
        case OrderPlaced():
            return (_reserve(now, now.terms),)
        case InstrumentUsed() if now.phase == Phase.RESERVING:
            return (_reserve(now, now.terms),)
        case OrderFilled() if event.trade_id not in before.trades:
            return (_book(now, event),)
        case TradeCanceled() | TradeBooked():
            return (*_bust(before, now, event.trade_id), *_proceed(before, now))
        case CommandRefused() if now.phase == Phase.REJECTING != before.phase:
            reason = _reason(event.refusal)
            order_id, text = now.order_id, event.refusal
            return (RejectOrder(order_id=order_id, ord_rej_reason=reason, text=text),)
        case CommandRefused() if now.replacing == Phase.REJECTING != before.replacing:
            return (RefuseReplace(order_id=now.order_id, text=event.refusal),)
        case OrderReplaced() | OrderRestated() | CancelRejected() if now.phase == Phase.WORKING:
            return _fit(before, now)
        case _:
            return _proceed(before, now)


def _proceed(before: Order, now: Order) -> tuple[Command, ...]:
    """Release the order once its hold is booked; request a larger hold if a replace needs one."""
    if now.phase == Phase.ENDED:
        return ()
    if Phase.RELEASING in (now.phase, now.replacing) and (
        (now.phase, now.replacing) != (before.phase, before.replacing)
    ):
        return (ReleaseOrder(order_id=now.order_id),)
    if now.replacing == Phase.RESERVING != before.replacing and now.asked:
        return (_reserve(now, now.asked),)
    return ()


def _fit(before: Order, now: Order) -> tuple[Command, ...]:
    """Adjust the hold after the terms have changed or a replace was rejected."""
    changed = (before.terms, before.asked) != (now.terms, now.asked)
    if not changed or is_over(now):
        return ()
    terms = _larger_terms(now)
    under_way = terms == now.asked and now.replacing == Phase.RESERVING
    return () if under_way or hold_needed(now, terms) == now.hold else (_reserve(now, terms),)


def _larger_terms(order: Order) -> Terms:
    """The terms that set the hold: those in force, or a replace's under way if it needs more."""
    asked, terms = order.asked, order.terms
    if asked is None or order.replacing not in (Phase.RESERVING, Phase.RELEASING):
        return terms
    return asked if hold_needed(order, asked) > hold_needed(order, terms) else terms


def _release_hold(before: Order, now: Order) -> tuple[Command, ...]:
    """Release the rest of the hold once nothing can need it any more."""

    def idle(state: Order) -> bool:
        return is_over(state) and state.hold > 0

    if not idle(now) or (idle(before) and before.hold == now.hold):
        return ()
    return (ReleaseHold(account_id=now.account_id, order_id=now.order_id),)


def _reserve(state: Order, terms: Terms) -> ReserveForOrder:
    return ReserveForOrder(
        account_id=state.account_id,
        order_id=state.order_id,
        side=state.side,
        isin=state.isin,
        currency=state.currency,
        qty=terms.qty,
        amount=terms.amount,
        qty_done=qty_booked(state),
        before=totals_booked(state),
    )


def _book(order: Order, fill: OrderFilled) -> BookTrade:
    return BookTrade(
        account_id=fill.account_id,
        trade_id=fill.trade_id,
        order_id=fill.order_id,
        exec_id=fill.exec_id,
        instrument_id=fill.instrument_id,
        isin=fill.isin,
        side=fill.side,
        qty=fill.last_qty,
        price=fill.last_px,
        currency=fill.currency,
        gross=fill.gross,
        trade_date=fill.trade_date,
        settl_date=fill.settl_date,
        country=fill.country,
        market_country=order.market_country,
        before=totals_booked(order),
    )


def _bust(before: Order, now: Order, trade_id: str) -> tuple[Command, ...]:
    """Bust the trade once both its booking and its bust are known, whichever came first."""
    trade, earlier = now.trades.get(trade_id), before.trades.get(trade_id)
    if trade is None or trade.booked is None or trade.busted is None:
        return ()
    if earlier and earlier.booked and earlier.busted:
        return ()
    return (
        BustTrade(
            account_id=now.account_id,
            trade_id=trade_id,
            order_id=now.order_id,
            booked=trade.booked,
            settl_date=trade.busted.settl_date,
            reason=trade.busted.reason,
            siblings=_siblings(now, trade_id),
            before=totals_booked(now),
            reopened=_terms_reopened(now),
        ),
    )


def _siblings(order: Order, trade_id: str) -> tuple[Sibling, ...]:
    return tuple(
        Sibling(trade_id=other, gross=t.booked.gross, charges=t.booked.charges)
        for other, t in order.trades.items()
        if t.booked and other != trade_id
    )


def _terms_reopened(order: Order) -> Reopened | None:
    """The terms that set the hold of an order not ended; the dearer ones while a replace is out."""
    if order.phase == Phase.ENDED:
        return None
    terms = order.terms
    out = order.asked is not None and order.replacing == Phase.RELEASING
    if out and order.asked and hold_needed(order, order.asked) > hold_needed(order, terms):
        terms = order.asked
    return Reopened(
        side=order.side,
        isin=order.isin,
        currency=order.currency,
        qty=terms.qty,
        amount=terms.amount,
    )


def _reason(refusal: str) -> OrdRejReason:
    return OrdRejReason.EXCEEDS_LIMIT if refusal in NO_FUNDS else OrdRejReason.OTHER


def _first_hold(order: OrderState, placed: OrderPlaced) -> ReserveForOrder:
    return ReserveForOrder(
        account_id=placed.account_id,
        order_id=placed.order_id,
        side=placed.side,
        isin=placed.isin,
        currency=placed.settl_currency,
        qty=placed.qty,
        amount=placed.hold_amount,
    )


def _next_hold(order: OrderState, asked: ReplaceRequested) -> ReserveForOrder:
    return ReserveForOrder(
        account_id=order.account_id,
        order_id=order.order_id,
        side=order.side,
        isin=order.isin,
        currency=order.settl_currency,
        qty=asked.qty,
        amount=asked.hold_amount,
        qty_done=order.cum_qty,
    )


FORESEEN: Mapping[type[Event], Callable[[Any, Any], Command | None]] = {
    OrderPlaced: _first_hold,
    ReplaceRequested: _next_hold,
}
"""For dry runs: by event, the hold that this saga requests next, from the order's state."""
