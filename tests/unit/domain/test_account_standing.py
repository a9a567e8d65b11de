"""Opening, powers, lot method, status, closing."""

from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from domain import account
from domain.account.cash import DepositCash
from domain.account.exchange import ConvertCurrency
from domain.account.fees import AccrueFee, ChargeFee
from domain.account.refusals import AccountRefusal as R
from domain.account.standing import (
    AccountRestricted,
    AuthorisePerson,
    BlockAccount,
    ChangeLotMethod,
    CloseAccount,
    LotMethodChanged,
    OpenAccount,
    PersonAuthorised,
    PersonRevoked,
    RevokePerson,
    SetClosingOnly,
    UnblockAccount,
)
from domain.account.state import Owner, Power
from domain.account.withdrawals import WithdrawCash
from domain.shared.dates import DateRefusal
from domain.shared.fix import Side
from domain.shared.message import refused
from tests.unit.domain.accounts import (
    A1,
    OPENED,
    Book,
    at,
    confirm,
    deposited,
    fill,
    opened,
    reserve,
)
from tests.unit.domain.scenario import given

D = Decimal
OPEN = OpenAccount(account_id=A1, client_id="K1", base_currency="USD")


def restricted(status: str, reason: str = "r") -> AccountRestricted:
    return AccountRestricted(account_id=A1, status=status, reason=reason, client_id="K1")


def test_an_account_is_opened_for_an_approved_client() -> None:
    state = given(account).when(OPEN, seen=at()).then(OPENED)
    assert (state.status, state.client_id, state.account_type) == ("open", "K1", "cash")
    assert (state.base_currency, state.lot_method) == ("USD", "FIFO")


@pytest.mark.parametrize("status", ["review_due", "in_refresh"])
def test_a_review_under_way_does_not_stop_it(status: str) -> None:
    seen = at(**{"client-K1": SimpleNamespace(status=status)})
    given(account).when(OPEN, seen=seen).then(OPENED)


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        ("", R.CLIENT_UNKNOWN),
        ("onboarded", R.CLIENT_NOT_APPROVED),
        ("overdue", R.CLIENT_NOT_APPROVED),
        ("suspended", R.CLIENT_NOT_APPROVED),
        ("blocked", R.CLIENT_NOT_APPROVED),
    ],
)
def test_a_client_who_is_not_approved_gets_none(status: str, refusal: R) -> None:
    seen = at(**{"client-K1": SimpleNamespace(status=status)})
    given(account).when(OPEN, seen=seen).refused(refusal)


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"account_type": "margin"}, R.MARGIN_NOT_PERMITTED),
        ({"account_type": "offshore"}, R.ACCOUNT_TYPE_UNKNOWN),
        ({"base_currency": "XXX"}, R.CURRENCY_UNKNOWN),
        ({"lot_method": "RANDOM"}, R.LOT_METHOD_UNKNOWN),
        ({"owners": (Owner(client_id="K1", share=D("0.5")),)}, R.SHARES_NOT_ONE),
        ({"owners": (Owner(client_id="K1", share=D("NaN")),)}, R.SHARES_NOT_ONE),
        (
            {"owners": (Owner(client_id="K1", share=D(2)), Owner(client_id="K2", share=D(-1)))},
            R.SHARES_NOT_ONE,
        ),
        (
            {"owners": tuple(Owner(client_id="K1", share=D("0.5")) for _ in "ab")},
            R.SHARES_NOT_ONE,
        ),
    ],
)
def test_terms_that_do_not_hold_are_refused(terms: dict[str, object], refusal: R) -> None:
    command = OpenAccount(**{"account_id": A1, "client_id": "K1", "base_currency": "USD"} | terms)
    given(account).when(command, seen=at()).refused(refusal)


def test_two_owners_own_all_of_it() -> None:
    owners = (Owner(client_id="K1", share=D("0.6")), Owner(client_id="K2", share=D("0.4")))
    command = OpenAccount(account_id=A1, client_id="K1", base_currency="USD", owners=owners)
    given(account).when(command, seen=at()).then(opened(owners=owners))


def test_an_account_opens_once_even_after_it_was_closed() -> None:
    given(account, OPENED).when(OPEN, seen=at()).refused(R.ACCOUNT_EXISTS)
    given(account, OPENED, restricted("closed")).when(OPEN, seen=at()).refused(R.ACCOUNT_EXISTS)


def test_a_person_gets_powers_and_loses_them() -> None:
    power = Power(person_id="P1", trade=True, limit=D("500.00"), valid_to=date(2025, 1, 1))
    authorised = PersonAuthorised(account_id=A1, power=power)
    state = (
        given(account, OPENED).when(AuthorisePerson(account_id=A1, power=power)).then(authorised)
    )
    assert state.powers == {"P1": power}
    again = given(account, OPENED, authorised)
    again.when(AuthorisePerson(account_id=A1, power=power)).then()
    again.when(RevokePerson(account_id=A1, person_id="P1")).then(
        PersonRevoked(account_id=A1, person_id="P1")
    )
    given(account, OPENED).when(RevokePerson(account_id=A1, person_id="P1")).refused(
        R.PERSON_UNKNOWN
    )


@pytest.mark.parametrize("limit", ["-1", "0", "NaN", "1.001"])
def test_a_limit_is_money(limit: str) -> None:
    power = Power(person_id="P1", limit=D(limit))
    decision = given(account, OPENED).when(AuthorisePerson(account_id=A1, power=power)).decision
    assert decision.refusal in (R.AMOUNT_NOT_POSITIVE, R.AMOUNT_INEXACT)


@pytest.mark.parametrize(
    ("start", "end", "refused"),
    [
        (date(2024, 3, 2), date(2024, 3, 1), True),
        (date(2024, 3, 1), date(2024, 3, 1), False),
        (date(2024, 3, 1), None, False),
        (None, date(2024, 3, 1), False),
    ],
)
def test_a_power_that_ends_before_it_begins_is_refused(
    start: date | None, end: date | None, refused: bool
) -> None:
    power = Power(person_id="U1", trade=True, valid_from=start, valid_to=end)
    result = given(account, OPENED).when(AuthorisePerson(account_id=A1, power=power))
    if refused:
        result.refused(DateRefusal.DATES_OUT_OF_ORDER, first="valid_from", last="valid_to")
    else:
        result.then(PersonAuthorised(account_id=A1, power=power))


def test_the_lot_method_changes_for_later_sales() -> None:
    command = ChangeLotMethod(account_id=A1, lot_method="HIFO")
    changed = LotMethodChanged(account_id=A1, lot_method="HIFO")
    state = given(account, OPENED).when(command).then(changed)
    assert state.lot_method == "HIFO"
    given(account, OPENED, changed).when(command).then()
    given(account, OPENED).when(ChangeLotMethod(account_id=A1, lot_method="x")).refused(
        R.LOT_METHOD_UNKNOWN
    )
    given(account).when(command).refused(R.ACCOUNT_UNKNOWN)


@pytest.mark.parametrize(
    "kind", [k for k in account.COMMANDS if k is not OpenAccount], ids=lambda k: k.__name__
)
def test_a_command_for_an_account_that_does_not_exist_is_refused_for_that_first(kind: Any) -> None:
    nothing_else = dict.fromkeys(kind.__struct_fields__) | {"account_id": "A404"}
    decision = account.decide(kind(**nothing_else), account.INITIAL, at())
    assert decision == refused(R.ACCOUNT_UNKNOWN, account_id="A404")


def test_a_block_is_lifted_to_what_it_interrupted() -> None:
    book = Book()
    book.send(SetClosingOnly(account_id=A1, reason="review overdue"))
    assert book.state.status == "closing_only"
    book.send(BlockAccount(account_id=A1, reason="suspended"))
    assert book.send(BlockAccount(account_id=A1, reason="again")) == ()
    assert book.state.status == "blocked"
    book.send(UnblockAccount(account_id=A1))
    assert book.state.status == "closing_only"
    book.send(UnblockAccount(account_id=A1))
    assert book.state.status == "open"
    assert book.send(UnblockAccount(account_id=A1)).refusal is R.ACCOUNT_NOT_BLOCKED


def test_a_blocked_account_receives_but_does_not_spend() -> None:
    book = Book(OPENED, deposited("1000.00"), restricted("blocked"))
    receipt = DepositCash(account_id=A1, amount=D(1), currency="USD", reference="r")
    assert book.send(receipt).amount == D("1.00")
    for command in (
        WithdrawCash(account_id=A1, amount=D(1), currency="USD", reference="r"),
        reserve(qty="1", amount="1.00"),
        ConvertCurrency(
            account_id=A1,
            fx_id="F1",
            buy_currency="EUR",
            buy_amount=D(1),
            sell_currency="USD",
        ),
    ):
        assert book.send(command).refusal is R.ACCOUNT_NOT_OPEN


def test_closing_only_sells_but_does_not_buy() -> None:
    book = Book(OPENED, deposited("1000.00"))
    book.send(fill("T1", "5", "10.00"))
    book.send(SetClosingOnly(account_id=A1, reason="r"))
    assert book.send(reserve(qty="1", amount="1.00")).refusal is R.CLOSING_ONLY
    assert book.send(reserve("O2", "5", "0", Side.SELL)).amount == D(5)


CLOSE = CloseAccount(account_id=A1)


def test_an_empty_account_closes_and_takes_nothing_more() -> None:
    state = given(account, OPENED).when(CLOSE).then(restricted("closed", ""))
    assert state.status == "closed"
    closed = given(account, OPENED, restricted("closed"))
    closed.when(CLOSE).refused(R.ACCOUNT_NOT_OPEN)
    closed.when(DepositCash(account_id=A1, amount=D(1), currency="USD", reference="r")).refused(
        R.ACCOUNT_NOT_OPEN
    )


def test_cash_shares_and_what_is_under_way_keep_it_open() -> None:
    given(account, OPENED, deposited("1.00")).when(CLOSE).refused(R.ACCOUNT_NOT_EMPTY, USD="1.00")
    book = Book(OPENED, deposited("101.00"))
    book.send(reserve(qty="10", amount="101.00"))
    book.send(fill("T1", "10", "10.00"))
    assert book.send(CLOSE).state == {"US0378331005": "10", "obligations": "1"}
    book.send(confirm("T1", "10", "100.00"))
    assert book.send(CLOSE).state == {"US0378331005": "10"}
    book.send(reserve("O2", "10", "0", Side.SELL))
    assert book.send(CLOSE).state == {"US0378331005": "10", "open_orders": "1"}


def test_an_accrued_fee_keeps_it_open_until_it_is_charged() -> None:
    book = Book(OPENED, deposited("10.00"))
    book.send(
        AccrueFee(
            account_id=A1,
            accrual_date=date(2024, 6, 3),
            fee_base=D(365000),
            annual_rate=D("0.01"),
            currency="USD",
        )
    )
    assert book.send(CLOSE).state == {"USD": "10.00", "accrued_fees": "1"}
    book.send(ChargeFee(account_id=A1, currency="USD", period_end=date(2024, 6, 3)))
    assert book.send(CLOSE).status == "closed"


def test_only_internal_commands_are_internal() -> None:
    internal = {k.__name__ for k in account.COMMANDS if k.INTERNAL}
    assert "BookTrade" in internal
    assert "ReserveForOrder" in internal
    assert internal.isdisjoint({"OpenAccount", "DepositCash", "WithdrawCash", "PostAdjustment"})


def test_the_decider_names_its_streams() -> None:
    assert account.key(OPEN) == A1
    assert account.reads(OPEN) == ("client-K1",)
    assert account.reads(fill("T1", "1", "1")) == ("fx-ecb",)
    assert account.reads(CLOSE) == ()
    assert account.home(account.INITIAL, "account-A1") == A1


@pytest.mark.parametrize(
    ("country", "kind", "taxable"),
    [("US", "cash", True), ("US", "retirement", False), ("DE", "cash", False)],
)
def test_an_account_remembers_whether_its_gains_are_taxed_in_the_us(
    country: str, kind: str, taxable: bool
) -> None:
    client = SimpleNamespace(status="approved", country=country)
    command = OpenAccount(account_id="A9", client_id="K1", base_currency="USD", account_type=kind)
    story = given(account).when(command, seen=at(**{"client-K1": client}))
    assert story.decision[0].us_taxable is taxable
    assert account.evolve(account.INITIAL, story.decision[0]).us_taxable is taxable
