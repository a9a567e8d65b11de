"""The postings of an event, computed once for all views that sum them.

The run loop hands one event to every view before it takes the next, so remembering the last
event's postings is enough.
"""

from domain import ledger
from domain.ledger import Posting
from domain.shared.envelope import Envelope
from domain.shared.money import MINOR_UNITS, is_currency

POSTING = frozenset(ledger.ENTRIES)
"""The events that post."""
CURRENCIES = frozenset(MINOR_UNITS)
"""The units of postings that are money; any other unit is an ISIN."""

_last: tuple[object, tuple[Posting, ...]] = (None, ())


def posted(arrived: Envelope) -> tuple[Posting, ...]:
    """Every line that the event posts, in the journal's order; () for most events."""
    global _last  # noqa: PLW0603 (a cache: the same event has the same postings)
    event, postings = _last
    if event is not arrived.event:
        found = ledger.entries(arrived.event)
        postings = tuple(posting for entry in found for posting in entry.postings)
        _last = (arrived.event, postings)
    return postings


def is_cash(posting: Posting) -> bool:
    """Whether the unit is a currency rather than an ISIN."""
    return is_currency(posting.unit)
