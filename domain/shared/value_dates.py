"""Value dates of foreign exchange: when the two currencies of a deal are paid.

    spot    the second business day after the deal; the first of USD against CAD, TRY, PHP, RUB
    stated  any day from the deal's on, on which both currencies can be paid

On the value date both currencies must be open, and the dollar too: a cross is dealt through it.
On the day between deal and value date the dollar may be closed; every other currency of the pair
must be open.

Source: the foreign exchange market's convention for spot dates, as its dealers publish it (EUR/USD
dealt on Friday 2023-06-16 is paid on Tuesday the 20th, though Monday was a holiday of the dollar).
"""

from datetime import date, timedelta

from domain.shared.bank_holidays import is_open

DOLLAR = "USD"
NEXT_DAY = frozenset({"CAD", "TRY", "PHP", "RUB"})
"""Against these the dollar is paid on the next business day."""


def spot_date(first: str, second: str, deal_date: date) -> date:
    """When a deal between two currencies is paid if nothing else is stated."""
    pair = {first, second}
    if DOLLAR in pair and pair & NEXT_DAY:
        return _next(pair, deal_date)
    between = _next(pair - {DOLLAR}, deal_date)
    return _next(pair | {DOLLAR}, between)


def closed(first: str, second: str, day: date) -> tuple[str, ...]:
    """Those of the two currencies that cannot be paid on a day."""
    return tuple(currency for currency in (first, second) if not is_open(currency, day))


def _next(currencies: set[str], day: date) -> date:
    day += timedelta(days=1)
    while not all(is_open(currency, day) for currency in currencies):
        day += timedelta(days=1)
    return day
