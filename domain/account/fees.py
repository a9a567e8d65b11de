"""Fees on assets (accrued day by day, charged with VAT: J15) and interest (J20).

Suspended clients and blocked accounts still take fees and interest; only closed accounts do not.
"""

from datetime import date, timedelta
from decimal import Decimal

from msgspec.structs import replace

from domain.account.changes import add_cash, in_debit, with_item
from domain.account.refusals import R, bad_money, bad_rate, first, refuse_closed
from domain.account.state import Accrual, State
from domain.shared.dates import bad_date
from domain.shared.market_time import house_today
from domain.shared.message import Command, Decision, Event, Refused, Seen, refused
from domain.shared.money import (
    EXACT,
    ZERO,
    is_currency,
    is_exact,
    money,
    plain,
    quantise,
    round_money,
)
from domain.shared.money_rules import AMOUNT_LIMIT, is_too_large


class AccrueFee(Command):
    """The fee of `days` days that end with `accrual_date`: annual rate x base x days / 365."""

    account_id: str
    accrual_date: date
    fee_base: Decimal
    annual_rate: Decimal
    currency: str
    days: int = 1


class ChargeFee(Command):
    account_id: str
    currency: str
    period_end: date
    vat_rate: Decimal = Decimal(0)


class CreditInterest(Command):
    account_id: str
    currency: str
    amount: Decimal
    value_date: date


class DebitInterest(Command):
    account_id: str
    currency: str
    amount: Decimal
    value_date: date


class FeeAccrued(Event, tag="fee.accrued"):
    """J15: the growth of the rounded running total. It may be zero, but never negative."""

    account_id: str
    currency: str
    amount: Decimal
    exact_total: Decimal  # running total since the last charge, 12 decimals
    accrual_date: date


class FeeCharged(Event, tag="fee.charged"):
    """J15: the client's cash pays the accrued total and VAT."""

    account_id: str
    currency: str
    net: Decimal
    vat: Decimal
    period_end: date
    in_debit: bool = False


class InterestCredited(Event, tag="interest.credited"):
    """J20: the client's part of the interest."""

    account_id: str
    currency: str
    amount: Decimal
    value_date: date


class InterestDebited(Event, tag="interest.debited"):
    account_id: str
    currency: str
    amount: Decimal
    value_date: date
    in_debit: bool = False


YEAR_DAYS = 365
EXACT_DECIMALS = 12
DAYS_MAX = 3660


def accrue(command: AccrueFee, state: State, seen: Seen) -> Decision:
    """Add days of fee to the exact running total and post the difference of its rounding."""
    last = state.fees.get(command.currency)
    if (
        wrong := refuse_closed(state)
        or _terms_fault(command, last)
        or _period_fault(command, last, seen)
    ):
        return wrong
    base = max(command.fee_base, ZERO)  # a negative NAV bears no fee
    fee = EXACT.multiply(EXACT.multiply(base, command.annual_rate), Decimal(command.days))
    before, posted = (last.exact, last.posted) if last else (ZERO, ZERO)
    exact = before + quantise(EXACT.divide(fee, Decimal(YEAR_DAYS)), EXACT_DECIMALS)
    return (
        FeeAccrued(
            account_id=command.account_id,
            currency=command.currency,
            amount=round_money(exact, command.currency) - posted,
            exact_total=plain(exact),
            accrual_date=command.accrual_date,
        ),
    )


def _terms_fault(command: AccrueFee, last: Accrual | None) -> Refused | None:
    if not is_currency(command.currency):
        return refused(R.CURRENCY_UNKNOWN, currency=command.currency)
    if is_too_large(command.fee_base):
        return refused(R.AMOUNT_TOO_LARGE, limit=AMOUNT_LIMIT)
    if not is_exact(command.fee_base, EXACT_DECIMALS):
        return refused(R.AMOUNT_INEXACT, decimals=EXACT_DECIMALS)
    if not 0 < command.days <= DAYS_MAX:
        return refused(R.DAYS_NOT_POSITIVE, days=command.days)
    return bad_rate("annual_rate", command.annual_rate)


def _period_fault(command: AccrueFee, last: Accrual | None, seen: Seen) -> Refused | None:
    """Refuse a period that overlaps the last one: a day is accrued once. Gaps are allowed.

    The period is the `days` days that end with `accrual_date`.
    """
    end = command.accrual_date
    if wrong := bad_date("accrual_date", end, house_today(seen.now)):
        return wrong
    first = end - timedelta(days=command.days - 1)
    if last and first <= last.last_day:
        return refused(R.DATE_ALREADY_ACCRUED, last=last.last_day, first=first)
    return None


def charge(command: ChargeFee, state: State, seen: Seen) -> Decision:
    """Charge the accrued total with VAT. Recorded even if the cash falls below zero."""
    today = house_today(seen.now)
    if wrong := first(
        refuse_closed(state),
        _currency_fault(command),
        bad_rate("vat_rate", command.vat_rate, lowest=ZERO),
        bad_date("period_end", command.period_end, today),
    ):
        return wrong
    accrued = state.fees.get(command.currency)
    if accrued is None or accrued.posted <= 0:
        return refused(R.NOTHING_ACCRUED, currency=command.currency)
    event = FeeCharged(
        account_id=command.account_id,
        currency=command.currency,
        net=accrued.posted,
        vat=round_money(EXACT.multiply(accrued.posted, command.vat_rate), command.currency),
        period_end=command.period_end,
    )
    debit = in_debit(state, charged(state, event), command.currency, on=seen.now.date())
    return (replace(event, in_debit=debit),)


def _currency_fault(command: ChargeFee) -> Refused | None:
    if is_currency(command.currency):
        return None
    return refused(R.CURRENCY_UNKNOWN, currency=command.currency)


def _interest_fault(
    command: CreditInterest | DebitInterest, state: State, seen: Seen
) -> Refused | None:
    return first(
        refuse_closed(state),
        bad_money(command.amount, command.currency),
        bad_date("value_date", command.value_date, house_today(seen.now)),
    )


def credit_interest(command: CreditInterest, state: State, seen: Seen) -> Decision:
    if wrong := _interest_fault(command, state, seen):
        return wrong
    return (
        InterestCredited(
            account_id=command.account_id,
            currency=command.currency,
            amount=money(command.amount, command.currency),
            value_date=command.value_date,
        ),
    )


def debit_interest(command: DebitInterest, state: State, seen: Seen) -> Decision:
    if wrong := _interest_fault(command, state, seen):
        return wrong
    event = InterestDebited(
        account_id=command.account_id,
        currency=command.currency,
        amount=money(command.amount, command.currency),
        value_date=command.value_date,
    )
    after = add_cash(state, command.currency, -event.amount)
    debit = in_debit(state, after, command.currency, on=seen.now.date())
    return (replace(event, in_debit=debit),)


def accrued(state: State, event: FeeAccrued) -> State:
    last = state.fees.get(event.currency)
    now = Accrual(
        exact=event.exact_total,
        posted=(last.posted if last else ZERO) + event.amount,
        last_day=event.accrual_date,
    )
    return replace(state, fees=with_item(state.fees, event.currency, now))


def charged(state: State, event: FeeCharged) -> State:
    """Reset the running total, but keep the last day, so that no day is accrued twice."""
    last = state.fees[event.currency]
    empty = replace(last, exact=ZERO, posted=ZERO)
    state = add_cash(state, event.currency, -(event.net + event.vat))
    return replace(state, fees=with_item(state.fees, event.currency, empty))


def interest_credited(state: State, event: InterestCredited) -> State:
    return add_cash(state, event.currency, event.amount)


def interest_debited(state: State, event: InterestDebited) -> State:
    return add_cash(state, event.currency, -event.amount)
