"""Settlement days of real markets: exchange sessions less the days its payment system is closed.

Sessions come from `exchange_calendars` (an import of seconds, so it waits until it is needed);
the closing days of Fedwire and TARGET are rules, written out here. CREST settles on every London
session. A calendar is built once per process and span.

Sources: Federal Reserve Bank holidays (a holiday on a Sunday moves to Monday, one on a Saturday
does not move); ECB press releases of 1999-03-31, 1999-07-15 and 2000-12-14 (TARGET).
"""

import warnings
from calendar import monthrange
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import cache

from domain.settlement_dates import Market, SettlementDays

FROM = date(1990, 1, 1)
MONDAY, THURSDAY = 0, 3
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


def fedwire_holidays(year: int) -> Iterable[date]:
    """The days on which the Federal Reserve Banks are closed, weekends aside."""
    fixed = [date(year, 1, 1), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    if year >= 2021:
        fixed.append(date(year, 6, 19))  # Juneteenth
    yield from (day + timedelta(days=1) if day.weekday() == 6 else day for day in fixed)
    yield _nth(year, 1, MONDAY, 3)  # Martin Luther King; New York traded on it until 1997
    yield _nth(year, 2, MONDAY, 3)  # Washington's birthday
    yield _last(year, 5, MONDAY)  # Memorial Day
    yield _nth(year, 9, MONDAY, 1)  # Labor Day
    yield _nth(year, 10, MONDAY, 2)  # Columbus Day
    yield _nth(year, 11, THURSDAY, 4)  # Thanksgiving


def target_holidays(year: int) -> Iterable[date]:
    """The closing days of TARGET, weekends aside; none before it opened in 1999."""
    if year < 1999:
        return
    yield date(year, 1, 1)
    yield date(year, 12, 25)
    if year in {1999, 2001}:
        yield date(year, 12, 31)
    if year >= 2000:
        sunday = easter(year)
        yield sunday - timedelta(days=2)
        yield sunday + timedelta(days=1)
        yield date(year, 5, 1)
        yield date(year, 12, 26)


def easter(year: int) -> date:
    """Easter Sunday in the Gregorian calendar (the anonymous algorithm, Meeus chapter 8)."""
    century, rest = divmod(year, 100)
    golden = year % 19
    epact = (
        19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15
    ) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    correction = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * correction + 114, 31)
    return date(year, month, day + 1)


def _none(year: int) -> Iterable[date]:
    return ()


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _last(year: int, month: int, weekday: int) -> date:
    last = date(year, month, monthrange(year, month)[1])
    return last - timedelta(days=(last.weekday() - weekday) % 7)


CLOSED: dict[Market, Callable[[int], Iterable[date]]] = {
    Market.US: fedwire_holidays,
    Market.EU: target_holidays,
    Market.UK: _none,
}
"""When a market's payment system is closed beyond the days its exchange is."""
