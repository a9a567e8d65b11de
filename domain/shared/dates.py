"""Dates that a command states: which may lie ahead, and which have to have come.

    may be ahead      expire_at, available_on, review_on, effective_from, settl_date, the value
                      date of a conversion, the end of a power or of a document
    has to have come  everything that says when something was so: a price, a rate, a fee's day,
                      the end of a charged period, interest, a screening, an issue, a birth, a trade

What is taken here decides figures for good: a log forgets nothing, and the newest date wins.
"""

from datetime import date

from domain.shared.message import Refusal, Refused, refused

EARLIEST = date(1900, 1, 1)


class DateRefusal(Refusal):
    DATE_IN_FUTURE = "date_in_future"
    DATE_TOO_EARLY = "date_too_early"
    DATES_OUT_OF_ORDER = "dates_out_of_order"


def bad_date(
    field: str, day: date | None, today: date, *, earliest: date = EARLIEST
) -> Refused | None:
    """Declines a stated date that has not come, or lies before all books; None is no date.

    Args:
        today: by the clock of the market that the date is of, or else of the house.
    """
    if day is None:
        return None
    if day > today:
        return refused(DateRefusal.DATE_IN_FUTURE, field=field, today=today)
    if day < earliest:
        return refused(DateRefusal.DATE_TOO_EARLY, field=field, earliest=earliest)
    return None


def bad_span(first: str, begin: date | None, last: str, end: date | None) -> Refused | None:
    """Declines a span that ends before it begins, by the names of its fields."""
    if begin is None or end is None or begin <= end:
        return None
    return refused(DateRefusal.DATES_OUT_OF_ORDER, first=first, last=last)
