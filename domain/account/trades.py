"""Executions on trade date: booking (J4, J5, J7, J23). `busts` undoes them.

BookTrade is a report: an excess, late or uncovered execution is booked and flagged. A repeated
report is recognised by the trade's open obligation, and after settlement by its message id.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from msgspec.structs import replace

from domain.account import base_cost
from domain.account.changes import add_cash, in_debit, move_lots, open_obligation, put_order
from domain.account.holds import Counted, order_of, released_by_fill, unknown_order
from domain.account.rates import base_rate, in_base
from domain.account.refusals import R, bad_amount, bad_qty, first
from domain.account.state import Obligation, OpenOrder, State, Trade, Unvalued
from domain.rules.charges import Charge, charges, commission_of
from domain.rules.lots import Lot, LotMove, acquire, can_choose, dispose
from domain.shared.fix import Side
from domain.shared.ids import child_id
from domain.shared.message import Decision, Event, Internal, Refused, Seen, refused
from domain.shared.money import ZERO, money, plain


class BookTrade(Internal):
    """A report of an execution, booked once per trade_id. Refused only for unstorable figures."""

    account_id: str
    trade_id: str
    order_id: str
    exec_id: str
    instrument_id: str
    isin: str
    side: Side
    qty: Decimal
    price: Decimal
    currency: str
    gross: Decimal
    trade_date: date
    settl_date: date
    country: str = "US"  # whose taxes and levies apply
    accrued_interest: Decimal = Decimal(0)  # of a bond: paid on top, kept out of cost
    market_country: str = ""  # whose settlement calendar applies
    before: Counted | None = None  # the order's totals, in case the account forgot the order


class TradeBooked(Event, tag="trade.booked", kw_only=True):
    """J4, J5, J7 (J23 with accrued interest): one execution on trade date."""

    account_id: str
    trade_id: str  # also the obligation's id: C.STREET[trade_id, account]
    order_id: str
    exec_id: str
    instrument_id: str
    isin: str
    side: Side
    qty: Decimal
    price: Decimal
    currency: str  # settlement currency
    gross: Decimal  # principal: qty x price x factors, rounded once
    accrued_interest: Decimal = Decimal(0)
    charges: tuple[Charge, ...] = ()
    lots: tuple[LotMove, ...]
    trade_date: date
    settl_date: date
    hold_unit: str = ""
    hold_released: Decimal = Decimal(0)
    base_rate: Decimal = Decimal(1)  # base currency per unit of `currency`; 0: not fixed yet
    in_debit: bool = False  # cash fell below zero: opens a case, never refused
    oversold: Decimal = Decimal(0)  # quantity sold beyond the lots: opens a case, never refused
    unreserved: Decimal = Decimal(0)  # quantity beyond the hold (over-fill, late fill): a case
    free_riding: bool = False  # sells shares bought with unsettled proceeds: opens a case
    market_country: str = ""  # whose settlement calendar applies; "": US (older trades)
    before: Counted | None = None  # the order's earlier totals, if the account forgot the order
    account_closed: bool = False  # booked after the account was closed: opens a case


def book(command: BookTrade, state: State, seen: Seen) -> Decision:
    """Book one execution: its lots, charges and obligation, and the hold that it releases.

    Refused only for figures that cannot be stored.
    """
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
    order = order_of(state, command.order_id, command.before)
    taken = _charges(command, order)
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
        free_riding=command.side is not Side.BUY and _sells_unpaid(state, lots, command.currency),
        market_country=command.market_country,
        before=command.before if unknown_order(state, command.order_id) else None,
    )


def _figures(command: BookTrade) -> Refused | None:
    price = command.price
    return first(
        bad_amount(command.gross, command.currency),
        bad_amount(command.accrued_interest, command.currency),
        None if price.is_finite() else refused(R.AMOUNT_INEXACT, price=price),
    )


def _charges(command: BookTrade, order: OpenOrder) -> tuple[Charge, ...]:
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
    trade = Trade(
        qty=command.qty,
        gross=command.gross,
        charges=taken,
        on=command.trade_date,
        rate=rate,
        method=state.lot_method,
    )
    held, name = state.lots.get(command.isin, ()), command.trade_id
    return match_lots(state, held, name, trade, side=command.side, currency=command.currency)


def match_lots(
    state: State, held: Sequence[Lot], trade_id: str, trade: Trade, *, side: Side, currency: str
) -> tuple[LotMove, ...]:
    """How a trade changes the lots `held` before it.

    Purchase charges add to the cost; sale charges reduce the proceeds. The client's choice of lots
    holds while those lots are still there.
    """
    charged = total(trade.charges)
    if side is Side.BUY:
        cost = in_base(state, trade.gross + charged, currency, rate=trade.rate)
        return acquire(held, trade_id, trade.qty, cost=cost, on=trade.on)
    chosen = trade.chosen if can_choose(held, trade.qty, trade.chosen) else None
    return dispose(
        held,
        trade_id,
        trade.qty,
        method=trade.method,
        proceeds=in_base(state, trade.gross - charged, currency, rate=trade.rate),
        on=trade.on,
        chosen=chosen,
    )


def total(taken: Iterable[Charge]) -> Decimal:
    return sum((c.amount for c in taken), ZERO)


def _sells_unpaid(state: State, lots: Iterable[LotMove], currency: str) -> bool:
    """Whether a sold lot's purchase is unsettled and settled cash does not cover it (rule 18)."""
    picked = {m.lot_id for m in lots if m.qty < 0}
    buys = {
        k: o for k, o in state.obligations.items() if o.side is Side.BUY and o.currency == currency
    }
    due = sum((o.amount for o in buys.values()), ZERO)
    return not picked.isdisjoint(buys) and state.cash(currency).settled < due


def reverse_id(trade_id: str) -> str:
    """Id of the obligation that takes back the settled part of a busted trade."""
    return child_id(trade_id, "R", digest_chars=62, head=False)


def booked(state: State, event: TradeBooked) -> State:
    sign = -1 if event.side is Side.BUY else 1
    amount = event.gross + event.accrued_interest
    lots = base_cost.flag_unknown(state, event.isin, event.lots, rate=event.base_rate)
    trade = Trade(
        qty=event.qty,
        gross=event.gross,
        charges=event.charges,
        on=event.trade_date,
        rate=event.base_rate,
        method=state.lot_method,
        lots=lots,
    )
    valued = Unvalued(
        isin=event.isin,
        order_id=event.order_id,
        currency=event.currency,
        rate=event.base_rate,
        lots=lots,
    )
    state = base_cost.keep(state, event.trade_id, valued)
    obligation = Obligation(
        isin=event.isin,
        side=Side.BUY if event.side is Side.BUY else Side.SELL,
        qty=event.qty,
        amount=amount,
        currency=event.currency,
        settl_date=event.settl_date,
        order_id=event.order_id,
        trade=trade,
    )
    state = open_obligation(state, event.trade_id, obligation)
    state = move_lots(state, event.isin, lots, currency=event.currency)
    state = add_cash(state, event.currency, sign * amount - total(event.charges))
    return put_order(state, event.order_id, _filled(state, event))


def _filled(state: State, event: TradeBooked) -> OpenOrder:
    order = order_of(state, event.order_id, event.before)
    return replace(
        order,
        held=order.held - event.hold_released,
        qty=max(order.qty - event.qty, ZERO),
        done=order.done + event.qty,
        gross=order.gross + event.gross,
        charged=order.charged + commission_of(event.charges),
    )
