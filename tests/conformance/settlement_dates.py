"""Settlement dates as the regulators' own schedules print them. Data only: (market, trade date,
settlement date, where it is printed or which rule gives it).

US schedules: notices to members of the NASD, later FINRA, on finra.org by number. Columbus Day,
Veterans Day and, until 1997, Martin Luther King's birthday trade but do not settle.
"""

from datetime import date
from typing import NamedTuple


class Case(NamedTuple):
    market: str
    trade_date: date
    settlement_date: date
    source: str


def _case(market: str, trade: str, settles: str, source: str) -> Case:
    return Case(market, date.fromisoformat(trade), date.fromisoformat(settles), source)


def _schedule(source: str, *pairs: str) -> tuple[Case, ...]:
    """US rows as printed: "1995-10-02 10-05" (the settlement month and day in the same year)."""
    rows = (pair.split() for pair in pairs)
    return tuple(_case("US", trade, f"{trade[:4]}-{day}", source) for trade, day in rows)


CASES = (
    *_schedule("Veterans Day 1992", "1992-11-10 11-18", "1992-11-11 11-18"),
    *_schedule(
        "NTM 94-49, Independence Day",
        "1994-06-24 07-01",
        "1994-06-27 07-05",
        "1994-06-28 07-06",
        "1994-06-29 07-07",
        "1994-06-30 07-08",
        "1994-07-01 07-11",
        "1994-07-05 07-12",
    ),
    *_schedule(
        "NTM 95-77, Columbus Day",
        "1995-10-02 10-05",
        "1995-10-03 10-06",
        "1995-10-04 10-10",
        "1995-10-05 10-11",
        "1995-10-06 10-12",
        "1995-10-09 10-12",
        "1995-10-10 10-13",
    ),
    *_schedule(
        "NTM 96-90: 1997-01-20 trades, does not settle", "1997-01-17 01-23", "1997-01-20 01-23"
    ),
    *_schedule(
        "NTM 97-93, the year 1998",
        "1998-01-12 01-15",
        "1998-01-13 01-16",
        "1998-01-14 01-20",
        "1998-01-15 01-21",
        "1998-01-16 01-22",
        "1998-01-20 01-23",
        "1998-02-11 02-17",
        "1998-02-13 02-19",
        "1998-02-17 02-20",
        "1998-04-02 04-07",
        "1998-04-07 04-13",
        "1998-04-09 04-15",
        "1998-04-13 04-16",
        "1998-05-20 05-26",
        "1998-05-22 05-28",
        "1998-05-26 05-29",
    ),
    *_schedule(
        "NTM 99-83, Columbus Day",
        "1999-10-05 10-08",
        "1999-10-06 10-12",
        "1999-10-07 10-13",
        "1999-10-08 10-14",
        "1999-10-11 10-14",
        "1999-10-12 10-15",
    ),
    *_schedule("Columbus Day 2021, T+2", "2021-10-08 10-13", "2021-10-11 10-13"),
    *_schedule(
        "T+3 to T+2: one day settles two trade dates", "2017-09-01 09-07", "2017-09-05 09-07"
    ),
    *_schedule(
        "T+2 to T+1: one day settles two trade dates", "2024-05-24 05-29", "2024-05-28 05-29"
    ),
    *_schedule(
        "a Veterans Day on a Saturday does not move", "2006-11-09 11-14", "2006-11-10 11-15"
    ),
    *_schedule("a Veterans Day on a Sunday moves to Monday", "2018-11-09 11-14"),
    _case("EU", "2014-10-03", "2014-10-08", "the last day of T+3: 3 TARGET days"),
    _case("EU", "2014-10-06", "2014-10-08", "the first day of T+2"),
    _case("EU", "2024-03-28", "2024-04-03", "Good Friday and Easter Monday close TARGET"),
    _case("EU", "2024-04-30", "2024-05-03", "1 May closes TARGET"),
    _case("EU", "2023-12-22", "2023-12-28", "25 and 26 December close TARGET"),
    _case("EU", "2027-10-08", "2027-10-12", "the last day of T+2"),
    _case("EU", "2027-10-11", "2027-10-12", "the first day of T+1"),
    _case("UK", "2014-10-03", "2014-10-08", "the last day of T+3"),
    _case("UK", "2014-10-06", "2014-10-08", "the first day of T+2"),
    _case("UK", "2024-03-28", "2024-04-03", "Good Friday and Easter Monday"),
    _case("UK", "2024-05-03", "2024-05-08", "the early May bank holiday"),
    _case("UK", "2022-06-01", "2022-06-07", "the Platinum Jubilee, 2 and 3 June"),
    _case("UK", "2027-10-11", "2027-10-12", "the first day of T+1"),
)
