"""Cash: receipts, payments, the figures of rule 3, FX, fees, interest, adjustments."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from domain import account
from domain.account.adjustments import PostAdjustment
from domain.account.cash import DepositCash, ReturnDeposit
from domain.account.exchange import ConvertCurrency, SettleFx
from domain.account.fees import AccrueFee, ChargeFee, CreditInterest, DebitInterest
from domain.account.refusals import AccountRefusal as R
from domain.account.standing import BlockAccount
from domain.account.transfers import ReceiveCash, TransferCash
from domain.account.withdrawals import (
    CancelWithdrawal,
    CompleteWithdrawal,
    RejectWithdrawal,
    ReturnWithdrawal,
    SendWithdrawal,
    WithdrawalCompleted,
    WithdrawalRejected,
    WithdrawalSent,
    WithdrawCash,
    payment_id,
)
from domain.shared.fix import Side
from domain.shared.message import Refused, Seen
from tests.unit.domain.accounts import (
    A1,
    DAY,
    NEXT,
    OPENED,
    Book,
    at,
    confirm,
    deposited,
    fill,
    reserve,
)
from tests.unit.domain.scenario import given

D = Decimal


def deposit(amount: str, currency: str = "USD", on: date | None = None) -> DepositCash:
    return DepositCash(
        account_id=A1, amount=D(amount), currency=currency, reference="P1", available_on=on
    )


def withdraw(amount: str, currency: str = "USD") -> WithdrawCash:
    return WithdrawCash(account_id=A1, amount=D(amount), currency=currency, reference="r")


def test_a_receipt_is_booked_at_the_minor_unit() -> None:
    given(account, OPENED).when(deposit("1000"), seen=at()).then(deposited("1000.00"))
    event = given(account, OPENED).when(deposit("500", "JPY"), seen=at()).decision[0]
    assert str(event.amount) == "500"


BAD_MONEY = [
    ("0", "USD", R.AMOUNT_NOT_POSITIVE),
    ("-5", "USD", R.AMOUNT_NOT_POSITIVE),
    ("1.001", "USD", R.AMOUNT_INEXACT),
    ("1.5", "JPY", R.AMOUNT_INEXACT),
    ("NaN", "USD", R.AMOUNT_INEXACT),
    ("sNaN", "USD", R.AMOUNT_INEXACT),
    ("Infinity", "USD", R.AMOUNT_INEXACT),
    ("-Infinity", "USD", R.AMOUNT_INEXACT),
    ("1E+30", "USD", R.AMOUNT_TOO_LARGE),
    ("1E+15", "USD", R.AMOUNT_TOO_LARGE),
    ("1", "XXX", R.CURRENCY_UNKNOWN),
    ("1", "", R.CURRENCY_UNKNOWN),
]


@pytest.mark.parametrize(("amount", "currency", "refusal"), BAD_MONEY)
def test_what_is_no_money_reaches_no_event(amount: str, currency: str, refusal: R) -> None:
    money = {"amount": D(amount), "currency": currency}
    for command in (
        deposit(amount, currency),
        ReturnDeposit(account_id=A1, reference="P1", **money),
        withdraw(amount, currency),
        ReturnWithdrawal(account_id=A1, payment_id="W", reason="r", **money),
        CreditInterest(account_id=A1, value_date=DAY, **money),
        DebitInterest(account_id=A1, value_date=DAY, **money),
        TransferCash(account_id=A1, transfer_id="X1", to_account_id="A2", **money),
        ReceiveCash(account_id=A1, transfer_id="X1", from_account_id="A2", **money),
        ConvertCurrency(
            account_id=A1,
            fx_id="F1",
            buy_currency=currency,
            buy_amount=D(amount),
            sell_currency="EUR",
        ),
    ):
        given(account, OPENED, deposited("10.00")).when(command, seen=at()).refused(refusal)


def test_an_uncollected_receipt_is_traded_but_not_available_until_its_day() -> None:
    book = Book()
    book.send(deposit("100.00", on=date(2024, 6, 5)))
    assert book.state.cash("USD").traded == D("100.00")
    assert book.state.available_to_trade("USD", DAY) == 0
    assert book.state.available_to_withdraw("USD", date(2024, 6, 4)) == 0
    assert book.state.available_to_trade("USD", date(2024, 6, 5)) == D("100.00")
    result = book.send(withdraw("1.00"))
    assert result.refusal is R.INSUFFICIENT_FUNDS
    assert result.state == {"required": "1.00", "available": "0", "currency": "USD"}
    later = at(date(2024, 6, 5))
    assert book.send(withdraw("100.00"), later).amount == D("100.00")


def test_a_date_that_has_come_means_collected_at_once() -> None:
    assert Book().send(deposit("1.00", on=DAY)).available_on is None


def test_collected_receipts_leave_the_state() -> None:
    book = Book()
    for n in range(20):
        today = DAY + timedelta(days=n)
        book.send(deposit("1.00", on=today + timedelta(days=2)), at(today))
    assert len(book.state.uncollected_deposits) <= 3


def test_a_deposit_taken_back_is_booked_even_into_debit() -> None:
    book = Book(OPENED, deposited("100.00"))
    book.send(withdraw("80.00"))
    event = book.send(ReturnDeposit(account_id=A1, amount=D(100), currency="USD", reference="P1"))
    assert event.in_debit
    assert book.state.available_to_trade("USD", DAY) == D("-80.00")
    assert book.state.available_to_withdraw("USD", DAY) == 0


def test_an_uncollected_deposit_taken_back_is_uncollected_no_longer() -> None:
    book = Book()
    book.send(deposit("100.00", on=date(2024, 6, 9)))
    event = book.send(ReturnDeposit(account_id=A1, amount=D(60), currency="USD", reference="P1"))
    assert not event.in_debit
    assert book.state.uncollected("USD", DAY) == D("40.00")
    assert book.state.available_to_trade("USD", DAY) == 0


def test_the_figures_of_cash_between_trade_and_settlement() -> None:
    book = Book(OPENED, deposited("10000.00"))
    book.send(reserve())
    cash = book.state.cash("USD")
    assert (cash.traded, cash.settled, cash.reserved) == (D(10000), D(10000), D(5005))
    assert book.state.available_to_trade("USD", DAY) == D("4995.00")
    book.send(fill("T1", "100", "49.90"))
    cash = book.state.cash("USD")
    assert (cash.traded, cash.settled, cash.reserved) == (D("5005.01"), D("9995.01"), 0)
    assert book.state.available_to_withdraw("USD", DAY) == D("5005.01")
    book.send(confirm("T1", "100", "4990.00"))
    assert book.state.cash("USD").settled == D("5005.01")


def test_unsettled_proceeds_buy_but_do_not_leave() -> None:
    book = Book(OPENED, deposited("1001.00"))
    book.send(fill("T1", "10", "100.00"))
    book.send(confirm("T1", "10", "1000.00"))
    book.send(fill("T2", "10", "120.00", Side.SELL))
    assert book.state.available_to_trade("USD", DAY) == D("1198.80")
    assert book.state.available_to_withdraw("USD", DAY) == 0


def test_a_withdrawal_is_held_sent_and_completed() -> None:
    book = Book(OPENED, deposited("100.00"))
    asked = book.send(withdraw("40.00"))
    assert (asked.payment_id, asked.client_id) == ("A1.W1", "K1")
    assert book.state.cash("USD").reserved == D("40.00")
    book.send(SendWithdrawal(account_id=A1, payment_id="A1.W1"))
    assert book.send(SendWithdrawal(account_id=A1, payment_id="A1.W1")) == ()
    cash = book.state.cash("USD")
    assert (cash.traded, cash.reserved) == (D("60.00"), 0)
    result = book.send(CancelWithdrawal(account_id=A1, payment_id="A1.W1"))
    assert result.refusal is R.WITHDRAWAL_SENT
    book.send(CompleteWithdrawal(account_id=A1, payment_id="A1.W1"))
    assert book.state.withdrawals == {}
    assert book.send(withdraw("1.00")).payment_id == "A1.W2"


def test_a_withdrawal_is_cancelled_before_it_is_sent() -> None:
    book = Book(OPENED, deposited("100.00"))
    book.send(withdraw("40.00"))
    event = book.send(CancelWithdrawal(account_id=A1, payment_id="A1.W1"))
    assert event.amount == D("40.00")
    assert book.state.available_to_withdraw("USD", DAY) == D("100.00")


def test_the_banks_word_overtakes_ours() -> None:
    book = Book(OPENED, deposited("100.00"))
    book.send(withdraw("40.00"))
    events = book.send(CompleteWithdrawal(account_id=A1, payment_id="A1.W1"))
    assert [type(x) for x in events] == [WithdrawalSent, WithdrawalCompleted]
    book.send(withdraw("10.00"))
    events = book.send(RejectWithdrawal(account_id=A1, payment_id="A1.W2", reason="AC04"))
    assert [type(x) for x in events] == [WithdrawalSent, WithdrawalRejected]
    assert book.state.cash("USD").traded == D("60.00")


def test_money_that_came_back_after_the_debit_is_the_clients_again() -> None:
    book = Book(OPENED, deposited("100.00"))
    book.send(withdraw("40.00"))
    book.send(CompleteWithdrawal(account_id=A1, payment_id="A1.W1"))
    back = ReturnWithdrawal(
        account_id=A1, payment_id="A1.W1", amount=D(40), currency="USD", reason="AC04"
    )
    assert book.send(back).amount == D("40.00")
    assert book.state.cash("USD").traded == D("100.00")


@pytest.mark.parametrize(
    "command",
    [
        CancelWithdrawal(account_id=A1, payment_id="W9"),
        SendWithdrawal(account_id=A1, payment_id="W9"),
        CompleteWithdrawal(account_id=A1, payment_id="W9"),
        RejectWithdrawal(account_id=A1, payment_id="W9", reason="r"),
    ],
)
def test_a_payment_that_is_not_open_is_refused_for_suspense(command: account.Command) -> None:
    given(account, OPENED).when(command).refused(R.WITHDRAWAL_UNKNOWN)


def test_a_payment_is_not_sent_from_a_blocked_account() -> None:
    book = Book(OPENED, deposited("100.00"))
    book.send(withdraw("40.00"))
    book.send(BlockAccount(account_id=A1, reason="sanctions"))
    result = book.send(SendWithdrawal(account_id=A1, payment_id="A1.W1"))
    assert result.refusal is R.ACCOUNT_NOT_OPEN


def test_payment_ids_stay_within_sixty_four_characters() -> None:
    long = "a" * 64
    assert len(payment_id(long, 123456)) <= 64
    assert payment_id(long, 1) != payment_id("b" * 64, 1)


def test_two_withdrawals_cannot_share_one_dollar() -> None:
    book = Book(OPENED, deposited("100.00"))
    book.send(withdraw("60.00"))
    result = book.send(withdraw("40.01"))
    assert result.state == {"required": "40.01", "available": "40.00", "currency": "USD"}
    assert book.send(withdraw("40.00")).amount == D("40.00")


def convert(amount: str = "1000.00", **terms: object) -> ConvertCurrency:
    fields: dict[str, object] = {
        "account_id": A1,
        "fx_id": "F1",
        "buy_currency": "EUR",
        "buy_amount": D(amount),
        "sell_currency": "USD",
    }
    return ConvertCurrency(**fields | terms)  # type: ignore[arg-type]


def test_currency_is_bought_at_the_fixing_with_the_houses_margin() -> None:
    book = Book(OPENED, deposited("2000.00"))
    event = book.send(convert())
    assert (event.dealer_rate, event.dealer_amount) == (D("1.1"), D("1100.00"))
    assert (event.client_rate, event.margin) == (D("1.10275"), D("2.75"))
    assert (event.trade_date, event.value_date) == (DAY, date(2024, 6, 5))
    dollars, euros = book.state.cash("USD"), book.state.cash("EUR")
    assert (dollars.traded, dollars.settled) == (D("897.25"), D("1997.25"))
    assert (euros.traded, euros.settled) == (D("1000.00"), 0)
    book.send(SettleFx(account_id=A1, fx_id="F1", value_date=date(2024, 6, 5)))
    assert book.state.cash("EUR").settled == D("1000.00")
    assert book.state.fx == {}
    again = book.send(SettleFx(account_id=A1, fx_id="F1", value_date=date(2024, 6, 5)))
    assert again.refusal is R.FX_UNKNOWN


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"sell_currency": "EUR"}, R.SAME_CURRENCY),
        ({"sell_currency": "XXX"}, R.CURRENCY_UNKNOWN),
        ({"buy_currency": "CHF"}, R.RATE_UNKNOWN),
        ({"buy_amount": D("5000.00")}, R.INSUFFICIENT_FUNDS),
        ({"buy_currency": "JPY", "buy_amount": D(1), "sell_currency": "KWD"}, R.RATE_UNKNOWN),
        ({"value_date": date(2024, 6, 2)}, R.VALUE_DATE_INVALID),
        ({"value_date": date(2026, 6, 2)}, R.VALUE_DATE_INVALID),
    ],
)
def test_a_conversion_that_cannot_be_priced_or_paid_is_refused(
    terms: dict[str, object], refusal: R
) -> None:
    given(account, OPENED, deposited("2000.00")).when(convert(**terms), seen=at()).refused(refusal)


@pytest.mark.parametrize(
    ("terms", "lacks"),
    [
        ({"buy_currency": "CHF"}, "CHF"),
        ({"buy_currency": "CHF", "sell_currency": "KWD"}, "KWD,CHF"),
        ({"buy_currency": "KWD", "sell_currency": "EUR"}, "KWD"),
    ],
)
def test_a_rate_that_is_not_there_is_named_by_its_source_and_the_currency_that_lacks(
    terms: dict[str, object], lacks: str
) -> None:
    asked = given(account, OPENED).when(convert(**terms), seen=at())
    asked.refused(R.RATE_UNKNOWN, source="ecb", currency=lacks)
    nothing = Seen(now=at().now, effective_at=at().effective_at)
    unfixed = given(account, OPENED).when(convert(), seen=nothing)
    unfixed.refused(R.RATE_UNKNOWN, source="ecb", currency="USD,EUR")


def test_the_margin_must_be_affordable_too() -> None:
    result = Book(OPENED, deposited("1102.74")).send(convert())
    assert result.refusal is R.INSUFFICIENT_FUNDS
    assert result.state == {"required": "1102.75", "available": "1102.74", "currency": "USD"}


def test_a_conversion_too_small_to_cost_a_cent_is_refused() -> None:
    tiny = convert("1", buy_currency="JPY")
    book = Book(OPENED, deposited("2000.00"))
    assert book.send(tiny).dealer_amount == D("0.01")
    cheap = convert("0.01", buy_currency="USD", sell_currency="JPY")
    yen = Book(OPENED, deposited("2000", "JPY"))
    assert yen.send(cheap).dealer_amount == D("1")
    dust = convert("0.01", fx_id="F2", buy_currency="GBP", sell_currency="KWD")
    assert yen.send(dust).refusal is R.RATE_UNKNOWN


def test_a_true_value_date_arrives_as_a_value() -> None:
    book = Book(OPENED, deposited("2000.00"))
    assert book.send(convert(value_date=date(2024, 6, 6))).value_date == date(2024, 6, 6)


def test_a_conversion_under_way_is_not_booked_twice() -> None:
    book = Book(OPENED, deposited("5000.00"))
    book.send(convert())
    assert book.send(convert()).refusal is R.FX_EXISTS


def accrue(day: int, base: str = "100000.00", rate: str = "0.01", days: int = 1) -> AccrueFee:
    return AccrueFee(
        account_id=A1,
        accrual_date=DAY + timedelta(days=day),
        fee_base=D(base),
        annual_rate=D(rate),
        currency="USD",
        days=days,
    )


def test_the_running_total_is_rounded_not_each_day() -> None:
    book = Book()
    posted = [book.send(accrue(day), at(DAY + timedelta(days=day))).amount for day in range(365)]
    assert sum(posted) == D("1000.00")
    assert set(posted) == {D("2.73"), D("2.74")}


def test_a_fee_is_charged_with_vat_and_starts_again() -> None:
    book = Book(OPENED, deposited("10.00"))
    book.send(accrue(0, "365000.00", days=1))
    event = book.send(ChargeFee(account_id=A1, currency="USD", period_end=DAY, vat_rate=D("0.20")))
    assert (event.net, event.vat, event.in_debit) == (D("10.00"), D("2.00"), True)
    assert book.state.cash("USD").traded == D("-2.00")
    result = book.send(ChargeFee(account_id=A1, currency="USD", period_end=DAY))
    assert result.refusal is R.NOTHING_ACCRUED
    assert book.send(accrue(0)).refusal is R.DATE_ALREADY_ACCRUED
    assert book.send(accrue(1, "365000.00"), at(NEXT)).amount == D("10.00")


def test_a_negative_base_bears_no_fee() -> None:
    assert Book().send(accrue(0, "-5000.00")).amount == 0


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (accrue(0, rate="0"), R.RATE_NOT_POSITIVE),
        (accrue(0, rate="-0.01"), R.RATE_NOT_POSITIVE),
        (accrue(0, rate="NaN"), R.RATE_NOT_POSITIVE),
        (accrue(0, base="NaN"), R.AMOUNT_INEXACT),
        (accrue(0, base="1E+30"), R.AMOUNT_TOO_LARGE),
        (accrue(0, days=0), R.DAYS_NOT_POSITIVE),
        (
            ChargeFee(account_id=A1, currency="USD", period_end=DAY, vat_rate=D("-1")),
            R.RATE_NOT_POSITIVE,
        ),
        (ChargeFee(account_id=A1, currency="XXX", period_end=DAY), R.CURRENCY_UNKNOWN),
    ],
)
def test_a_fee_that_makes_no_sense_is_refused(command: account.Command, refusal: R) -> None:
    given(account, OPENED).when(command).refused(refusal)


def test_a_rate_that_is_refused_is_named_by_its_field() -> None:
    vat = ChargeFee(account_id=A1, currency="USD", period_end=DAY, vat_rate=D("-1"))
    for command, field, rate in (
        (vat, "vat_rate", "-1"),
        (accrue(0, rate="0"), "annual_rate", "0"),
    ):
        given(account, OPENED).when(command).refused(R.RATE_NOT_POSITIVE, field=field, rate=rate)


def test_interest_is_credited_and_debited_even_below_zero() -> None:
    book = Book()
    credit = CreditInterest(account_id=A1, currency="USD", amount=D("2.50"), value_date=DAY)
    assert book.send(credit).value_date == DAY
    debit = DebitInterest(account_id=A1, currency="USD", amount=D("2.90"), value_date=DAY)
    assert book.send(debit).in_debit
    assert book.state.cash("USD").traded == D("-0.40")


def adjustment(**terms: object) -> PostAdjustment:
    fields: dict[str, object] = {
        "account_id": A1,
        "adjustment_id": "M1",
        "currency": "USD",
        "amount": D("-7.50"),
        "reason": "late dividend",
        "evidence": "case 12",
        "requested_by": "ann",
        "approved_by": "bob",
    }
    return PostAdjustment(**fields | terms)  # type: ignore[arg-type]


def test_a_manual_entry_has_a_reason_evidence_and_a_second_person() -> None:
    event = Book().send(adjustment())
    assert (event.amount, event.in_debit) == (D("-7.50"), True)


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"reason": " "}, R.REASON_MISSING),
        ({"evidence": ""}, R.EVIDENCE_MISSING),
        ({"approved_by": "ann"}, R.SECOND_PERSON_REQUIRED),
        ({"approved_by": " ANN "}, R.SECOND_PERSON_REQUIRED),
        ({"approved_by": ""}, R.SECOND_PERSON_REQUIRED),
        ({"amount": D(0)}, R.AMOUNT_ZERO),
        ({"amount": D("0.001")}, R.AMOUNT_INEXACT),
        ({"amount": D("sNaN")}, R.AMOUNT_INEXACT),
        ({"currency": "XXX"}, R.CURRENCY_UNKNOWN),
    ],
)
def test_a_manual_entry_without_grounds_is_refused(terms: dict[str, object], refusal: R) -> None:
    given(account, OPENED).when(adjustment(**terms)).refused(refusal)


def test_nothing_is_decided_for_an_account_that_does_not_exist() -> None:
    for command in (deposit("1.00"), withdraw("1.00"), convert(), accrue(0), adjustment()):
        decision = account.decide(command, account.INITIAL, at())
        assert isinstance(decision, Refused)
        assert decision.refusal is R.ACCOUNT_UNKNOWN
