"""Counts and times of one event loop, for Prometheus, without a lock.

prometheus-client takes a lock for each number that it changes, and looks through the buckets one by
one: 2.5 us a command. These are changed by the loop alone, and give the same text at a scrape.
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

Values = tuple[str, ...]


class Tally:
    """How often something has happened."""

    __slots__ = ("created", "times")

    def __init__(self) -> None:
        self.times, self.created = 0, time.time()

    def inc(self) -> None:
        self.times += 1


class Spread:
    """How many durations fall into each bucket."""

    __slots__ = ("_limits", "buckets", "created", "seconds")

    def __init__(self, limits: Sequence[float]) -> None:
        self._limits = limits
        self.buckets = [0] * (len(limits) + 1)
        self.seconds, self.created = 0.0, time.time()

    def observe(self, seconds: float) -> None:
        self.seconds += seconds
        self.buckets[bisect_left(self._limits, seconds)] += 1


class Tallies:
    """A counter by labels; a collector of prometheus-client."""

    def __init__(self, name: str, says: str, labels: Sequence[str]) -> None:
        self._name, self._says, self._labels = name, says, labels
        self._found: dict[Values, Tally] = {}

    def labels(self, *values: str) -> Tally:
        found = self._found.get(values)
        if found is None:
            found = self._found[values] = Tally()
        return found

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self._name, self._says, labels=self._labels)
        for values, tally in self._found.items():
            family.add_metric(values, tally.times, created=tally.created)
        yield family


class Spreads:
    """A histogram by labels; a collector of prometheus-client."""

    def __init__(
        self, name: str, says: str, labels: Sequence[str], *, limits: Sequence[float]
    ) -> None:
        self._name, self._says, self._labels, self._limits = name, says, labels, limits
        self._names = [*(repr(float(limit)) for limit in limits), "+Inf"]
        self._found: dict[Values, Spread] = {}

    def labels(self, *values: str) -> Spread:
        found = self._found.get(values)
        if found is None:
            found = self._found[values] = Spread(self._limits)
        return found

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self._name, self._says, labels=self._labels)
        for values, spread in self._found.items():
            upto = zip(self._names, accumulate(spread.buckets), strict=True)
            family.add_metric(values, list(upto), sum_value=spread.seconds)
            at = dict(zip(self._labels, values, strict=True))
            family.add_sample(f"{self._name}_created", at, spread.created)
        yield family
