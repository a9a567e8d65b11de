"""Published examples of lot accounting, as data: purchases, one or two sales, the result."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

D = Decimal


class Purchase(NamedTuple):
    lot_id: str
    on: date
    qty: Decimal
    cost: Decimal  # charges included


class Sale(NamedTuple):
    on: date
    qty: Decimal
    proceeds: Decimal  # net of charges
    gain: Decimal | None  # None: not in the source


class Case(NamedTuple):
    name: str
    source: str
    method: str
    purchases: tuple[Purchase, ...]
    sales: tuple[Sale, ...]
    remaining_qty: Decimal
    remaining_cost: Decimal
    tolerance: Decimal  # of gains and of the remaining cost: the source's own rounding


_PORTFOLIO_PERFORMANCE = (
    Purchase("first", date(2010, 1, 1), D(109), D("3149.20")),
    Purchase("second", date(2010, 2, 1), D(52), D("1684.92")),
)
_SALE_OF_15 = (Sale(date(2010, 3, 1), D(15), D("531.92"), None),)

_HS284 = (
    Purchase("April 2015", date(2015, 4, 1), D(1000), D("4150.00")),
    Purchase("September 2018", date(2018, 9, 1), D(500), D("2130.00")),
)

CASES = (
    Case(
        "purchase values of 109 + 52 - 15, FIFO",
        "Portfolio Performance, test of capital gains",
        "FIFO",
        _PORTFOLIO_PERFORMANCE,
        _SALE_OF_15,
        D(146),
        D("4400.74"),
        D(0),
    ),
    Case(
        "purchase values of 109 + 52 - 15, moving average",
        "Portfolio Performance, test of capital gains",
        "AVERAGE",
        _PORTFOLIO_PERFORMANCE,
        _SALE_OF_15,
        D(146),
        D("4383.74"),
        D(0),
    ),
    Case(
        "section 104 holding, two disposals (pounds are rounded in the source)",
        "HMRC helpsheet HS284, example 3; figures recalled, not looked up",
        "AVERAGE",
        _HS284,
        (
            Sale(date(2022, 5, 1), D(700), D("3260.00"), D(329)),
            Sale(date(2023, 2, 1), D(400), D("1975.00"), D(300)),
        ),
        D(400),
        D(1675),
        D(1),
    ),
    Case(
        "100 at 49.90 + 5.00, 40 sold at 60.00 - 2.00 - 0.07",
        "the specification's journal, lot L1",
        "FIFO",
        (Purchase("L1", date(2024, 6, 3), D(100), D("4995.00")),),
        (Sale(date(2024, 6, 4), D(40), D("2397.93"), D("399.93")),),
        D(60),
        D("2997.00"),
        D(0),
    ),
)
