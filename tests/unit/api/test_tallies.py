"""Tallies give the same text at a scrape as prometheus-client's own counter and histogram."""

import re

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from api.http.metrics import SECONDS
from api.http.tallies import Spreads, Tallies

NAMES = st.sampled_from(["DepositCash", "PlaceOrder"])
TIMES = st.one_of(st.sampled_from(SECONDS), st.floats(0, 20))


def text(registry: CollectorRegistry) -> str:
    """A scrape, without the moments at which the series began."""
    return re.sub(r"(?m)(_created.*}) .*$", r"\1", generate_latest(registry).decode())


@given(st.lists(st.tuples(NAMES, TIMES), max_size=20))
def test_times_are_counted_as_by_a_histogram(seen: list[tuple[str, float]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    spreads = Spreads("took", "Time", ("name",), limits=SECONDS)
    ours.register(spreads)
    histogram = Histogram("took", "Time", ("name",), buckets=SECONDS, registry=theirs)
    for name, seconds in seen:
        spreads.labels(name).observe(seconds)
        histogram.labels(name).observe(seconds)
    assert text(ours) == text(theirs)


@given(st.lists(st.tuples(NAMES, st.sampled_from(["appended", "refused"])), max_size=20))
def test_events_are_counted_as_by_a_counter(seen: list[tuple[str, str]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tallies = Tallies("done", "Done", ("name", "outcome"))
    ours.register(tallies)
    counter = Counter("done", "Done", ("name", "outcome"), registry=theirs)
    for labels in seen:
        tallies.labels(*labels).inc()
        counter.labels(*labels).inc()
    assert text(ours) == text(theirs)
