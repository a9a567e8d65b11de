"""Why an account refuses a command, and the checks that most commands share."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from domain.account.state import State
from domain.rules.powers import Worth, holder, lacking_power
from domain.shared import money_rules
from domain.shared.freshness import FRESH_DAYS, is_stale
from domain.shared.message import Refusal, Refused, Seen, refused
from domain.shared.money import QTY_DECIMALS, is_exact
from domain.shared.money_rules import AMOUNT_LIMIT, AmountRefusals, is_too_large
from domain.shared.persons import acts_as, is_part, normal_form


class AccountRefusal(Refusal):
    ACCOUNT_EXISTS = "account_exists"
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_NOT_OPEN = "account_not_open"
    ACCOUNT_NOT_CLOSED = "account_not_closed"
    ACCOUNT_NOT_BLOCKED = "account_not_blocked"
    ACCOUNT_NOT_EMPTY = "account_not_empty"
    ACCOUNT_TYPE_UNKNOWN = "account_type_unknown"
    AMOUNT_INEXACT = "amount_inexact"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    AMOUNT_TOO_LARGE = "amount_too_large"
    AMOUNT_ZERO = "amount_zero"
    APPROVER_IS_NOT_ACTOR = "approver_is_not_actor"
    BASE_COST_UNKNOWN = "base_cost_unknown"
    CLIENT_NOT_APPROVED = "client_not_approved"
    CLIENT_UNKNOWN = "client_unknown"
    CLOSING_ONLY = "closing_only"
    CURRENCY_UNKNOWN = "currency_unknown"
    DATE_ALREADY_ACCRUED = "date_already_accrued"
    DAYS_NOT_POSITIVE = "days_not_positive"
    EVIDENCE_MISSING = "evidence_missing"
    FX_EXISTS = "fx_exists"
    FX_UNKNOWN = "fx_unknown"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    INSTRUMENT_UNKNOWN = "instrument_unknown"
    INSUFFICIENT_SHARES = "insufficient_shares"
    ISIN_DIFFERS = "isin_differs"
    LOT_METHOD_UNKNOWN = "lot_method_unknown"
    LOTS_DO_NOT_MATCH = "lots_do_not_match"
    MARGIN_NOT_PERMITTED = "margin_not_permitted"
    NO_RESIDUE = "no_residue"
    NOTHING_ACCRUED = "nothing_accrued"
    OBLIGATION_UNKNOWN = "obligation_unknown"
    PERSON_UNKNOWN = "person_unknown"
    POWER_MISSING = "power_missing"
    PRICE_STALE = "price_stale"
    PRICE_UNKNOWN = "price_unknown"
    QTY_INEXACT = "qty_inexact"
    QTY_NOT_POSITIVE = "qty_not_positive"
    RATE_NOT_POSITIVE = "rate_not_positive"
    RATE_STALE = "rate_stale"
    RATE_UNKNOWN = "rate_unknown"
    REASON_MISSING = "reason_missing"
    SAME_ACCOUNT = "same_account"
    SAME_CURRENCY = "same_currency"
    SECOND_PERSON_REQUIRED = "second_person_required"
    SHARES_NOT_ONE = "shares_not_one"
    SHORT_SALE_NOT_PERMITTED = "short_sale_not_permitted"
    TRADE_SETTLED = "trade_settled"
    TRADE_UNKNOWN = "trade_unknown"
    TRANSFER_EXISTS = "transfer_exists"
    TRANSFER_UNKNOWN = "transfer_unknown"
    VALUE_DATE_INVALID = "value_date_invalid"
    WITHDRAWAL_SENT = "withdrawal_sent"
    WITHDRAWAL_UNKNOWN = "withdrawal_unknown"


R = AccountRefusal
_AMOUNT = AmountRefusals(R.AMOUNT_INEXACT, R.AMOUNT_TOO_LARGE, R.CURRENCY_UNKNOWN)


def refuse_closed(state: State) -> Refused | None:
    """Refuse if the account is closed: nothing may move on it."""
    return None if state.is_open else refused(R.ACCOUNT_NOT_OPEN, status=state.status)


def refuse_unless(state: State, *statuses: str) -> Refused | None:
    """Refuse unless the account's status is one of `statuses`."""
    if state.status in statuses:
        return None
    return refused(R.ACCOUNT_NOT_OPEN, status=state.status)


def bad_money(amount: Decimal, currency: str) -> Refused | None:
    """Refuse an amount unless it is above zero and exact to the currency's minor unit."""
    return bad_amount(amount, currency) or (
        refused(R.AMOUNT_NOT_POSITIVE, amount=amount) if amount <= 0 else None
    )


def bad_amount(amount: Decimal, currency: str) -> Refused | None:
    """Like `bad_money`, but an amount may be zero or negative."""
    return money_rules.bad_amount(amount, currency, _AMOUNT)


def bad_qty(qty: Decimal) -> Refused | None:
    if is_too_large(qty):
        return refused(R.AMOUNT_TOO_LARGE, limit=AMOUNT_LIMIT)
    if not is_exact(qty, QTY_DECIMALS):
        return refused(R.QTY_INEXACT, decimals=QTY_DECIMALS)
    return refused(R.QTY_NOT_POSITIVE, qty=qty) if qty <= 0 else None


def bad_rate(field: str, rate: Decimal, *, lowest: Decimal | None = None) -> Refused | None:
    """Refuse a rate unless it is a number of up to 12 decimals, above zero and below 1000.

    Args:
        field: the command's field that the refusal names.
        lowest: the smallest allowed rate; None: any rate above zero.
    """
    sound = is_exact(rate, 12) and rate < 1000
    if sound and (rate > 0 if lowest is None else rate >= lowest):
        return None
    return refused(R.RATE_NOT_POSITIVE, field=field, rate=rate)


def lacking(required: Decimal, available: Decimal, currency: str) -> Refused | None:
    if required <= available:
        return None
    return refused(R.INSUFFICIENT_FUNDS, required=required, available=available, currency=currency)


def powerless(state: State, seen: Seen, may: str, worth: Worth) -> Refused | None:
    """Refuse an act that the actor's power does not cover; an actor who never had one needs none.

    Args:
        may, worth: as `domain.rules.powers.lacking_power` takes them.
    """
    person = holder(state, seen.actor)
    if not person:
        return None
    why = lacking_power(state, person, may, on=seen.now.date(), worth=worth)
    return None if why is None else refused(R.POWER_MISSING, **why)


def in_base_currency(state: State, amount: Decimal, currency: str) -> Worth:
    """The worth of an amount for a power's limit; None if it is not in the base currency."""
    return lambda: amount if currency == state.base_currency else None


def first(*checks: Refused | None) -> Refused | None:
    """The first refusal, or None. All checks are computed, so none may rely on an earlier one."""
    return next((check for check in checks if check is not None), None)


def too_old(refusal: AccountRefusal, field: str, as_of: date, today: date) -> Refused | None:
    """Refuse to deal at a mark or fixing that is stale (`domain.shared.freshness`)."""
    if not is_stale(as_of, today):
        return None
    age = (today - as_of).days
    return refused(refusal, **{field: as_of}, age_days=age, limit_days=FRESH_DAYS)


def blank(texts: Iterable[str]) -> bool:
    return any(not text.strip() for text in texts)


def two_persons(requested_by: str, approved_by: str, actor: str) -> Refused | None:
    """Refuse unless two different persons request and approve, and the actor is the approver.

    A part of the platform is no person; two spellings of one name are one person.
    """
    people = (normal_form(requested_by), normal_form(approved_by))
    if blank(people) or people[0] == people[1] or any(map(is_part, people)):
        return refused(R.SECOND_PERSON_REQUIRED)
    if not acts_as(actor, approved_by):
        return refused(R.APPROVER_IS_NOT_ACTOR, actor=actor)
    return None
