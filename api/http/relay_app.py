"""The relay's status, health and figures (`api.http.status_app`)."""

from collections.abc import Awaitable, Callable, Iterator

from prometheus_client.metrics_core import Metric
from starlette.applications import Starlette

from api.http.metric_family import Family
from api.http.status_app import StatusEndpoints
from streams.log.relay_status import RelayStatus, line

_RELAY = Family("tidemark_relay")


def create_relay_app(ask: Callable[[], Awaitable[RelayStatus]]) -> Starlette:
    return StatusEndpoints(ask, _faults, line, _figures).app()


def _faults(status: RelayStatus) -> list[str]:
    return [status.fault] if status.fault else []


def _figures(status: RelayStatus) -> Iterator[Metric]:
    counter, gauge = _RELAY.counter, _RELAY.gauge
    yield counter("batches", "Transactions that were acknowledged", status.batches)
    yield counter("events", "Events in those transactions", status.events)
    yield counter("openings", "Connections that were opened to the bus", status.openings)
    yield gauge("position", "Position up to which the log is on the bus", status.position)
    yield gauge("lag_events", "Positions between the bus and the log's end", status.lag_events)
    if status.lag_seconds is not None:
        yield gauge(
            "lag_seconds",
            "Seconds between the bus and the log's end, by the log's clock",
            status.lag_seconds,
        )
    yield gauge("standing_still", "1: the relay has stopped, and tries again", bool(status.fault))
