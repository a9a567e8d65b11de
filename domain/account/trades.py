"""Executions on trade date: booking (J4, J5, J7, J23), bust (J17, J18), another choice of lots.

BookTrade and BustTrade are reports: too much, too late or uncovered, they are booked and flagged.
A trade is known again by its open obligation; a closed one by its command's message id.
"""

from collections.abc import Iterable
from decimal import Decimal
from hashlib import sha256

from msgspec.structs import replace

from domain.account import base_cost
from domain.account.changes import (
    add_cash,
    drop_obligation,
    in_debit,
    move_lots,
    put_order,
    with_item,
)
from domain.account.commands import BookTrade, BustTrade
from domain.account.events import LotMove, TradeBooked, TradeBusted
from domain.account.holds import NO_ORDER, released_by_fill
from domain.account.rates import base_rate, in_base
from domain.account.refusals import R, bad_amount, bad_qty, first
from domain.account.state import Obligation, State
from domain.charges import COMMISSION, Charge, charges
from domain.fix import Side, other
from domain.lots import acquire, dispose, mirror
from domain.message import Decision, Refused, Seen, refused
from domain.money import ZERO, money, plain

ID_MAX = 64


def book(command: BookTrade, state: State, seen: Seen) -> Decision:
    """One execution: its lots, charges, obligation, and the hold that it frees.

    Refused only for an account that was never opened, or figures that cannot be stored.
    """
    if not state.exists:
        return refused(R.ACCOUNT_UNKNOWN, account_id=command.account_id)
    if wrong := first(bad_qty(command.qty), _figures(command)):
        return wrong
    if command.trade_id in state.obligations:
        return ()
    known = base_cost.statements(state, seen)  # before lots are taken by their cost
    state = base_cost.after(state, known)
    event = _booking(command, state, rate=base_rate(state, command.currency, seen))
    debit = in_debit(state, booked(state, event), command.currency, on=seen.now.date())
    return (*known, replace(event, in_debit=debit))


def _booking(command: BookTrade, state: State, *, rate: Decimal) -> TradeBooked:
    order = state.orders.get(command.order_id, NO_ORDER)
    taken = _charges(command, state)
    lots = _lots(command, state, taken, rate=rate)
    return TradeBooked(
        account_id=command.account_id,
        trade_id=command.trade_id,
        order_id=command.order_id,
        exec_id=command.exec_id,
        instrument_id=command.instrument_id,
        isin=command.isin,
        side=command.side,
        qty=plain(command.qty),
        price=command.price,
        currency=command.currency,
        gross=money(command.gross, command.currency),
        accrued_interest=money(command.accrued_interest, command.currency),
        charges=taken,
        lots=lots,
        trade_date=command.trade_date,
        settl_date=command.settl_date,
        hold_unit=order.unit,
        hold_released=released_by_fill(order, command.qty),
        base_rate=rate,
        oversold=-sum((m.qty for m in lots if m.lot_id == command.trade_id and m.qty < 0), ZERO),
        unreserved=plain(max(command.qty - order.qty, ZERO)),
        free_riding=command.side is not Side.BUY and _unpaid(state, lots, command.currency),
        market_country=command.market_country,
    )


def _figures(command: BookTrade) -> Refused | None:
    price = command.price
    return first(
        bad_amount(command.gross, command.currency),
        bad_amount(command.accrued_interest, command.currency),
        None if price.is_finite() else refused(R.AMOUNT_INEXACT, price=price),
    )


def _charges(command: BookTrade, state: State) -> tuple[Charge, ...]:
    order = state.orders.get(command.order_id, NO_ORDER)
    return charges(
        command.country,
        command.side,
        cum_gross_before=order.gross,
        gross=command.gross,
        charged_before=order.charged,
        currency=command.currency,
        on=command.trade_date,
    )


def _lots(
    command: BookTrade, state: State, taken: tuple[Charge, ...], *, rate: Decimal
) -> tuple[LotMove, ...]:
    """Purchase charges go into cost, sale charges out of the proceeds."""
    held = state.lots.get(command.isin, ())
    charged = total(taken)
    if command.side is Side.BUY:
        cost = in_base(state, command.gross + charged, command.currency, rate=rate)
        return acquire(held, command.trade_id, command.qty, cost=cost, on=command.trade_date)
    return dispose(
        held,
        command.trade_id,
        command.qty,
        method=state.lot_method,
        proceeds=in_base(state, command.gross - charged, command.currency, rate=rate),
        on=command.trade_date,
    )


def total(taken: Iterable[Charge]) -> Decimal:
    return sum((c.amount for c in taken), ZERO)


def _unpaid(state: State, lots: Iterable[LotMove], currency: str) -> bool:
    """Whether a sold lot's purchase is unsettled and settled cash does not cover it (rule 18)."""
    picked = {m.lot_id for m in lots if m.qty < 0}
    buys = {
        k: o for k, o in state.obligations.items() if o.side is Side.BUY and o.currency == currency
    }
    due = sum((o.amount for o in buys.values()), ZERO)
    return not picked.isdisjoint(buys) and state.cash(currency).settled < due


def bust(command: BustTrade, state: State, seen: Seen) -> Decision:
    """The exact mirror of the booking, whatever happened to its lots since.

    What is unsettled leaves the trade's own obligation; what has settled becomes a new one, the
    other way round. A sale whose lots were chosen again is undone as it stands now.
    """
    if not state.exists:
        return refused(R.ACCOUNT_UNKNOWN, account_id=command.account_id)
    was = command.booked
    if wrong := first(bad_qty(was.qty), bad_amount(was.gross, was.currency)):
        return wrong
    reverse = reverse_id(command.trade_id)
    if reverse in state.obligations:
        return ()
    event = _undoing(command, state, reverse=reverse)
    debit = in_debit(state, busted(state, event), was.currency, on=seen.now.date())
    return (replace(event, in_debit=debit),)


def _undoing(command: BustTrade, state: State, *, reverse: str) -> TradeBusted:
    was, rest = command.booked, state.obligations.get(command.trade_id)
    open_qty, open_amount = (rest.qty, rest.amount) if rest else (ZERO, ZERO)
    settled = was.qty > open_qty
    return TradeBusted(
        account_id=command.account_id,
        trade_id=command.trade_id,
        order_id=command.order_id,
        exec_id=was.exec_id,
        isin=was.isin,
        side=was.side,
        qty=plain(was.qty),
        currency=was.currency,
        gross=was.gross,
        accrued_interest=was.accrued_interest,
        charges=was.charges,
        lots=mirror(rest.lots if rest and rest.lots else was.lots),
        open_qty=open_qty,
        open_amount=open_amount,
        reverse_id=reverse if settled else "",
        reverse_qty=plain(was.qty - open_qty),
        reverse_amount=was.gross + was.accrued_interest - open_amount,
        trade_date=was.trade_date,
        settl_date=command.settl_date if settled else None,
        reason=command.reason,
    )


def reverse_id(trade_id: str) -> str:
    """The obligation that takes back what a busted trade had settled."""
    plain_id = f"{trade_id}R"
    return plain_id if len(plain_id) <= ID_MAX else sha256(trade_id.encode()).hexdigest()[:62] + "R"


def booked(state: State, event: TradeBooked) -> State:
    sign = -1 if event.side is Side.BUY else 1
    amount = event.gross + event.accrued_interest
    lots = base_cost.marked(state, event)
    state = base_cost.keep(state, event, lots)
    state = move_lots(state, event.isin, lots, currency=event.currency)
    state = add_cash(state, event.currency, sign * amount - total(event.charges))
    obligation = Obligation(
        isin=event.isin,
        side=Side.BUY if event.side is Side.BUY else Side.SELL,
        qty=event.qty,
        amount=amount,
        currency=event.currency,
        settl_date=event.settl_date,
        order_id=event.order_id,
        lots=() if event.side is Side.BUY else lots,
    )
    state = replace(state, obligations=with_item(state.obligations, event.trade_id, obligation))
    order = state.orders.get(event.order_id, NO_ORDER)
    filled = replace(
        order,
        held=order.held - event.hold_released,
        qty=max(order.qty - event.qty, ZERO),
        done=order.done + event.qty,
        gross=order.gross + event.gross,
        charged=order.charged + _commission(event.charges),
    )
    return put_order(state, event.order_id, filled)


def busted(state: State, event: TradeBusted) -> State:
    sign = 1 if event.side is Side.BUY else -1
    amount = event.gross + event.accrued_interest
    order = state.orders.get(event.order_id)
    if order is not None:
        undone = replace(
            order,
            done=max(order.done - event.qty, ZERO),
            gross=max(order.gross - event.gross, ZERO),
            charged=max(order.charged - _commission(event.charges), ZERO),
        )
        state = put_order(state, event.order_id, undone)
    state = base_cost.forget(state, event.trade_id)
    state = move_lots(state, event.isin, event.lots, currency=event.currency)
    state = add_cash(state, event.currency, sign * amount + total(event.charges))
    if event.trade_id in state.obligations:
        state = drop_obligation(state, event.trade_id)
    if not event.reverse_id:
        return state
    reverse = Obligation(
        isin=event.isin,
        side=other(event.side),
        qty=event.reverse_qty,
        amount=event.reverse_amount,
        currency=event.currency,
        settl_date=event.settl_date,
    )
    return replace(state, obligations=with_item(state.obligations, event.reverse_id, reverse))


def _commission(taken: Iterable[Charge]) -> Decimal:
    return sum((c.amount for c in taken if c.kind == COMMISSION), ZERO)
