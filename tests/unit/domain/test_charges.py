"""Charges at trade: the schedule by date, place and side; the minimum of an order."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.charges import SECTION_31_RATES, TARIFFS, Charge, charges, estimate
from domain.shared.fix import Side

D = Decimal
DAY = date(2024, 6, 3)


def of(
    side: Side,
    gross: str,
    *,
    country: str = "US",
    currency: str = "USD",
    on: date = DAY,
    before: str = "0",
    charged: str = "0",
) -> dict[str, Decimal]:
    found = charges(
        country,
        side,
        cum_gross_before=D(before),
        gross=D(gross),
        charged_before=D(charged),
        currency=currency,
        on=on,
    )
    return {c.kind: c.amount for c in found}


def test_a_purchase_pays_ten_basis_points() -> None:
    assert of(Side.BUY, "5000.00") == {"commission": D("5.00")}


def test_a_small_order_pays_the_minimum_once_across_its_fills() -> None:
    first = of(Side.BUY, "100.00")
    second = of(Side.BUY, "100.00", before="100.00", charged="1.00")
    third = of(Side.BUY, "4800.00", before="200.00", charged="1.00")
    assert (first, second, third) == ({"commission": D("1.00")}, {}, {"commission": D("4.00")})


@pytest.mark.parametrize(
    ("currency", "gross", "commission"),
    [("JPY", "10000", "100"), ("EUR", "10.00", "1.00"), ("KWD", "10000.000", "10.000")],
)
def test_the_minimum_is_in_the_settlement_currency(
    currency: str, gross: str, commission: str
) -> None:
    found = of(Side.BUY, gross, currency=currency, country="JP")
    assert {k: str(v) for k, v in found.items()} == {"commission": commission}


def test_a_us_sale_pays_section_31_rounded_up_to_the_next_cent() -> None:
    # 2400.00 x 27.80 / 1,000,000 = 0.06672: the journal's J7
    assert of(Side.SELL, "2400.00")["section_31"] == D("0.07")
    assert of(Side.SELL, "1.00")["section_31"] == D("0.01")
    assert "section_31" not in of(Side.BUY, "2400.00")
    assert "section_31" not in of(Side.SELL, "2400.00", country="DE")


@pytest.mark.parametrize(
    ("on", "fee"),
    [
        ("1999-05-03", "33.30"),
        ("2001-12-27", "33.30"),
        ("2001-12-28", "15.00"),
        ("2003-03-31", "25.20"),
        ("2003-04-01", "46.80"),
        ("2014-03-17", "17.40"),
        ("2014-03-18", "22.10"),
        ("2017-07-04", "23.10"),
        ("2019-04-15", "13.00"),
        ("2020-02-18", "22.10"),
        ("2021-02-24", "22.10"),
        ("2021-02-25", "5.10"),
        ("2023-02-26", "22.90"),
        ("2023-02-27", "8.00"),
        ("2025-05-13", "27.80"),
    ],
)
def test_section_31_is_charged_at_the_rate_of_the_trade_date(on: str, fee: str) -> None:
    found = of(Side.SELL, "1000000.00", on=date.fromisoformat(on))
    assert found["section_31"] == D(fee)


def test_since_may_2025_section_31_was_nil_and_nothing_is_posted() -> None:
    assert "section_31" not in of(Side.SELL, "1000000.00", on=date(2025, 5, 14))


def test_schedules_are_in_order_of_date() -> None:
    assert all(a[0] < b[0] for a, b in pairwise(SECTION_31_RATES))
    assert all(a.since < b.since for a, b in pairwise(TARIFFS))
    assert TARIFFS[0].since == date.min


def test_a_uk_purchase_pays_half_a_per_cent_of_stamp_duty_to_its_authority() -> None:
    found = charges(
        "GB",
        Side.BUY,
        cum_gross_before=D(0),
        gross=D("4000.00"),
        charged_before=D(0),
        currency="GBP",
        on=DAY,
    )
    assert found == (
        Charge(kind="commission", amount=D("4.00")),
        Charge(kind="stamp_duty", amount=D("20.00"), authority="HMRC"),
    )
    assert "stamp_duty" not in of(Side.SELL, "4000.00", country="GB", currency="GBP")


def test_the_estimate_is_what_one_fill_of_it_all_would_be_charged() -> None:
    assert estimate("US", Side.BUY, D("5000.00"), "USD", on=DAY) == D("5.00")
    assert estimate("GB", Side.BUY, D("4000.00"), currency="GBP", on=DAY) == D("24.00")
    assert estimate("US", Side.SELL, D("2400.00"), "USD", on=DAY) == D("2.47")


def test_a_lower_tariff_never_gives_commission_back() -> None:
    assert of(Side.BUY, "100.00", before="1000.00", charged="50.00") == {}


@given(st.lists(st.integers(1, 10**7).map(lambda n: D(n).scaleb(-2)), min_size=1, max_size=10))
def test_commission_over_any_partial_fills_is_that_of_one_fill(fills: list[Decimal]) -> None:
    gross = charged = D(0)
    for fill in fills:
        charged += of(
            Side.BUY, str(fill), before=str(gross), charged=str(charged), country="DE"
        ).get("commission", D(0))
        gross += fill
    assert charged == estimate("DE", Side.BUY, sum(fills, D(0)), "USD", on=DAY)
