"""Busts: a booked trade did not happen (J17, J18). A report, refused only for unstorable figures.

The bust cancels the unsettled part in the trade's own obligation, and opens a reverse obligation
for the settled part. Afterwards the account is as if the trade had never been booked:

    charges  the order pays what its other executions cost together (domain.md rule 19): its other
             trades may bear more of the commission, so the bust may return less than it took
    lots     the remaining trades take their lots again (`rematching`)
    hold     the quantity that is open at the venue again is held again, even without the cash
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from msgspec.structs import replace

from domain.account import base_cost
from domain.account.changes import (
    add_cash,
    drop_obligation,
    in_debit,
    move_lots,
    open_obligation,
    put_order,
)
from domain.account.holds import Counted, order_of, share_of
from domain.account.refusals import bad_amount, bad_qty, first
from domain.account.rematching import Charged, LotsRematched, Undone, rematch
from domain.account.state import Obligation, State
from domain.account.trades import reverse_id, total
from domain.rules.charges import Charge, commission, commission_of, with_commission
from domain.rules.lots import LotMove
from domain.shared.fix import Side, other
from domain.shared.message import Command, Decision, Event, Internal, Seen
from domain.shared.money import EXACT, ZERO, plain, round_money


class Booked(Command):
    """A booked trade's facts, carried by the bust that undoes it."""

    exec_id: str
    isin: str
    side: Side
    qty: Decimal
    currency: str
    gross: Decimal
    charges: tuple[Charge, ...]
    lots: tuple[LotMove, ...]
    trade_date: date
    accrued_interest: Decimal = Decimal(0)


class Sibling(Command):
    """Another trade of the order. It is charged again as if the busted trade never happened."""

    trade_id: str
    gross: Decimal
    charges: tuple[Charge, ...]


class Reopened(Command):
    """Terms of an order that is at the venue: the account again holds for its open quantity."""

    side: Side
    isin: str
    currency: str
    qty: Decimal
    amount: Decimal  # cash to hold for all of qty; for a sale: 0


class BustTrade(Internal):
    """A report (ExecType H): the trade did not happen. Refused only for unstorable figures."""

    account_id: str
    trade_id: str
    order_id: str
    booked: Booked
    settl_date: date  # of the reverse obligation, if any part has settled
    reason: str = ""
    siblings: tuple[Sibling, ...] = ()  # in the order in which they were filled
    before: Counted | None = None  # the order's totals, in case the account forgot the order
    reopened: Reopened | None = None  # None: the order is no longer at the venue


class TradeBusted(Event, tag="trade.busted", kw_only=True):
    """J17, J18: a booked trade is undone; its settled part gets a reverse obligation.

    The order pays what its remaining executions cost together; `charges` are what it gets back.
    The quantity that is open at the venue again is held again (J3).
    """

    account_id: str
    trade_id: str
    order_id: str
    exec_id: str
    isin: str
    side: Side  # of the busted trade
    qty: Decimal
    currency: str
    gross: Decimal
    accrued_interest: Decimal = Decimal(0)
    charges: tuple[Charge, ...] = ()  # given back
    lots: tuple[LotMove, ...]  # mirror of the booking; other lots cover those left below zero
    open_qty: Decimal  # mirrored into C.STREET[trade_id]
    open_amount: Decimal
    reverse_id: str = ""  # C.STREET[reverse_id] takes the settled part
    reverse_qty: Decimal = Decimal(0)
    reverse_amount: Decimal = Decimal(0)
    trade_date: date
    settl_date: date | None = None  # of the reverse obligation
    reason: str = ""
    in_debit: bool = False
    account_closed: bool = False  # booked after the account was closed: opens a case
    after: Counted | None = None  # the order without this trade; None: unknown, or an older bust
    hold_unit: str = ""
    hold_added: Decimal = Decimal(0)  # for the quantity that is open at the venue again
    hold_qty: Decimal = Decimal(0)  # still to be filled under the hold


def bust(command: BustTrade, state: State, seen: Seen) -> Decision:
    """Undo a trade, and adjust the other trades that this changes."""
    was = command.booked
    if wrong := first(bad_qty(was.qty), bad_amount(was.gross, was.currency)):
        return wrong
    reverse = reverse_id(command.trade_id)
    if reverse in state.obligations:
        return ()
    after = _totals_after(command, state)
    charged = _new_charges(command, state, after) if after else {}
    undone = Undone(command.account_id, command.trade_id, was.isin, was.currency, was.lots)
    lots, others = rematch(state, undone, charged)
    event = _bust_event(command, state, after, lots=lots)
    debit = in_debit(state, busted(state, event), was.currency, on=seen.now.date())
    settled = _rematch_settled(command, state, charged)
    return (replace(event, in_debit=debit), *others, *settled)


def _bust_event(
    command: BustTrade, state: State, after: Counted | None, *, lots: tuple[LotMove, ...]
) -> TradeBusted:
    was, rest = command.booked, state.obligations.get(command.trade_id)
    open_qty, open_amount = (rest.qty, rest.amount) if rest else (ZERO, ZERO)
    settled = was.qty > open_qty
    unit, added, hold_qty = _hold_again(command, state, after)
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
        charges=_refund(command, state, after),
        lots=lots,
        open_qty=open_qty,
        open_amount=open_amount,
        reverse_id=reverse_id(command.trade_id) if settled else "",
        reverse_qty=plain(was.qty - open_qty),
        reverse_amount=was.gross + was.accrued_interest - open_amount,
        trade_date=was.trade_date,
        settl_date=command.settl_date if settled else None,
        reason=command.reason,
        after=after,
        hold_unit=unit,
        hold_added=added,
        hold_qty=hold_qty,
    )


def _totals_after(command: BustTrade, state: State) -> Counted | None:
    """The order's totals without the trade; None: its totals before the bust are unknown."""
    was, order = command.booked, order_of(state, command.order_id, command.before)
    qty, gross = order.done - was.qty, order.gross - was.gross
    if qty < 0 or gross < 0:
        return None
    charged = commission(gross, was.currency, was.trade_date)
    return Counted(qty=plain(qty), gross=gross, charged=charged)


def _charges_of(command: BustTrade, state: State) -> tuple[Charge, ...]:
    """The trade's current charges, which may differ from those at its booking."""
    open_ = state.obligations.get(command.trade_id)
    return open_.trade.charges if open_ and open_.trade else command.booked.charges


def _refund(command: BustTrade, state: State, after: Counted | None) -> tuple[Charge, ...]:
    """The trade's own taxes and levies, and the commission that the order paid too much."""
    own = _charges_of(command, state)
    if after is None:
        return own
    order = order_of(state, command.order_id, command.before)
    return with_commission(own, max(order.charged - after.charged, ZERO))


def _new_charges(command: BustTrade, state: State, after: Counted) -> Charged:
    """The new charges of the order's other trades, for those whose commission changes."""
    others = _other_trades(command, state)
    was = command.booked
    gross = max(after.gross - sum((s.gross for s in others), ZERO), ZERO)
    paid = commission(gross, was.currency, was.trade_date)
    found = dict[str, tuple[Charge, ...]]()
    for sibling in others:
        gross += sibling.gross
        due = max(commission(gross, was.currency, was.trade_date) - paid, ZERO)
        paid += due
        if due != commission_of(sibling.charges):
            found[sibling.trade_id] = with_commission(sibling.charges, due)
    return found


def _other_trades(command: BustTrade, state: State) -> list[Sibling]:
    """The order's other trades: the settled ones, then the unsettled with current charges."""
    settled = [s for s in command.siblings if s.trade_id not in state.obligations]
    unsettled = [
        Sibling(trade_id=trade_id, gross=o.trade.gross, charges=o.trade.charges)
        for trade_id, o in state.obligations.items()
        if o.trade and o.order_id == command.order_id and trade_id != command.trade_id
    ]
    return settled + unsettled


def _rematch_settled(command: BustTrade, state: State, charged: Charged) -> Iterator[LotsRematched]:
    """Settled trades keep their lots; a changed commission changes only their cost or gain."""
    was = command.booked
    for sibling in command.siblings:
        if sibling.trade_id in state.obligations or sibling.trade_id not in charged:
            continue
        charges = charged[sibling.trade_id]
        more = commission_of(charges) - commission_of(sibling.charges)
        yield LotsRematched(
            account_id=command.account_id,
            trade_id=sibling.trade_id,
            order_id=command.order_id,
            isin=was.isin,
            currency=was.currency,
            lots=(_commission_move(command, state, sibling.trade_id, more),),
            charges=charges,
            because=command.trade_id,
        )


def _commission_move(command: BustTrade, state: State, trade_id: str, more: Decimal) -> LotMove:
    """Book `more` commission: as cost of a purchase's lot while it is held, else as less gain."""
    was = command.booked
    lots = {lot.lot_id: lot for lot in state.lots.get(was.isin, ())}
    more_base = round_money(EXACT.multiply(more, _rate(command, state)), state.base_currency)
    lot = lots.get(trade_id)
    if was.side is Side.BUY and lot is not None and lot.qty > 0:
        return LotMove(
            lot_id=trade_id, qty=ZERO, cost=more, cost_base=more_base, acquired_on=lot.acquired_on
        )
    return LotMove(
        lot_id=trade_id,
        qty=ZERO,
        cost=ZERO,
        cost_base=ZERO,
        acquired_on=was.trade_date,
        proceeds=-more,
        proceeds_base=-more_base,
        realises=True,
    )


def _rate(command: BustTrade, state: State) -> Decimal:
    """Base currency per unit of the trade's currency, at the rate of the booking."""
    open_ = state.obligations.get(command.trade_id)
    if open_ and open_.trade:
        return open_.trade.rate
    lots = command.booked.lots
    whole = sum((abs(m.proceeds or m.cost) for m in lots), ZERO)
    base = sum((abs(m.proceeds_base or m.cost_base) for m in lots), ZERO)
    return EXACT.divide(base, whole) if whole else ZERO


def _hold_again(
    command: BustTrade, state: State, after: Counted | None
) -> tuple[str, Decimal, Decimal]:
    """(unit, amount added to the hold, open quantity under it). The hold never shrinks here."""
    terms, order = command.reopened, order_of(state, command.order_id, command.before)
    if terms is None:
        return order.unit, ZERO, order.qty
    done = after.qty if after else max(order.done - command.booked.qty, ZERO)
    rest = max(terms.qty - done, order.qty, ZERO)
    unit, hold = share_of(terms, min(rest, terms.qty))
    return unit, max(hold - order.held, ZERO), plain(rest)


def busted(state: State, event: TradeBusted) -> State:
    sign = 1 if event.side is Side.BUY else -1
    amount = event.gross + event.accrued_interest
    state = base_cost.forget(state, event.trade_id)
    state = move_lots(state, event.isin, event.lots, currency=event.currency, restores=True)
    state = add_cash(state, event.currency, sign * amount + total(event.charges))
    state = _open_reverse(state, event)
    if event.trade_id in state.obligations:
        state = drop_obligation(state, event.trade_id)
    return _order_after(state, event)


def _order_after(state: State, event: TradeBusted) -> State:
    order = state.orders.get(event.order_id)
    if event.after is None and order is None and not event.hold_qty:
        return state
    order = order or order_of(state, event.order_id, event.after)
    after = event.after or Counted(
        qty=max(order.done - event.qty, ZERO),
        gross=max(order.gross - event.gross, ZERO),
        charged=max(order.charged - commission_of(event.charges), ZERO),
    )
    order = replace(order, done=after.qty, gross=after.gross, charged=after.charged, busted=True)
    if event.hold_added or event.hold_qty:
        held = order.held + event.hold_added
        order = replace(order, unit=event.hold_unit, held=held, qty=event.hold_qty)
    return put_order(state, event.order_id, order)


def _open_reverse(state: State, event: TradeBusted) -> State:
    if not event.reverse_id:
        return state
    reverse = Obligation(
        isin=event.isin,
        side=other(event.side),
        qty=event.reverse_qty,
        amount=event.reverse_amount,
        currency=event.currency,
        settl_date=event.settl_date,
        order_id=event.order_id if event.after else "",
    )
    return open_obligation(state, event.reverse_id, reverse)
