"""The custodian's reports on unsettled trades: settled in part or whole (J6, J8), or failing.

The last part settles the rest of the booked amount, so that C.STREET ends at zero. If the
custodian's cash differs, the event records the difference, and the break shows against the bank.
If a busted trade settles anyway, the settlement is booked as reported, and a reverse obligation is
opened (J18).
"""

from datetime import date
from decimal import Decimal

from msgspec.structs import replace

from domain.account.changes import drop_obligation, with_item
from domain.account.refusals import R, bad_amount, bad_qty, first
from domain.account.state import Obligation, State
from domain.shared.fix import Side, other
from domain.shared.message import Decision, Event, Internal, Refused, Seen, refused
from domain.shared.money import ZERO, money, plain


class SettleObligation(Internal):
    """A report (sese.025), deduplicated by confirmation_id."""

    account_id: str
    obligation_id: str
    qty: Decimal
    amount: Decimal
    value_date: date
    confirmation_id: str


class SettleAfterBust(Internal):
    """A report: a busted trade settled anyway, in part or whole. Refused only if unstorable."""

    account_id: str
    obligation_id: str
    reverse_id: str  # the obligation that takes it back
    isin: str
    side: Side  # of the settled part
    qty: Decimal
    amount: Decimal
    currency: str
    trade_date: date
    value_date: date
    confirmation_id: str


class RecordFailing(Internal):
    account_id: str
    obligation_id: str
    reason: str
    whose: str = "counterparty"


class ObligationSettled(Event, tag="obligation.settled"):
    """J6, J8: the custodian confirmed (sese.025) a part or all of an obligation."""

    account_id: str
    obligation_id: str
    isin: str
    side: Side  # BUY: stock in, cash out
    qty: Decimal
    amount: Decimal
    currency: str
    value_date: date
    rest_qty: Decimal  # still open afterwards; 0 on the last part
    confirmation_id: str
    excess_qty: Decimal = Decimal(0)  # confirmed beyond the open quantity: a break
    difference: Decimal = Decimal(0)  # confirmed cash less booked cash: a break


class ObligationFailing(Event, tag="obligation.failing"):
    """J8: unsettled at close of its settlement date. Posts nothing."""

    account_id: str
    obligation_id: str
    rest_qty: Decimal
    reason: str
    whose: str = "counterparty"


class SettledAfterBust(Event, tag="obligation.settled_after_bust", kw_only=True):
    """J18: a part or all of a busted trade has settled anyway, so it is owed back.

    The trade's own obligation is closed. The settled part opens the reverse one,
    C.STREET[reverse_id], which is due at once.
    """

    account_id: str
    obligation_id: str  # of the busted trade
    reverse_id: str
    isin: str
    side: Side  # of the settled part; BUY: stock in, cash out
    qty: Decimal
    amount: Decimal
    currency: str
    trade_date: date  # of the busted trade
    value_date: date
    confirmation_id: str


def settle(command: SettleObligation, state: State, seen: Seen) -> Decision:
    """A report, booked once per confirmation. If nothing is open, it is refused and parked."""
    open_ = state.obligations.get(command.obligation_id)
    if open_ is None:
        return refused(R.OBLIGATION_UNKNOWN, obligation_id=command.obligation_id)
    if command.confirmation_id in open_.confirmations:
        return ()
    if wrong := first(bad_qty(command.qty), _amount_fault(command.amount, open_.currency)):
        return wrong
    amount = open_.amount if command.qty >= open_.qty else min(command.amount, open_.amount)
    settled = min(command.qty, open_.qty)
    return (
        ObligationSettled(
            account_id=command.account_id,
            obligation_id=command.obligation_id,
            isin=open_.isin,
            side=open_.side,
            qty=plain(settled),
            amount=money(amount, open_.currency),
            currency=open_.currency,
            value_date=command.value_date,
            rest_qty=plain(open_.qty - settled),
            confirmation_id=command.confirmation_id,
            excess_qty=plain(command.qty - settled),
            difference=command.amount - amount,
        ),
    )


def settle_after_bust(command: SettleAfterBust, state: State, seen: Seen) -> Decision:
    """A report, booked once. Repeats show by the open reverse obligation, later by message id.

    Refused only for figures that cannot be stored.
    """
    if command.reverse_id in state.obligations:
        return ()
    if wrong := first(bad_qty(command.qty), _amount_fault(command.amount, command.currency)):
        return wrong
    return (
        SettledAfterBust(
            account_id=command.account_id,
            obligation_id=command.obligation_id,
            reverse_id=command.reverse_id,
            isin=command.isin,
            side=command.side,
            qty=plain(command.qty),
            amount=money(command.amount, command.currency),
            currency=command.currency,
            trade_date=command.trade_date,
            value_date=command.value_date,
            confirmation_id=command.confirmation_id,
        ),
    )


def _amount_fault(amount: Decimal, currency: str) -> Refused | None:
    wrong = bad_amount(amount, currency)
    if wrong is None and amount < ZERO:
        return refused(R.AMOUNT_NOT_POSITIVE, amount=amount)
    return wrong


def record_failing(command: RecordFailing, state: State, seen: Seen) -> Decision:
    """Record a failing obligation, once; `()` if it has settled meanwhile."""
    open_ = state.obligations.get(command.obligation_id)
    if open_ is None or open_.failing:
        return ()
    return (
        ObligationFailing(
            account_id=command.account_id,
            obligation_id=command.obligation_id,
            rest_qty=open_.qty,
            reason=command.reason,
            whose=command.whose,
        ),
    )


def settled(state: State, event: ObligationSettled) -> State:
    open_ = state.obligations[event.obligation_id]
    if event.rest_qty == 0:
        return drop_obligation(state, event.obligation_id)
    rest = replace(
        open_,
        qty=event.rest_qty,
        amount=open_.amount - event.amount,
        confirmations=(*open_.confirmations, event.confirmation_id),
    )
    return replace(state, obligations=with_item(state.obligations, event.obligation_id, rest))


def failing(state: State, event: ObligationFailing) -> State:
    late = replace(state.obligations[event.obligation_id], failing=True)
    return replace(state, obligations=with_item(state.obligations, event.obligation_id, late))


def settled_after_bust(state: State, event: SettledAfterBust) -> State:
    reverse = Obligation(
        isin=event.isin,
        side=other(event.side),
        qty=event.qty,
        amount=event.amount,
        currency=event.currency,
        settl_date=event.value_date,
    )
    return replace(state, obligations=with_item(state.obligations, event.reverse_id, reverse))
