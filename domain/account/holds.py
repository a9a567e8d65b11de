"""Holds: cash or shares set aside before an order leaves (domain.md rule 2, journal J3).

    none -Reserve-> held -fill: pro rata-> held ... -last fill | Release-> none

A replace reserves again: the hold then is for what our bookings leave open of the new quantity.
"""

from decimal import ROUND_UP, Decimal

from msgspec.structs import replace

from domain.account.changes import put_order
from domain.account.commands import ReleaseHold, ReserveForOrder
from domain.account.events import FundsReserved, HoldReleased
from domain.account.refusals import R, bad_money, bad_qty, first, lacking, unless
from domain.account.state import CLOSING_ONLY, OPEN, OpenOrder, State
from domain.fix import Side
from domain.message import Decision, Refused, Seen, refused
from domain.money import EXACT, MINOR_UNITS, QTY_DECIMALS, ZERO, plain, quantise, round_money

NO_ORDER = OpenOrder(unit="", held=ZERO, qty=ZERO)


def reserve(command: ReserveForOrder, state: State, seen: Seen) -> Decision:
    """Hold for an order, or change its hold; an intent: lacking cash or shares it is refused."""
    if wrong := _standing(command, state) or first(bad_qty(command.qty), _amount(command)):
        return wrong
    order = state.orders.get(command.order_id, NO_ORDER)
    # What is booked counts; an order whose trades had all settled was let go, and began anew.
    done = max(order.done, command.qty_done)
    rest = max(command.qty - done, ZERO)
    unit, hold = _hold(command, rest)
    if (unit, hold, rest) == (order.unit, order.held, order.qty):
        return ()
    if wrong := _short_of(command, state, hold - order.held, seen=seen):
        return wrong
    return (
        FundsReserved(
            account_id=command.account_id,
            order_id=command.order_id,
            unit=unit,
            amount=hold,
            added=hold - order.held,
            qty=plain(rest),
        ),
    )


def _standing(command: ReserveForOrder, state: State) -> Refused | None:
    if command.side is Side.BUY and state.status == CLOSING_ONLY:
        return refused(R.CLOSING_ONLY)
    if command.side is Side.SELL_SHORT:
        return refused(R.SHORT_SALE_NOT_PERMITTED, isin=command.isin)
    return unless(state, OPEN, CLOSING_ONLY)


def _amount(command: ReserveForOrder) -> Refused | None:
    return bad_money(command.amount, command.currency) if command.side is Side.BUY else None


def _hold(command: ReserveForOrder, rest: Decimal) -> tuple[str, Decimal]:
    """Unit and quantity to hold; cash pro rata to the rest, never rounded below what it needs."""
    if command.side is not Side.BUY:
        return command.isin, plain(rest)
    share = EXACT.divide(EXACT.multiply(command.amount, rest), command.qty)
    return command.currency, round_money(share, command.currency, ROUND_UP)


def _short_of(
    command: ReserveForOrder, state: State, added: Decimal, *, seen: Seen
) -> Refused | None:
    """Only more needs cover: a hold may shrink, whatever the account has come to."""
    if added <= 0:
        return None
    if command.side is Side.BUY:
        free = state.available_to_trade(command.currency, seen.now.date())
        return lacking(added, free, command.currency)
    sellable = state.sellable(command.isin)
    if added <= sellable:
        return None
    return refused(
        R.SHORT_SALE_NOT_PERMITTED, isin=command.isin, required=added, available=sellable
    )


def release(command: ReleaseHold, state: State, seen: Seen) -> Decision:
    """The order's end; without a hold there is nothing to release."""
    order = state.orders.get(command.order_id)
    if order is None or not (order.held or order.qty):
        return ()
    return (
        HoldReleased(
            account_id=command.account_id,
            order_id=command.order_id,
            unit=order.unit,
            amount=order.held,
        ),
    )


def released_by_fill(order: OpenOrder, qty: Decimal) -> Decimal:
    """What a fill of `qty` frees: pro rata, the last fill takes the remainder."""
    if qty >= order.qty:
        return order.held
    decimals = MINOR_UNITS.get(order.unit, QTY_DECIMALS)
    share = quantise(EXACT.divide(EXACT.multiply(order.held, qty), order.qty), decimals)
    return share if order.unit in MINOR_UNITS else plain(share)


def reserved(state: State, event: FundsReserved) -> State:
    order = state.orders.get(event.order_id, NO_ORDER)
    held = replace(order, unit=event.unit, held=event.amount, qty=event.qty)
    return put_order(state, event.order_id, held)


def released(state: State, event: HoldReleased) -> State:
    order = state.orders.get(event.order_id)
    if order is None:
        return state
    return put_order(state, event.order_id, replace(order, held=ZERO, qty=ZERO))
