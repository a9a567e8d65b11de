"""The client chooses other lots for a sale, until its settlement date (domain.md rule 4)."""

from collections.abc import Iterable
from decimal import Decimal

from msgspec.structs import replace

from domain.account import base_cost
from domain.account.changes import move_lots, with_item
from domain.account.refusals import R, bad_qty, first, powerless
from domain.account.state import Obligation, State
from domain.rules.lots import LotMethod, LotMove, apply, can_choose, dispose, mirror
from domain.shared.fix import Side
from domain.shared.message import Command, Decision, Event, Seen, refused
from domain.shared.money import MINOR_UNITS, ZERO
from domain.shared.shares import Value


class SelectLots(Command):
    """Choose the lots of a sale, until its settlement date."""

    account_id: str
    trade_id: str
    lots: dict[str, Decimal]  # lot id -> quantity


class LotsSelected(Event, tag="lots.selected", kw_only=True):
    """The client chose other lots for a sale, which is possible until its settlement date."""

    account_id: str
    trade_id: str
    order_id: str = ""  # its saga needs the new lots, for a later bust
    isin: str
    lots: tuple[LotMove, ...]  # signed: put back the old picks, then take the new ones
    currency: str = ""  # of the sale; "": an older event


def select(command: SelectLots, state: State, seen: Seen) -> Decision:
    """Put back the lots that the sale took, and take the named ones. Its cash does not change."""
    sale = state.obligations.get(command.trade_id)
    if sale is None or sale.side is Side.BUY or not sale.lots:
        return refused(R.TRADE_UNKNOWN, trade_id=command.trade_id)
    if sale.settl_date is not None and seen.now.date() > sale.settl_date:
        return refused(R.TRADE_SETTLED, settl_date=sale.settl_date)
    if wrong := first(
        *map(bad_qty, command.lots.values()),
        base_cost.refuse_waiting(state, sale.isin),
        powerless(state, seen, "trade", lambda: ZERO),  # no money moves
    ):
        return wrong
    qty = -sum((m.qty for m in sale.lots), ZERO)
    held = apply(state.lots.get(sale.isin, ()), mirror(sale.lots), currency=sale.currency)
    if not can_choose(held, qty, command.lots):
        return refused(
            R.LOTS_DO_NOT_MATCH, qty=qty, **{lot.lot_id: lot.qty for lot in held if lot.qty > 0}
        )
    if {m.lot_id: -m.qty for m in sale.lots if m.qty} == command.lots:
        return ()
    taken = dispose(
        held,
        command.trade_id,
        qty,
        method=LotMethod.SPECIFIC,
        proceeds=_proceeds(sale, state),
        on=sale.lots[0].acquired_on,  # for a short lot only: none opens, as all lots are chosen
        chosen=command.lots,
    )
    return (
        LotsSelected(
            account_id=command.account_id,
            trade_id=command.trade_id,
            order_id=sale.order_id,
            isin=sale.isin,
            currency=sale.currency,
            lots=(*mirror(sale.lots), *taken),
        ),
    )


def _proceeds(sale: Obligation, state: State) -> Value:
    return Value(
        amount=sum((m.proceeds for m in sale.lots), ZERO),
        base=sum((m.proceeds_base for m in sale.lots), ZERO),
        cents=MINOR_UNITS[sale.currency],
        base_cents=MINOR_UNITS[state.base_currency],
        currency=sale.currency,
    )


def selected(state: State, event: LotsSelected) -> State:
    sale = state.obligations[event.trade_id]
    state = move_lots(state, event.isin, event.lots, currency=sale.currency, restores=True)
    lots = _sum((*sale.lots, *event.lots))
    chosen = {m.lot_id: -m.qty for m in lots if m.qty}
    if sale.trade is not None:
        sale = replace(sale, trade=replace(sale.trade, lots=lots, chosen=chosen))
    return replace(state, obligations=with_item(state.obligations, event.trade_id, sale))


def _sum(moves: Iterable[LotMove]) -> tuple[LotMove, ...]:
    """One move per lot, with the quantity that the sale takes now."""
    by_lot = dict[str, LotMove]()
    for move in moves:
        old = by_lot.get(move.lot_id)
        by_lot[move.lot_id] = move if old is None else _add(old, move)
    return tuple(m for m in by_lot.values() if m.qty or m.cost or m.cost_base)


def _add(a: LotMove, b: LotMove) -> LotMove:
    return replace(
        a,
        qty=a.qty + b.qty,
        cost=a.cost + b.cost,
        cost_base=a.cost_base + b.cost_base,
        proceeds=a.proceeds + b.proceeds,
        proceeds_base=a.proceeds_base + b.proceeds_base,
    )
