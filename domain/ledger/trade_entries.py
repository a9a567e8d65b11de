"""Journal entries of trades: booking, bust, choice of lots, settlement, currency exchange.

Lines J4-J8, J14, J17, J18, J23 of the journal. Signs follow the client's side: the expression that
debits an account for a purchase credits it for a sale. Each entry is zero per (book, unit).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from domain.account.busts import TradeBusted
from domain.account.exchange import FxBooked, FxSettled
from domain.account.obligations import ObligationSettled, SettledAfterBust
from domain.account.rematching import LotsRematched
from domain.account.residues import ResidueCashed
from domain.account.selection import LotsSelected
from domain.account.trades import TradeBooked
from domain.ledger.chart import Entry
from domain.ledger.lines import (
    C_DUE,
    CONTRA,
    DEPOT,
    H_DUE,
    NOSTRO,
    cash_of,
    hold_of,
    move,
    shares,
    street_of,
)
from domain.rules.charges import Charge
from domain.rules.lots import LotMove
from domain.shared.fix import Side
from domain.shared.message import Event


def _trade_booked(x: TradeBooked) -> tuple[Entry, ...]:
    buy = x.side is Side.BUY
    rule = "J4" if buy else "J7"
    street, signed = street_of(x.account_id, x.trade_id), 1 if buy else -1
    dates = {"trade_date": x.trade_date, "value_date": x.settl_date}
    paid = signed * (x.gross + x.accrued_interest)
    hold = hold_of(x.account_id, x.order_id)
    return (
        *move(f"{rule} hold off", hold, CONTRA, x.hold_unit, amount=x.hold_released),
        *shares(
            f"{rule} stock", x.account_id, [(street, signed * x.qty)], x.isin, moves=x.lots, **dates
        ),
        *move(f"{rule} cash", cash_of(x.account_id), street, x.currency, amount=paid, **dates),
        *_charges("J5" if buy else "J7", x, x.charges, sign=1),
    )


def _trade_busted(x: TradeBusted) -> tuple[Entry, ...]:
    signed = -1 if x.side is Side.BUY else 1
    rule, cash = "J18" if x.reverse_id else "J17", cash_of(x.account_id)
    trade, reverse = street_of(x.account_id, x.trade_id), street_of(x.account_id, x.reverse_id)
    dates = {"trade_date": x.trade_date, "value_date": x.settl_date}
    stock = [(trade, signed * x.open_qty), (reverse, signed * x.reverse_qty)]
    taken_back = signed * x.reverse_amount
    return (
        *shares(f"{rule} stock", x.account_id, stock, x.isin, moves=x.lots, **dates),
        *move(f"{rule} cash", cash, trade, x.currency, amount=signed * x.open_amount, **dates),
        *move(f"{rule} cash back", cash, reverse, x.currency, amount=taken_back, **dates),
        *_charges(rule, x, x.charges, sign=-1),
        *move(
            f"{rule} hold",
            CONTRA,
            hold_of(x.account_id, x.order_id),
            x.hold_unit,
            amount=x.hold_added,
        ),
    )


def _charges(
    rule: str, x: TradeBooked | TradeBusted, charges: Iterable[Charge], *, sign: int
) -> tuple[Entry, ...]:
    """The client estate owes our charges to the house; an authority's charges stay in C.TAX."""
    cash, entries = cash_of(x.account_id), list[Entry]()
    for charge in charges:
        name, amount = f"{rule} {charge.kind}", sign * charge.amount
        if charge.authority:
            tax = ("C.TAX", "", charge.authority)
            entries += move(name, cash, tax, x.currency, amount=amount, trade_date=x.trade_date)
            continue
        entries += move(name, cash, C_DUE, x.currency, amount=amount, trade_date=x.trade_date)
        entries += move(
            f"{name} (house)",
            H_DUE,
            ("H.COMM", "", ""),
            x.currency,
            amount=amount,
            trade_date=x.trade_date,
        )
    return tuple(entries)


def _lots_selected(x: LotsSelected) -> tuple[Entry, ...]:
    return shares("J7 lots chosen", x.account_id, (), x.isin, moves=_net(x.lots))


def _lots_rematched(x: LotsRematched) -> tuple[Entry, ...]:
    return shares("J17 lots matched again", x.account_id, (), x.isin, moves=_net(x.lots))


def _residue_cashed(x: ResidueCashed) -> tuple[Entry, ...]:
    """As J19 with H.ROUND: the house takes the stock and pays the client its price."""
    rule, rounding = "residue", ("H.ROUND", "", "")
    return (
        *shares(f"{rule} stock", x.account_id, [(C_DUE, -x.qty)], x.isin, moves=x.lots),
        *move(f"{rule} cash", C_DUE, cash_of(x.account_id), x.currency, amount=x.amount),
        *move(f"{rule} stock (house)", H_DUE, rounding, x.isin, amount=x.qty),
        *move(f"{rule} cash (house)", rounding, H_DUE, x.currency, amount=x.amount),
    )


def _net(moves: Iterable[LotMove]) -> tuple[LotMove, ...]:
    """One move per lot: a quantity that is put back and taken again posts nothing."""
    by_lot = dict[str, LotMove]()
    for m in moves:
        old = by_lot.get(m.lot_id)
        qty = m.qty if old is None else old.qty + m.qty
        by_lot[m.lot_id] = LotMove(
            lot_id=m.lot_id, qty=qty, cost=m.cost, cost_base=m.cost_base, acquired_on=m.acquired_on
        )
    return tuple(by_lot.values())


def _obligation_settled(x: ObligationSettled) -> tuple[Entry, ...]:
    street, signed = street_of(x.account_id, x.obligation_id), 1 if x.side is Side.BUY else -1
    rule, day = "J6" if x.side is Side.BUY else "J8", x.value_date
    stock, paid = signed * x.qty, signed * x.amount
    return (
        *move(f"{rule} stock", DEPOT, street, x.isin, amount=stock, value_date=day),
        *move(f"{rule} cash", street, NOSTRO, x.currency, amount=paid, value_date=day),
    )


def _settled_after_bust(x: SettledAfterBust) -> tuple[Entry, ...]:
    reverse, signed = street_of(x.account_id, x.reverse_id), 1 if x.side is Side.BUY else -1
    dates = {"trade_date": x.trade_date, "value_date": x.value_date}
    stock, paid = signed * x.qty, signed * x.amount
    return (
        *move("J18 stock all the same", DEPOT, reverse, x.isin, amount=stock, **dates),
        *move("J18 cash all the same", reverse, NOSTRO, x.currency, amount=paid, **dates),
    )


def _fx_booked(x: FxBooked) -> tuple[Entry, ...]:
    cash, street = cash_of(x.account_id), street_of(x.account_id, x.fx_id)
    sell, buy = x.sell_currency, x.buy_currency
    dates = {"trade_date": x.trade_date, "value_date": x.value_date}
    return (
        *move("J14 sold", cash, street, sell, amount=x.dealer_amount, **dates),
        *move("J14 bought", street, cash, buy, amount=x.buy_amount, **dates),
        *move("J14 margin", cash, C_DUE, sell, amount=x.margin, **dates),
        *move("J14 margin (house)", H_DUE, ("H.FX", "", ""), sell, amount=x.margin, **dates),
    )


def _fx_settled(x: FxSettled) -> tuple[Entry, ...]:
    street, day = street_of(x.account_id, x.fx_id), x.value_date
    return (
        *move("J14 paid", street, NOSTRO, x.sell_currency, amount=x.sell_amount, value_date=day),
        *move("J14 got", NOSTRO, street, x.buy_currency, amount=x.buy_amount, value_date=day),
    )


ENTRIES: Mapping[type[Event], Callable[[Any], tuple[Entry, ...]]] = {
    TradeBooked: _trade_booked,
    TradeBusted: _trade_busted,
    LotsSelected: _lots_selected,
    LotsRematched: _lots_rematched,
    ResidueCashed: _residue_cashed,
    ObligationSettled: _obligation_settled,
    SettledAfterBust: _settled_after_bust,
    FxBooked: _fx_booked,
    FxSettled: _fx_settled,
}
