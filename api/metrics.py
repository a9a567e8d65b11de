"""What Prometheus reads: counted as it happens, or looked up when asked.

One registry per app, so that two apps in one process (tests) do not share counters. Labels come
from closed sets (command names, outcomes, views): a caller cannot make new ones.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own = {"registry": self.registry, "namespace": "tidemark"}
        self.commands = Counter(
            "commands", "Commands over HTTP, by name and outcome", ("name", "outcome"), **own
        )
        self.command_seconds = Histogram(
            "command_seconds", "From parsed to answered", ("name",), buckets=SECONDS, **own
        )
        self.batches = Gauge("append_batches", "Batches handled since the start", **own)
        self.batched = Gauge("append_batched_commands", "Commands in those batches", **own)
        self.batch_mean = Gauge(
            "append_batch_mean", "Mean commands a batch since the last scrape", **own
        )
        self.waiting = Gauge("commands_waiting", "Commands not yet in a batch", **own)
        self.position = Gauge("log_position", "Position of the newest event", **own)
        self.view_position = Gauge("view_position", "Where a view stands", ("view",), **own)
        self.view_lag = Gauge(
            "view_lag_positions", "Log position less the view's", ("view",), **own
        )
        self.view_stuck = Gauge("view_stuck", "1 when a view cannot go on", ("view",), **own)
        self.subscribers = Gauge("graphql_subscribers", "Open GraphQL subscriptions", **own)
        self.queries = Counter("graphql_operations", "By outcome", ("outcome",), **own)
        self._seen = (0, 0)

    def saw_batches(self, batches: int, commands: int) -> None:
        """The dispatcher's running totals; the mean is over what came since the last call."""
        before_batches, before_commands = self._seen
        self._seen = (batches, commands)
        self.batches.set(batches)
        self.batched.set(commands)
        if batches > before_batches:
            self.batch_mean.set((commands - before_commands) / (batches - before_batches))

    def saw_views(self, position: int, views: Mapping[str, int]) -> None:
        self.position.set(position)
        for view, at in views.items():
            self.view_position.labels(view).set(at)
            self.view_lag.labels(view).set(max(0, position - at))

    def text(self) -> bytes:
        return generate_latest(self.registry)
