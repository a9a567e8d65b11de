"""The rule and the real calendars give the dates that the regulators printed."""

from datetime import date

import pytest

from adapters.market.calendars import settlement_days
from domain.shared.settlement_dates import Market, settlement_date
from tests.conformance.settlement_dates import CASES, Case

UNTIL = date(2027, 12, 31)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.market}-{case.trade_date}")
def test_a_trade_settles_on_the_printed_date(case: Case) -> None:
    calendar = settlement_days(Market(case.market), UNTIL)
    assert settlement_date(calendar, case.trade_date) == case.settlement_date, case.source
