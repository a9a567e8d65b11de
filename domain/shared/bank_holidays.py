"""When a currency's payment system is closed: rules of its holidays, year by year.

    USD  Fedwire            EUR  TARGET               GBP  CHAPS: bank holidays of England
    CHF  SIC                CAD  Lynx                 JPY  BOJ-NET: national holidays, year's end

For any other currency only weekends, 1 January and 25 December are known.

Sources: Federal Reserve Bank holidays (a holiday on a Sunday moves to Monday, one on a Saturday
does not move); ECB press releases of 1999-03-31, 1999-07-15 and 2000-12-14 (TARGET); Banking and
Financial Dealings Act 1971 with the proclamations since; SIC holidays of SIX Interbank Clearing;
Payments Canada's closures; Japan's act on national holidays with its amendments.
"""

from calendar import monthrange
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import cache

MONDAY, THURSDAY, SATURDAY, SUNDAY = 0, 3, 5, 6
ONE_DAY = timedelta(days=1)
Holidays = Callable[[int], Iterable[date]]


def is_open(currency: str, day: date) -> bool:
    """Whether the currency can be paid on a day."""
    return day.weekday() < SATURDAY and day not in _closed(currency, day.year)


@cache
def _closed(currency: str, year: int) -> frozenset[date]:
    return frozenset(HOLIDAYS.get(currency, other_holidays)(year))


def fedwire_holidays(year: int) -> Iterable[date]:
    """The days on which the Federal Reserve Banks are closed, weekends aside."""
    fixed = [date(year, 1, 1), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    if year >= 2021:
        fixed.append(date(year, 6, 19))  # Juneteenth
    yield from (day + ONE_DAY if day.weekday() == SUNDAY else day for day in fixed)
    yield nth(year, 1, MONDAY, 3)  # Martin Luther King; New York traded on it until 1997
    yield nth(year, 2, MONDAY, 3)  # Washington's birthday
    yield last(year, 5, MONDAY)  # Memorial Day
    yield nth(year, 9, MONDAY, 1)  # Labor Day
    yield nth(year, 10, MONDAY, 2)  # Columbus Day
    yield nth(year, 11, THURSDAY, 4)  # Thanksgiving


def target_holidays(year: int) -> Iterable[date]:
    """The closing days of TARGET, weekends aside; none before it opened in 1999."""
    if year < 1999:
        return
    yield date(year, 1, 1)
    yield date(year, 12, 25)
    if year in {1999, 2001}:
        yield date(year, 12, 31)
    if year >= 2000:
        yield from _good_friday_and_easter_monday(year)
        yield date(year, 5, 1)
        yield date(year, 12, 26)


def english_holidays(year: int) -> Iterable[date]:
    """Bank holidays of England, on which CHAPS is closed."""
    yield _moved_to_weekday(date(year, 1, 1))
    yield from _good_friday_and_easter_monday(year)
    yield _ENGLISH_MOVED.get((year, 5, 1), nth(year, 5, MONDAY, 1))
    yield _ENGLISH_MOVED.get((year, 5, 31), last(year, 5, MONDAY))
    yield last(year, 8, MONDAY)
    yield from _christmas_and_boxing_day(year)
    yield from (day for day in _ENGLISH_EXTRA if day.year == year)


_ENGLISH_MOVED = {
    (1995, 5, 1): date(1995, 5, 8),  # fifty years after the war
    (2020, 5, 1): date(2020, 5, 8),  # seventy-five
    (2002, 5, 31): date(2002, 6, 4),  # golden jubilee
    (2012, 5, 31): date(2012, 6, 4),  # diamond jubilee
    (2022, 5, 31): date(2022, 6, 2),  # platinum jubilee
}
_ENGLISH_EXTRA = (
    date(1999, 12, 31),
    date(2002, 6, 3),
    date(2011, 4, 29),
    date(2012, 6, 5),
    date(2022, 6, 3),
    date(2022, 9, 19),
    date(2023, 5, 8),
)


def swiss_holidays(year: int) -> Iterable[date]:
    """The holidays of Swiss Interbank Clearing; none moves off a weekend."""
    yield from (date(year, m, d) for m, d in ((1, 1), (1, 2), (8, 1), (12, 25), (12, 26)))
    yield from _good_friday_and_easter_monday(year)
    yield easter(year) + timedelta(days=39)  # Ascension
    yield easter(year) + timedelta(days=50)  # Whit Monday


def canadian_holidays(year: int) -> Iterable[date]:
    """The days on which Canadian banks do not pay."""
    yield _moved_to_weekday(date(year, 1, 1))
    if year >= 2008:
        yield nth(year, 2, MONDAY, 3)  # Family Day
    yield easter(year) - timedelta(days=2)
    yield _monday_before(date(year, 5, 25))  # Victoria Day
    yield _moved_to_weekday(date(year, 7, 1))
    yield nth(year, 8, MONDAY, 1)  # Civic Holiday
    yield nth(year, 9, MONDAY, 1)
    if year >= 2021:
        yield _moved_to_weekday(date(year, 9, 30))  # Truth and Reconciliation
    yield nth(year, 10, MONDAY, 2)  # Thanksgiving
    yield _moved_to_weekday(date(year, 11, 11))  # Remembrance Day
    yield from _christmas_and_boxing_day(year)


def japanese_holidays(year: int) -> Iterable[date]:
    """National holidays of Japan with their substitutes, and the days about the new year."""
    yield from (date(year, m, d) for m, d in ((1, 2), (1, 3), (12, 31)))
    national = set(_japanese_national(year))
    yield from national
    for day in national:
        if day.weekday() == SUNDAY:
            yield _first_free(day, national)
        if day + 2 * ONE_DAY in national and (day + ONE_DAY).weekday() != SUNDAY:
            yield day + ONE_DAY  # between two holidays (1985 act)


def _japanese_national(year: int) -> Iterable[date]:
    yield from (date(year, m, d) for m, d in ((1, 1), (2, 11), (4, 29), (5, 3), (5, 5)))
    yield from (date(year, m, d) for m, d in ((11, 3), (11, 23)))
    yield nth(year, 1, MONDAY, 2) if year >= 2000 else date(year, 1, 15)
    yield date(year, 3, _equinox(year, 20_843_100))
    yield date(year, 9, _equinox(year, 23_248_800))
    if year >= 2007:
        yield date(year, 5, 4)  # before, a day between two holidays
    yield from _japanese_movable(year)
    yield from _japanese_emperor(year)


def _japanese_movable(year: int) -> Iterable[date]:
    """Holidays on a Monday of the month, which had dates of their own in the Olympic years."""
    marine, mountain, sports = _OLYMPIC.get(year, (None, None, None))
    if year >= 1996:
        yield marine or (nth(year, 7, MONDAY, 3) if year >= 2003 else date(year, 7, 20))
    if year >= 2016:
        yield mountain or date(year, 8, 11)
    yield nth(year, 9, MONDAY, 3) if year >= 2003 else date(year, 9, 15)
    yield sports or (nth(year, 10, MONDAY, 2) if year >= 2000 else date(year, 10, 10))


_OLYMPIC = {
    2020: (date(2020, 7, 23), date(2020, 8, 10), date(2020, 7, 24)),
    2021: (date(2021, 7, 22), date(2021, 8, 8), date(2021, 7, 23)),
}


def _japanese_emperor(year: int) -> Iterable[date]:
    if 1989 <= year <= 2018:
        yield date(year, 12, 23)
    elif year == 2019:
        yield from (date(2019, 5, 1), date(2019, 10, 22))
    elif year >= 2020:
        yield date(year, 2, 23)
    if year == 1993:
        yield date(1993, 6, 9)


def _equinox(year: int, base: int) -> int:
    """Day of the month, by the formula of the National Astronomical Observatory for 1980-2099.

    `base` is that of 1980, in millionths of a day.
    """
    return (base + 242_194 * (year - 1980)) // 1_000_000 - (year - 1980) // 4


def _first_free(day: date, taken: set[date]) -> date:
    while day in taken:
        day += ONE_DAY
    return day


def other_holidays(year: int) -> Iterable[date]:
    """The days on which any other payment system is assumed to be closed."""
    return (date(year, 1, 1), date(year, 12, 25))


HOLIDAYS: dict[str, Holidays] = {
    "USD": fedwire_holidays,
    "EUR": target_holidays,
    "GBP": english_holidays,
    "CHF": swiss_holidays,
    "CAD": canadian_holidays,
    "JPY": japanese_holidays,
}


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


def nth(year: int, month: int, weekday: int, n: int) -> date:
    """The n-th such weekday of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def last(year: int, month: int, weekday: int) -> date:
    """The last such weekday of a month."""
    end = date(year, month, monthrange(year, month)[1])
    return end - timedelta(days=(end.weekday() - weekday) % 7)


def _good_friday_and_easter_monday(year: int) -> Iterable[date]:
    sunday = easter(year)
    return (sunday - 2 * ONE_DAY, sunday + ONE_DAY)


def _moved_to_weekday(day: date) -> date:
    """The day itself, or the Monday after the weekend that it falls on."""
    return day + timedelta(days=7 - day.weekday()) if day.weekday() >= SATURDAY else day


def _monday_before(day: date) -> date:
    return day - timedelta(days=(day.weekday() - 1) % 7 + 1)


def _christmas_and_boxing_day(year: int) -> Iterable[date]:
    """25 and 26 December; one on a weekend moves to a free weekday after it."""
    christmas, boxing = date(year, 12, 25), date(year, 12, 26)
    match christmas.weekday():
        case 4:  # Friday: Boxing Day on Saturday
            return (christmas, boxing + 2 * ONE_DAY)
        case 5:
            return (christmas + 2 * ONE_DAY, boxing + 2 * ONE_DAY)
        case 6:
            return (christmas + 2 * ONE_DAY, boxing)
        case _:
            return (christmas, boxing)
