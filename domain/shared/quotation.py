"""Quotation: the unit in which a price is quoted, and the money that it settles in.

Most prices are quoted in a currency. Some exchanges quote in a hundredth of one: London in pence
(GBX), Tel Aviv in agorot (ILA), Johannesburg in cents (ZAC). A price in such a unit is money in
its currency after one fixed factor. No other pair of unit and currency is the same money: between
those a rate would be needed, and a listing states none.
"""

from decimal import Decimal

from domain.shared.money import EXACT, PRICE_DECIMALS, is_currency, plain, quantise

ONE = Decimal(1)
QUOTE_UNITS = {
    "GBX": ("GBP", Decimal("0.01")),
    "ILA": ("ILS", Decimal("0.01")),
    "ZAC": ("ZAR", Decimal("0.01")),
}
"""Minor quote unit -> (its currency, units of that currency per quote unit)."""


def is_quote_unit(unit: str) -> bool:
    """Whether prices can be quoted in it: a currency, or one of the minor units."""
    return unit in QUOTE_UNITS or is_currency(unit)


def money_of(unit: str) -> tuple[str, Decimal]:
    """The currency in which a quote in `unit` settles, and how much of it one unit is."""
    return QUOTE_UNITS.get(unit, (unit, ONE))


def factor(unit: str, currency: str) -> Decimal | None:
    """Units of `currency` in one quote unit; None where the two are not the same money."""
    settles_in, units = money_of(unit)
    return units if settles_in == currency else None


def requoted(price: Decimal, unit: str, into: str) -> Decimal | None:
    """A price in `unit`, restated in the unit `into`; None where they are not the same money.

    Rounded to the decimals of a price, half to even.
    """
    if unit == into:
        return price
    (currency, units), (other, per) = money_of(unit), money_of(into)
    if currency != other:
        return None
    restated = EXACT.divide(EXACT.multiply(price, units), per)
    return plain(quantise(restated, PRICE_DECIMALS))
