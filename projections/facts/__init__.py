"""Facts: what the warehouse keeps of each event, as typed rows that are only ever appended.

    envelope                     --about--> the columns that every row of the event has
    (envelope, its stored bytes) --facts--> rows of `events`, postings, fills, prices, rates

A fact's key is (position, leg): leg counts the rows that one event gives to one table, from 0, so
a fact that is loaded twice is the same row. Nothing is summed or updated: as-of T known at K is a
query (`effective_at <= T and committed_at <= K`). Personal data never gets here in clear: the
payload is the stored bytes, in which it is ciphertext, and no other column is personal.

Column types follow the annotations (`adapters.warehouse.columns`); a `Repeating` text has few
distinct values.
"""

from collections.abc import Iterator, Mapping

from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.facts import fills, market
from projections.facts.base import Fact, Rows, Source
from projections.facts.events import EventFact, event_fact
from projections.facts.fills import FillFact
from projections.facts.market import PriceFact, RateFact
from projections.facts.postings import PostingFact, posting_facts

VERSION = 3  # raise it when a fact's meaning changes: the next start loads everything again
FACTS: tuple[type[Fact], ...] = (EventFact, PostingFact, FillFact, PriceFact, RateFact)
"""The tables. A new one is a module here and a line in FACTS and SOURCES."""

SOURCES: Mapping[type[Event], Source] = {**fills.SOURCES, **market.SOURCES}
"""By type of event; a `match` instead would take a tenth of the loader's time."""


def facts(arrived: Envelope, metadata: bytes, payload: bytes) -> Iterator[Rows]:
    """All rows of one event; `metadata` and `payload` are its exact stored bytes."""
    yield EventFact, (event_fact(arrived, metadata, payload),)
    yield PostingFact, posting_facts(arrived)
    if source := SOURCES.get(type(arrived.event)):
        yield source.fact, list(source.rows(arrived.event))
