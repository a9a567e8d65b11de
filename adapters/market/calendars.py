"""Settlement days of real markets: exchange sessions less the days its payment system is closed.

Sessions come from `exchange_calendars` (an import of seconds, so it waits until it is needed);
the closing days of Fedwire and TARGET are rules (`domain.shared.bank_holidays`). CREST settles on
every London session. A calendar is built once per process and span.
"""

import warnings
from collections.abc import Callable, Iterable
from datetime import date
from functools import cache

from domain.shared.bank_holidays import fedwire_holidays, target_holidays
from domain.shared.settlement_dates import Market, SettlementDays

FROM = date(1990, 1, 1)
EXCHANGES = {Market.US: "XNYS", Market.EU: "XPAR", Market.UK: "XLON"}
"""The exchange whose sessions stand for the market's."""


@cache
def settlement_days(market: Market, until: date, since: date = FROM) -> SettlementDays:
    """The settlement days of a market from `since` to `until`, both included if they are one."""
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
        warnings.simplefilter("ignore")  # of pandas about how the library calls it
        calendar = get_calendar(mic, start=since.isoformat(), end=until.isoformat())
    return tuple(session.date() for session in calendar.sessions)


def _none(year: int) -> Iterable[date]:
    return ()


CLOSED: dict[Market, Callable[[int], Iterable[date]]] = {
    Market.US: fedwire_holidays,
    Market.EU: target_holidays,
    Market.UK: _none,
}
"""When a market's payment system is closed beyond the days its exchange is."""
