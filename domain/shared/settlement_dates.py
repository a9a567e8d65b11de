"""Settlement dates: trade date plus n settlement days, n by the market's rule on the trade date.

A settlement day is an exchange session on which the payment system works too: on Columbus Day
and Veterans Day New York trades but does not settle. Calendars arrive as values (`SettlementDays`);
`adapters.market.calendars` builds them from real ones.

Source: domain rule 8. US: SEC rule 15c6-1 as amended (T+3 1995-06-07, T+2 2017-09-05, T+1
2024-05-28). EU: regulation 909/2014 article 5 (T+2 2014-10-06) as amended by 2025/2075 (T+1
2027-10-11). UK: the retained regulation, and HM Treasury's announced T+1 date 2027-10-11.
"""

from bisect import bisect_left, bisect_right
from datetime import date
from enum import StrEnum

from msgspec import Struct


class Market(StrEnum):
    """A settlement area: one cycle and one calendar."""

    US = "US"
    EU = "EU"
    UK = "UK"


CYCLES: dict[Market, tuple[tuple[date, int], ...]] = {
    Market.US: (
        (date.min, 5),
        (date(1995, 6, 7), 3),
        (date(2017, 9, 5), 2),
        (date(2024, 5, 28), 1),
    ),
    Market.EU: ((date.min, 3), (date(2014, 10, 6), 2), (date(2027, 10, 11), 1)),
    Market.UK: ((date.min, 3), (date(2014, 10, 6), 2), (date(2027, 10, 11), 1)),
}
"""Market -> (first trade date, settlement days after it), in order of date. Before 2014 the EU
had no common rule: 3 was the custom of most of its markets."""

_EURO = "AT BE CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK"
MARKETS = {"US": Market.US, "GB": Market.UK} | dict.fromkeys(_EURO.split(), Market.EU)
"""Country of a market (ISO 3166) -> where it settles. Other members of the EU have currencies and
holidays of their own: none of our calendars applies to them."""


class OutsideCalendar(Exception):
    """The calendar does not reach the requested date: build a longer one."""


class SettlementDays(Struct, frozen=True):
    """A market's settlement days, ascending, without a gap between the first and the last."""

    market: Market
    days: tuple[date, ...]

    def __contains__(self, day: date) -> bool:
        i = bisect_left(self.days, day)
        return i < len(self.days) and self.days[i] == day

    def after(self, day: date, n: int) -> date:
        """The n-th settlement day after `day` (n >= 1), whether or not `day` is one itself.

        Raises:
            OutsideCalendar: `day` lies before the first day, or the answer after the last.
        """
        i = bisect_right(self.days, day) + n - 1
        if not self.days or day < self.days[0] or i >= len(self.days):
            raise OutsideCalendar(f"{self.market}: {n} settlement days after {day}")
        return self.days[i]

    def before(self, day: date, n: int) -> date:
        """The n-th settlement day before `day` (n >= 1).

        Raises:
            OutsideCalendar: `day` lies after the last day, or the answer before the first.
        """
        i = bisect_left(self.days, day) - n
        if not self.days or day > self.days[-1] or i < 0:
            raise OutsideCalendar(f"{self.market}: {n} settlement days before {day}")
        return self.days[i]

    def on_or_after(self, day: date) -> date:
        """`day` itself if it is a settlement day, otherwise the next one."""
        return day if day in self else self.after(day, 1)


def cycle(market: Market, trade_date: date) -> int:
    """Settlement days from trade to settlement, by the rule in force on the trade date."""
    rules = CYCLES[market]
    return rules[bisect_right(rules, trade_date, key=lambda rule: rule[0]) - 1][1]


def settlement_date(calendar: SettlementDays, trade_date: date) -> date:
    """When a regular-way trade settles.

    Raises:
        OutsideCalendar: the calendar does not reach that far.
    """
    return calendar.after(trade_date, cycle(calendar.market, trade_date))


def market_of(country: str) -> Market | None:
    """Where trades on a country's exchanges settle; None: we have no calendar."""
    return MARKETS.get(country)
