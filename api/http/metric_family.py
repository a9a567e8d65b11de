"""Makes metrics under one prefix from values that are read at each scrape."""

from collections.abc import Iterable
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric


class Family(NamedTuple):
    """Makes metrics whose names have this prefix."""

    prefix: str

    def counter(self, name: str, says: str, value: float) -> Metric:
        return CounterMetricFamily(f"{self.prefix}_{name}", says, value=value)

    def gauge(self, name: str, says: str, value: float) -> Metric:
        return GaugeMetricFamily(f"{self.prefix}_{name}", says, value=value)

    def gauges(
        self, name: str, says: str, label: str, values: Iterable[tuple[str, float]]
    ) -> Metric:
        made = GaugeMetricFamily(f"{self.prefix}_{name}", says, labels=[label])
        for key, value in values:
            made.add_metric([key], value)
        return made
