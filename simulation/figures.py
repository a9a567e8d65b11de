"""The business figures of a run: what must be the same however often it was killed on the way.

Compared, all exactly:

- every ledger balance, line by line (account, owner, ref, unit), and the trial balance by unit;
- each order's status and cumulative quantity;
- each trade booked or busted, by order and execution, with quantity and price;
- each part of an obligation that settled, of a busted trade too, and each that failed;
- each payment's end, and what each account was charged;
- the days closed, and each account's NAV at the last close.

Not compared, because a restart may change them without changing what anyone owns: positions in the
log and what is computed at one (the controls' positions), when a repeat was recorded, what a
counterparty reported twice, statuses that only inform, and the streams of sagas and gateways. A
torn append may change the order in the log of events of one moment. Whole appends leave the same
log, event for event, and the crash mode counts how many did (`same_root`).
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from msgspec import Struct

from domain import ledger, order
from domain.account.busts import TradeBusted
from domain.account.exchange import FxBooked, FxSettled
from domain.account.fees import FeeCharged
from domain.account.obligations import ObligationFailing, ObligationSettled, SettledAfterBust
from domain.account.trades import TradeBooked
from domain.account.withdrawals import WithdrawalCompleted, WithdrawalRejected, WithdrawalReturned
from domain.house import DayClosed
from domain.order.status import ord_status
from domain.shared.envelope import category, id_of
from projections.ledger.controls import Line, add
from projections.ports import Log
from simulation.run import Outcome

PAGE = 4_000

Fact = tuple[str, ...]


class Figures(Struct, frozen=True, kw_only=True):
    balances: dict[Line, Decimal] = {}
    orders: dict[str, tuple[str, Decimal]] = {}  # id -> (OrdStatus, CumQty)
    facts: dict[Fact, int] = {}  # trades, settlements, payments, charges: how often
    days: tuple[date, ...] = ()
    trial_balance: dict[str, Decimal] = {}
    nav: dict[str, str] = {}  # by account, base currency


async def figures(log: Log, outcome: Outcome) -> Figures:
    """Fold them from the log alone, except the NAV, which is the run's own summary."""
    balances: dict[Line, Decimal] = {}
    orders: dict[str, Any] = {}
    facts: dict[Fact, int] = {}
    days: list[date] = []
    position = 0
    while page := await log.after(position, limit=PAGE):
        for arrived in page:
            for entry in ledger.entries(arrived.event):
                add(balances, entry.postings)
            if category(arrived.stream) == order.CATEGORY:
                key = id_of(arrived.stream)
                orders[key] = order.evolve(orders.get(key, order.INITIAL), arrived.event)
            if fact := _fact(arrived.event):
                facts[fact] = facts.get(fact, 0) + 1
            if isinstance(arrived.event, DayClosed):
                days.append(arrived.event.day)
        position = page[-1].position
    return Figures(
        balances=balances,
        orders={k: (ord_status(o).value, o.cum_qty) for k, o in orders.items()},
        facts=facts,
        days=tuple(days),
        trial_balance=_trial(balances),
        nav=_nav(outcome),
    )


def differences(ours: Figures, theirs: Figures) -> list[str]:
    """What is not the same, one line a difference; empty when the figures are equal."""
    out = []
    for name in ("balances", "orders", "facts", "trial_balance", "nav"):
        mine: Mapping[Any, Any] = getattr(ours, name)
        other: Mapping[Any, Any] = getattr(theirs, name)
        for key in sorted({*mine, *other}, key=str):
            if mine.get(key) != other.get(key):
                label = " ".join(key) if isinstance(key, tuple) else key
                out.append(f"{name}: {label}: {other.get(key)}, not {mine.get(key)}")
    if ours.days != theirs.days:
        out.append(f"days: {len(theirs.days)}, not {len(ours.days)}")
    return out


def _fact(  # noqa: PLR0911 - a table of events
    event: object,
) -> Fact | None:
    match event:
        case TradeBooked() as e:
            what = (e.order_id, e.exec_id, e.side, e.isin, f"{e.qty:f}", f"{e.price:f}")
            return ("booked", e.trade_id, *what, str(e.trade_date), str(e.settl_date))
        case TradeBusted() as e:
            return ("busted", e.trade_id, f"{e.qty:f}", f"{e.open_qty:f}", f"{e.reverse_qty:f}")
        case ObligationSettled() as e:
            part = (e.confirmation_id, f"{e.qty:f}", f"{e.amount:f}", f"{e.rest_qty:f}")
            return ("settled", e.account_id, e.obligation_id, *part, str(e.value_date))
        case SettledAfterBust() as e:
            part = (e.confirmation_id, f"{e.qty:f}", f"{e.amount:f}", e.reverse_id)
            return ("after_bust", e.account_id, e.obligation_id, *part, str(e.value_date))
        case ObligationFailing() as e:
            return ("failing", e.account_id, e.obligation_id, f"{e.rest_qty:f}")
        case (WithdrawalCompleted() | WithdrawalRejected() | WithdrawalReturned()) as e:
            return (type(e).__name__, e.account_id, e.payment_id)
        case FxBooked() | FxSettled() as e:
            return (type(e).__name__, e.account_id, e.fx_id, f"{e.buy_amount:f}")
        case FeeCharged() as e:
            return ("charged", e.account_id, str(e.period_end), f"{e.net:f}", f"{e.vat:f}")
        case _:
            return None


def _trial(balances: Mapping[Line, Decimal]) -> dict[str, Decimal]:
    out: dict[str, Decimal] = {}
    for line, amount in balances.items():
        out[line.unit] = out.get(line.unit, Decimal(0)) + amount
    return out


def _nav(outcome: Outcome) -> dict[str, str]:
    history, books = outcome.history, outcome.books
    last = history.sessions[-1]
    closes, rates = history.closes(last), history.rates(last)
    return {
        p.account_id: f"{books.nav(p, closes, rates, day=last):f} {p.base_currency}"
        for p in outcome.plans
    }
