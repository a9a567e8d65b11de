"""Holds: cash or shares set aside before an order leaves (domain.md rule 2, journal J3).

    none -Reserve-> held -fill: pro rata-> held ... -last fill | Release-> none

A replace reserves again: the new hold covers the new quantity less the quantity already booked.
"""

from decimal import ROUND_UP, Decimal
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from domain.account.changes import put_order
from domain.account.refusals import R, bad_money, bad_qty, first, lacking, refuse_unless
from domain.account.state import CLOSING, CLOSING_ONLY, OPEN, OpenOrder, State
from domain.shared.fix import Side
from domain.shared.message import Decision, Event, Internal, Refused, Seen, refused
from domain.shared.money import EXACT, MINOR_UNITS, QTY_DECIMALS, ZERO, plain, quantise, round_money


class Counted(Struct, frozen=True, kw_only=True):
    """Totals over an order's executions that count. Charges are computed from them."""

    qty: Decimal
    gross: Decimal
    charged: Decimal  # commission


class ReserveForOrder(Internal):
    """Hold for an order (or change its hold after a replace): cash for a buy, shares for a sale."""

    account_id: str
    order_id: str
    side: Side
    isin: str
    currency: str
    qty: Decimal
    amount: Decimal  # cash to hold for all of qty: worst price x qty + charges; for a sale: 0
    qty_done: Decimal = Decimal(0)  # booked and not busted (a replace): the hold covers the rest
    before: Counted | None = None  # the order's totals, in case the account forgot the order


class ReleaseHold(Internal):
    account_id: str
    order_id: str


class FundsReserved(Event, tag="funds.reserved"):
    """J3: cash (a buy) or shares (a sale) are held for an order. `unit` is a currency or ISIN."""

    account_id: str
    order_id: str
    unit: str
    amount: Decimal  # total now held for the order
    added: Decimal  # signed change of the hold by this event (a replace may shrink it)
    qty: Decimal  # still to be filled under the hold, to release pro rata
    before: Counted | None = None  # the order's earlier totals, if the account forgot the order


class HoldReleased(Event, tag="hold.released"):
    """J3 undone: the order ended, so the rest of its hold is released."""

    account_id: str
    order_id: str
    unit: str
    amount: Decimal


SELLING = (OPEN, CLOSING_ONLY, CLOSING)
"""Statuses in which an account may sell. An account that is wound down cannot buy."""

NO_ORDER = OpenOrder(unit="", held=ZERO, qty=ZERO)


def unknown_order(state: State, order_id: str) -> bool:
    """Whether the account never knew the order, or forgot it after its trades settled."""
    return order_id not in state.orders


def order_of(state: State, order_id: str, before: Counted | None) -> OpenOrder:
    """The order as the account knows it; if the account forgot it, with the totals of `before`."""
    order = state.orders.get(order_id)
    if order is not None or before is None:
        return order or NO_ORDER
    return replace(NO_ORDER, done=before.qty, gross=before.gross, charged=before.charged)


def reserve(command: ReserveForOrder, state: State, seen: Seen) -> Decision:
    """Hold cash or shares for an order, or change its hold. Refused if they are lacking."""
    if wrong := _status_fault(command, state) or first(
        bad_qty(command.qty), _amount_fault(command)
    ):
        return wrong
    order = order_of(state, command.order_id, command.before)
    # Use whichever is larger: the account forgets an order once all its trades settle, so its own
    # count may restart at zero.
    done = max(order.done, command.qty_done)
    rest = max(command.qty - done, ZERO)
    unit, hold = share_of(command, rest)
    if (unit, hold, rest) == (order.unit, order.held, order.qty):
        return ()
    if wrong := _cover_fault(command, state, hold - order.held, seen=seen):
        return wrong
    return (
        FundsReserved(
            account_id=command.account_id,
            order_id=command.order_id,
            unit=unit,
            amount=hold,
            added=hold - order.held,
            qty=plain(rest),
            before=command.before if unknown_order(state, command.order_id) else None,
        ),
    )


def _status_fault(command: ReserveForOrder, state: State) -> Refused | None:
    if command.side is Side.BUY and state.status == CLOSING_ONLY:
        return refused(R.CLOSING_ONLY)
    if command.side is Side.SELL_SHORT:
        return refused(R.SHORT_SALE_NOT_PERMITTED, isin=command.isin)
    return (
        refuse_unless(state, OPEN) if command.side is Side.BUY else refuse_unless(state, *SELLING)
    )


def _amount_fault(command: ReserveForOrder) -> Refused | None:
    return bad_money(command.amount, command.currency) if command.side is Side.BUY else None


class Holding(Protocol):
    """Terms of an order's hold: `amount` of cash, or shares, for all of `qty`."""

    @property
    def side(self) -> Side: ...
    @property
    def isin(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def qty(self) -> Decimal: ...
    @property
    def amount(self) -> Decimal: ...


def share_of(terms: Holding, rest: Decimal) -> tuple[str, Decimal]:
    """Unit and amount to hold for `rest`. Cash is pro rata and rounded up, so that it suffices."""
    if terms.side is not Side.BUY:
        return terms.isin, plain(rest)
    share = EXACT.divide(EXACT.multiply(terms.amount, rest), terms.qty)
    return terms.currency, round_money(share, terms.currency, ROUND_UP)


def _cover_fault(
    command: ReserveForOrder, state: State, added: Decimal, *, seen: Seen
) -> Refused | None:
    """Refuse an increase that the account cannot cover. A hold may always shrink."""
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
    """Release the hold at the order's end; `()` if nothing is held."""
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
    """The part of the hold that a fill of `qty` releases: pro rata; the last one, the rest."""
    if qty >= order.qty:
        return order.held
    decimals = MINOR_UNITS.get(order.unit, QTY_DECIMALS)
    share = quantise(EXACT.divide(EXACT.multiply(order.held, qty), order.qty), decimals)
    return share if order.unit in MINOR_UNITS else plain(share)


def reserved(state: State, event: FundsReserved) -> State:
    order = order_of(state, event.order_id, event.before)
    held = replace(order, unit=event.unit, held=event.amount, qty=event.qty)
    return put_order(state, event.order_id, held)


def released(state: State, event: HoldReleased) -> State:
    order = state.orders.get(event.order_id)
    if order is None:
        return state
    return put_order(state, event.order_id, replace(order, held=ZERO, qty=ZERO))
