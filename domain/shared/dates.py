"""Dates that a command states: which may lie in the future, and which may not.

    may be in the future  expire_at, available_on, review_on, effective_from, settl_date, the value
                          date of a conversion, the end of a power or of a document
    may not               every date at which something was so: a price, a rate, a fee's day, the
                          end of a charged period, interest, a screening, an issue, a birth, a trade

An accepted date decides figures for good: the log keeps every event, and the newest date wins.
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
    """Refuse a stated date that is after `today` or before `earliest`; None is no date.

    Args:
        today: the date in the market that the stated date belongs to, or else in the house.
    """
    if day is None:
        return None
    if day > today:
        return refused(DateRefusal.DATE_IN_FUTURE, field=field, today=today)
    if day < earliest:
        return refused(DateRefusal.DATE_TOO_EARLY, field=field, earliest=earliest)
    return None


def bad_span(first: str, begin: date | None, last: str, end: date | None) -> Refused | None:
    """Refuse a span that ends before it begins; `first` and `last` are its field names."""
    if begin is None or end is None or begin <= end:
        return None
    return refused(DateRefusal.DATES_OUT_OF_ORDER, first=first, last=last)
