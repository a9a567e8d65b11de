"""Metrics for Prometheus: counted as things happen, or looked up at each scrape.

One registry per app, so that two apps in one process (tests) do not share counters. Labels come
from closed sets (command names, outcomes, views): a caller cannot make new ones.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric

from api.http.metric_family import Family
from api.http.tallies import Spreads, Tallies

CONTENT_TYPE = CONTENT_TYPE_LATEST
_ALL = Family("tidemark")
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Figures(NamedTuple):
    """Figures of the platform at one scrape; None: that part did not answer."""

    position: int | None = None  # of the log
    views: Mapping[str, int] | None = None  # view -> its position
    stuck: frozenset[str] = frozenset()
    batches: int = 0  # appended since the start
    batched: int = 0  # commands in them
    waiting: int = 0  # commands not yet in a batch
    subscribers: int = 0
    statements: int = 0  # of reads, since the start
    cache: Mapping[str, int] | None = None  # outcome of a lookup -> times, since the start
    cache_up: bool = True


class Metrics:
    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.commands = Tallies(
            "tidemark_commands", "Commands over HTTP, by name and outcome", ("name", "outcome")
        )
        self.command_seconds = Spreads(
            "tidemark_command_seconds",
            "Time from the parsed request to its answer",
            ("name",),
            limits=SECONDS,
        )
        registry.register(self.commands)
        registry.register(self.command_seconds)
        self.operations = Counter(
            "tidemark_graphql_operations",
            "GraphQL operations (and events of subscriptions), by outcome",
            ("outcome",),
            registry=registry,
        )
        self.limited = Counter(
            "tidemark_rate_limited",
            "Requests over their caller's own limit; door: commands, queries or sql",
            ("door",),
            registry=registry,
        )
        self.commands_of, self.seconds_of = self.commands.labels, self.command_seconds.labels
        self.operations_of = cache(self.operations.labels)  # a look-up by labels takes 2 us
        self.figures = Figures()
        self._registry = registry
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """The figures of the last look; prometheus-client calls this for every scrape."""
        seen = self.figures
        yield _ALL.counter("append_batches", "Batches of commands handled", seen.batches)
        yield _ALL.counter("append_commands", "Commands in those batches", seen.batched)
        yield _ALL.counter("read_statements", "SQL statements of reads", seen.statements)
        yield _ALL.gauge("commands_waiting", "Commands not yet in a batch", seen.waiting)
        yield _ALL.gauge("graphql_subscribers", "Open subscriptions", seen.subscribers)
        if seen.position is not None:
            yield _ALL.gauge("log_position", "Position of the newest event", seen.position)
        if seen.views is not None:
            yield from _views(seen.views, seen)
        if seen.cache is not None:
            yield from _cache(seen.cache, up=seen.cache_up)

    def text(self) -> bytes:
        return generate_latest(self._registry)


def _views(views: Mapping[str, int], seen: Figures) -> Iterator[Metric]:
    position = GaugeMetricFamily(
        "tidemark_view_position", "Position that a view has reached", labels=["view"]
    )
    lag = GaugeMetricFamily(
        "tidemark_view_lag_events", "Positions that a view is behind the log", labels=["view"]
    )
    stuck = GaugeMetricFamily("tidemark_view_stuck", "1: the view is stuck", labels=["view"])
    for view, at in views.items():
        position.add_metric([view], at)
        stuck.add_metric([view], view in seen.stuck)
        if seen.position is not None:
            lag.add_metric([view], max(0, seen.position - at))
    yield from (position, lag, stuck)


def _cache(counts: Mapping[str, int], *, up: bool) -> Iterator[Metric]:
    asked = CounterMetricFamily(
        "tidemark_cache_lookups", "Lookups in the cache, by outcome", labels=["outcome"]
    )
    for outcome, times in counts.items():
        asked.add_metric([outcome], times)
    yield asked
    yield _ALL.gauge("cache_up", "0: the store of the cache does not answer", up)
