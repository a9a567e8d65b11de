"""Settlement days of real markets: exchange sessions, less days when the payment system is closed.

Sessions come from `exchange_calendars` (imported on first use, since that takes seconds); the
closing days of Fedwire and TARGET are rules (`domain.shared.bank_holidays`). CREST settles on every
London session. A calendar is built once per process and span.
"""

import warnings
from collections.abc import Callable, Iterable
from datetime import date
from functools import cache

from domain.shared.bank_holidays import fedwire_holidays, target_holidays
from domain.shared.settlement_dates import Market, SettlementDays

FROM = date(1990, 1, 1)
EXCHANGES = {Market.US: "XNYS", Market.EU: "XPAR", Market.UK: "XLON"}
"""The exchange whose sessions are taken as the market's."""


@cache
def settlement_days(market: Market, until: date, since: date = FROM) -> SettlementDays:
    """The settlement days of a market from `since` to `until`, both inclusive."""
    closed = frozenset(
        day for year in range(since.year, until.year + 1) for day in CLOSED[market](year)
    )
    days = (day for day in sessions(EXCHANGES[market], until, since) if day not in closed)
    return SettlementDays(market, tuple(days))


@cache
def sessions(mic: str, until: date, since: date = FROM) -> tuple[date, ...]:
    """The trading days of an exchange, ascending, from `since` to `until`."""
    from exchange_calendars import get_calendar  # noqa: PLC0415  two seconds, once

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas warns about the library's calls
        calendar = get_calendar(mic, start=since.isoformat(), end=until.isoformat())
    return tuple(session.date() for session in calendar.sessions)


def _none(year: int) -> Iterable[date]:
    return ()


CLOSED: dict[Market, Callable[[int], Iterable[date]]] = {
    Market.US: fedwire_holidays,
    Market.EU: target_holidays,
    Market.UK: _none,
}
"""The days of a year on which a market's payment system is closed, even if its exchange is open."""
