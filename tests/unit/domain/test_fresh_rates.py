"""Nothing is dealt at an old mark or fixing; a deal names the fixing's day."""

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from domain.account.exchange import ConvertCurrency, FxBooked
from domain.account.refusals import AccountRefusal as R
from domain.account.residues import CashResidue
from domain.shared.freshness import FRESH_DAYS, is_stale
from domain.shared.message import Refused, Seen
from tests.unit.domain.accounts import A1, DAY, FIXING, LISTED, Book, X, at, deposited, opened

D = Decimal
DEAL = ConvertCurrency(
    account_id=A1, fx_id="F1", buy_currency="USD", buy_amount=D(1100), sell_currency="EUR"
)


def book() -> Book:
    return Book(opened(base_currency="EUR"), deposited("2000.00", "EUR"))


def fixed(rate_date: date, on: date) -> Seen:
    return at(on, **{"fx-ecb": replace(FIXING, rate_date=rate_date)})


@pytest.mark.parametrize("age", range(FRESH_DAYS + 1))
def test_a_conversion_at_a_fixing_of_the_last_days_names_its_day(age: int) -> None:
    event = book().send(DEAL, fixed(DAY, DAY + timedelta(days=age)))
    assert isinstance(event, FxBooked)
    assert event.rate_date == DAY
    assert event.dealer_amount + event.margin == D("1002.50")  # 1100 / 1.1 and a quarter percent


@pytest.mark.parametrize("age", [6, 7, 30, 365, 1700])
@pytest.mark.parametrize(("buy", "sell"), [("USD", "EUR"), ("EUR", "USD"), ("USD", "GBP")])
def test_a_conversion_at_an_older_fixing_is_refused_with_its_day_and_age(
    age: int, buy: str, sell: str
) -> None:
    command = replace(DEAL, buy_currency=buy, sell_currency=sell, buy_amount=D(1))
    rich = Book(opened(), *(deposited("2000.00", c) for c in ("EUR", "USD", "GBP")))
    refused = rich.send(command, fixed(DAY, DAY + timedelta(days=age)))
    assert isinstance(refused, Refused) and refused.refusal is R.RATE_STALE
    assert refused.state == {"rate_date": str(DAY), "age_days": str(age), "limit_days": "5"}


def test_a_stated_value_date_does_not_make_an_old_fixing_new() -> None:
    on = DAY + timedelta(days=14)
    result = book().send(replace(DEAL, value_date=on + timedelta(days=3)), fixed(DAY, on))
    assert isinstance(result, Refused) and result.refusal is R.RATE_STALE


def test_the_longest_regular_gap_is_fresh() -> None:
    """Maundy Thursday's fixing serves until the Tuesday after Easter has its own."""
    assert not is_stale(date(2021, 4, 1), date(2021, 4, 6))
    assert is_stale(date(2021, 4, 1), date(2021, 4, 7))


@pytest.mark.parametrize(("age", "refused"), [(0, False), (5, False), (6, True), (900, True)])
def test_the_house_buys_no_residue_at_an_old_mark(age: int, refused: bool) -> None:
    held = Book(opened(), deposited("1000.00"))
    listed = replace(LISTED, qty_increment=D(1))
    mark = SimpleNamespace(price=D("50.01"), currency="USD", price_date=DAY)
    on = DAY + timedelta(days=age)
    result = held.send(
        CashResidue(
            account_id=A1, residue_id="R1", instrument_id="I1", isin=X, reason="step is 1 now",
            requested_by="ann", approved_by="bob",
        ),
        at(on, **{"instrument-I1": listed, "price-I1": mark}),
    )  # fmt: skip
    assert result.refusal is (R.PRICE_STALE if refused else R.NO_RESIDUE)
    if refused:
        assert result.state["price_date"] == str(DAY) and result.state["age_days"] == str(age)
