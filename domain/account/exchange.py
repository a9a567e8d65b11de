"""Currency exchange as a trade of its own (domain.md rule 15, J14).

    none -Convert-> open -value date: SettleFx-> settled*

The dealer's rate is the last fixing; a stale one is refused (`domain.shared.freshness`). The
client's rate adds the house's margin. Both are units of the currency sold per unit bought. The
value date is the market's spot date or a stated one: not before the deal, and a day on which both
currencies can be paid. The rate does not depend on the value date.
"""

from datetime import date
from decimal import Decimal
from typing import ClassVar

from msgspec.structs import replace

from domain.account.changes import add_cash, with_item
from domain.account.rates import RATES, no_rate
from domain.account.refusals import R, bad_money, lacking, powerless, refuse_unless, too_old
from domain.account.state import CLOSING_ONLY, OPEN, OpenFx, State
from domain.shared.message import Command, Decision, Event, Internal, Refused, Seen, refused
from domain.shared.money import (
    EXACT,
    RATE_DECIMALS,
    is_currency,
    money,
    plain,
    quantise,
    round_money,
)
from domain.shared.value_dates import closed, spot_date


class ConvertCurrency(Command):
    """Buy `buy_amount` of one currency at the last fixing with the house's margin.

    A stated value date is today or later, and a day on which both currencies can be paid."""

    MAY_LIE_AHEAD: ClassVar[tuple[str, ...]] = ("value_date",)

    account_id: str
    fx_id: str
    buy_currency: str
    buy_amount: Decimal
    sell_currency: str
    value_date: date | None = None  # None: the market's spot date


class SettleFx(Internal):
    account_id: str
    fx_id: str
    value_date: date


class FxBooked(Event, tag="fx.booked"):
    """J14: the client buys one currency for another; the margin is the house's."""

    account_id: str
    fx_id: str
    buy_currency: str
    buy_amount: Decimal
    sell_currency: str
    dealer_amount: Decimal  # sell currency at the dealer rate, owed to the market
    margin: Decimal  # sell currency, on top
    client_rate: Decimal  # sell currency per unit bought
    dealer_rate: Decimal
    trade_date: date
    value_date: date
    rate_date: date | None = None  # of the fixing; None: an older event


class FxSettled(Event, tag="fx.settled"):
    account_id: str
    fx_id: str
    buy_currency: str
    buy_amount: Decimal
    sell_currency: str
    sell_amount: Decimal
    value_date: date


MARGINS = ((date.min, Decimal("0.0025")),)
"""(first day, the house's margin on the dealer's rate from that day on)."""
VALUE_DAYS_MAX = 366


def convert(command: ConvertCurrency, state: State, seen: Seen) -> Decision:
    if wrong := refuse_unless(state, OPEN, CLOSING_ONLY) or _terms(command, state, seen):
        return wrong
    event = _quote(command, seen)
    if isinstance(event, Refused):
        return event
    free = state.available_to_trade(command.sell_currency, seen.now.date())
    wrong = powerless(state, seen, "trade", lambda: _worth(event, state)) or lacking(
        event.dealer_amount + event.margin, free, command.sell_currency
    )
    return wrong or (event,)


def _worth(event: FxBooked, state: State) -> Decimal | None:
    """The amount paid or received in the base currency; None: neither side is in it."""
    if event.sell_currency == state.base_currency:
        return event.dealer_amount + event.margin
    return event.buy_amount if event.buy_currency == state.base_currency else None


def _terms(command: ConvertCurrency, state: State, seen: Seen) -> Refused | None:
    if wrong := bad_money(command.buy_amount, command.buy_currency):
        return wrong
    if not is_currency(command.sell_currency):
        return refused(R.CURRENCY_UNKNOWN, currency=command.sell_currency)
    if command.buy_currency == command.sell_currency:
        return refused(R.SAME_CURRENCY, currency=command.buy_currency)
    if command.fx_id in state.fx:
        return refused(R.FX_EXISTS, fx_id=command.fx_id)
    return _value_date_fault(command, seen.effective_at.date())


def _value_date_fault(command: ConvertCurrency, today: date) -> Refused | None:
    value = command.value_date
    if value is None:
        return None
    if not 0 <= (value - today).days <= VALUE_DAYS_MAX:
        return refused(R.VALUE_DATE_INVALID, value_date=value, trade_date=today)
    shut = closed(command.buy_currency, command.sell_currency, value)
    return refused(R.VALUE_DATE_INVALID, value_date=value, closed=",".join(shut)) if shut else None


def _quote(command: ConvertCurrency, seen: Seen) -> FxBooked | Refused:
    fixing, sell, buy = seen.streams.get(RATES), command.sell_currency, command.buy_currency
    dealer_rate = fixing.rate(sell, buy) if fixing is not None else None
    if fixing is None or fixing.rate_date is None or dealer_rate is None:
        return no_rate(sell, buy, seen)
    day = seen.effective_at.date()
    if old := too_old(R.RATE_STALE, "rate_date", fixing.rate_date, day):
        return old
    margin = next(rate for since, rate in reversed(MARGINS) if since <= day)
    client_rate = quantise(EXACT.multiply(dealer_rate, 1 + margin), RATE_DECIMALS)
    dealer = round_money(EXACT.multiply(command.buy_amount, dealer_rate), sell)
    client = round_money(EXACT.multiply(command.buy_amount, client_rate), sell)
    if wrong := bad_money(dealer, sell):  # it costs less than one cent, or too much to store
        return wrong
    return FxBooked(
        account_id=command.account_id,
        fx_id=command.fx_id,
        buy_currency=buy,
        buy_amount=money(command.buy_amount, buy),
        sell_currency=sell,
        dealer_amount=dealer,
        margin=client - dealer,
        client_rate=plain(client_rate),
        dealer_rate=plain(dealer_rate),
        trade_date=day,
        value_date=command.value_date or spot_date(buy, sell, day),
        rate_date=fixing.rate_date,
    )


def settle_fx(command: SettleFx, state: State, seen: Seen) -> Decision:
    """A report. If the trade is not open, it is refused and the saga parks it."""
    fx = state.fx.get(command.fx_id)
    if fx is None:
        return refused(R.FX_UNKNOWN, fx_id=command.fx_id)
    return (
        FxSettled(
            account_id=command.account_id,
            fx_id=command.fx_id,
            buy_currency=fx.buy_currency,
            buy_amount=fx.buy_amount,
            sell_currency=fx.sell_currency,
            sell_amount=fx.sell_amount,
            value_date=command.value_date,
        ),
    )


def booked(state: State, event: FxBooked) -> State:
    fx = OpenFx(
        buy_currency=event.buy_currency,
        buy_amount=event.buy_amount,
        sell_currency=event.sell_currency,
        sell_amount=event.dealer_amount,
        value_date=event.value_date,
    )
    state = add_cash(state, event.buy_currency, event.buy_amount)
    state = add_cash(state, event.sell_currency, -(event.dealer_amount + event.margin))
    return replace(state, fx=with_item(state.fx, event.fx_id, fx))


def settled(state: State, event: FxSettled) -> State:
    return replace(state, fx=with_item(state.fx, event.fx_id, None))
