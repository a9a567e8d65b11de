"""What can go wrong, and where.

A *site* is a place at which the world may intervene: a call to a store, a message on its way, a
barrier of the simulated day. The n-th time that any process comes to a site, the schedule
decides what happens there, if anything.
"""

from enum import StrEnum


class Kind(StrEnum):
    """One fault. `CHANGES_ORDER` and `CHANGES_FIGURES` state what it may change."""

    CRASH_BEFORE = "crash_before"  # the process dies; nothing of the call was done
    CRASH_WITHIN = "crash_within"  # ... the first half of the batch was
    CRASH_AFTER = "crash_after"  # ... all of it was, and no caller got an answer
    LOST_TAIL = "lost_tail"  # a process dies, and derived stores lose their last writes
    UNAVAILABLE = "unavailable"  # an error, nothing was done
    HALF_DONE = "half_done"  # an error, the first half of the batch was done
    UNANSWERED = "unanswered"  # an error, all of it was done
    LATE = "late"  # an error, and all of it is done a while later, if it still fits
    STALL = "stall"  # the call takes long; everything else goes on
    FREEZE = "freeze"  # the process is paused, another takes over, then it continues
    RIVAL = "rival"  # a second process runs beside for a while
    PAGE_CUT = "page_cut"  # a page of the log ends early
    PAGE_AGAIN = "page_again"  # a page begins with what was delivered before
    CLOCK_AHEAD = "clock_ahead"  # the process's clock steps forward
    CLOCK_BACK = "clock_back"
    MESSAGE_LOST = "message_lost"  # the session breaks before it arrives
    MESSAGE_SILENTLY_LOST = "message_silently_lost"  # ... and that is noticed later
    MESSAGE_UNANSWERED = "message_unanswered"  # the session breaks when it has arrived
    MESSAGE_DOUBLED = "message_doubled"
    MESSAGE_DELAYED = "message_delayed"
    MESSAGE_OVERTAKEN = "message_overtaken"  # by the next one
    REPORT_LOST = "report_lost"  # the session breaks; it is sent again in the next
    REPORT_DOUBLED = "report_doubled"
    REPORT_DELAYED = "report_delayed"
    REPORT_OVERTAKEN = "report_overtaken"  # by all that came with it
    REPORT_HELD = "report_held"  # until a later moment of the day


CHANGES_ORDER = frozenset({Kind.REPORT_LOST, Kind.REPORT_DELAYED, Kind.REPORT_OVERTAKEN})
"""Reports arrive in another order, so trades get other numbers. That changes their charges (by
cents: they depend on what the order has paid so far) and their settlement (the custodian's dice use
the number). Orders still end in the same way, by the same executions."""
CHANGES_FIGURES = frozenset(
    {Kind.CLOCK_AHEAD, Kind.CLOCK_BACK, Kind.MESSAGE_OVERTAKEN, Kind.REPORT_HELD}
)
"""Counterparties may do other things, or at other times; every other law holds."""

TOLD_OTHERWISE = frozenset(
    {
        Kind.CLOCK_AHEAD,
        Kind.CLOCK_BACK,
        Kind.MESSAGE_OVERTAKEN,
        Kind.MESSAGE_DELAYED,
        Kind.MESSAGE_SILENTLY_LOST,
    }
)
"""A counterparty that has lost its state, and gets its messages again in another order or at other
times, would do other things than it did first. No real one takes back what it reported."""

APPEND, READ, PAGE, FOLDED = "log.append", "log.read", "log.page", "log.folded"
SAGA_WRITE, SAGA_READ = "sagas.write", "sagas.read"
VIEW_WRITE, VIEW_READ = "views.write", "views.read"
BOOK, KEY = "statement.book", "keys.write"
SUBMIT, REPORT, MOMENT = "street.submit", "street.report", "moment"

CRASHES = frozenset({Kind.CRASH_BEFORE, Kind.CRASH_WITHIN, Kind.CRASH_AFTER, Kind.LOST_TAIL})
_DERIVED = (
    Kind.CRASH_BEFORE,
    Kind.CRASH_AFTER,
    Kind.LOST_TAIL,
    Kind.UNAVAILABLE,
    Kind.UNANSWERED,
    Kind.STALL,
    Kind.FREEZE,
)

POSSIBLE: dict[str, tuple[Kind, ...]] = {
    APPEND: (
        Kind.CRASH_BEFORE,
        Kind.CRASH_WITHIN,
        Kind.CRASH_AFTER,
        Kind.UNAVAILABLE,
        Kind.HALF_DONE,
        Kind.UNANSWERED,
        Kind.LATE,
        Kind.STALL,
        Kind.FREEZE,
        Kind.CLOCK_AHEAD,
        Kind.CLOCK_BACK,
    ),
    READ: (Kind.UNAVAILABLE, Kind.STALL, Kind.FREEZE),
    PAGE: (Kind.PAGE_CUT,),
    FOLDED: (Kind.PAGE_AGAIN,),
    SAGA_WRITE: _DERIVED,
    SAGA_READ: (Kind.UNAVAILABLE, Kind.STALL, Kind.CLOCK_AHEAD, Kind.CLOCK_BACK),
    VIEW_WRITE: _DERIVED,
    VIEW_READ: (Kind.UNAVAILABLE, Kind.STALL),
    BOOK: (Kind.CRASH_BEFORE, Kind.CRASH_AFTER),
    KEY: (Kind.CRASH_BEFORE, Kind.CRASH_AFTER),
    SUBMIT: (
        Kind.CRASH_BEFORE,
        Kind.CRASH_AFTER,
        Kind.FREEZE,
        Kind.MESSAGE_LOST,
        Kind.MESSAGE_SILENTLY_LOST,
        Kind.MESSAGE_UNANSWERED,
        Kind.MESSAGE_DOUBLED,
        Kind.MESSAGE_DELAYED,
        Kind.MESSAGE_OVERTAKEN,
    ),
    REPORT: (
        Kind.REPORT_LOST,
        Kind.REPORT_DOUBLED,
        Kind.REPORT_DELAYED,
        Kind.REPORT_OVERTAKEN,
        Kind.REPORT_HELD,
    ),
    MOMENT: (Kind.RIVAL, Kind.CLOCK_AHEAD, Kind.CLOCK_BACK),
}
"""Which faults a site may have."""
