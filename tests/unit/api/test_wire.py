"""Numbers as text: a quantity has no trailing zeros or exponent, money keeps its cents."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http import wire

FIGURES = st.decimals(
    min_value=Decimal("-1e12"), max_value=Decimal("1e12"), allow_nan=False, places=12
)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("245.0", "245"), ("245", "245"), ("0.50", "0.5"), ("0.000", "0"), ("-0.0", "0"),
        ("-3.10", "-3.1"), ("100", "100"), ("1E+3", "1000"), ("1E-7", "0.0000001"), ("0E-9", "0"),
    ],
)  # fmt: skip
def test_a_quantity_has_no_zeros_behind_its_last_digit(number: str, text: str) -> None:
    assert wire.quantity(Decimal(number)) == text


@given(FIGURES, FIGURES)
def test_a_quantity_is_the_same_text_after_something_came_and_went(
    held: Decimal, by: Decimal
) -> None:
    text = wire.quantity(held)
    assert wire.quantity(held + by - by) == text
    assert Decimal(text) == held
    assert "E" not in text and text != "-0"


def test_an_amount_of_money_keeps_its_decimals_and_shares_are_plain() -> None:
    assert wire.amount(Decimal("10.00"), "USD") == "10.00"
    assert wire.amount(Decimal("10.00"), "US0378331005") == "10"
