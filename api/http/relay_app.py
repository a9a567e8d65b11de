"""The relay's status, health and figures (`api.http.status_app`)."""

from collections.abc import Awaitable, Callable, Iterator

from prometheus_client.metrics_core import Metric
from starlette.applications import Starlette

from api.http.metric_family import Family
from api.http.status_app import Told
from streams.log.relay_status import RelayStatus, line

_RELAY = Family("tidemark_relay")


def create_relay_app(ask: Callable[[], Awaitable[RelayStatus]]) -> Starlette:
    return Told(ask, _faults, line, _figures).app()


def _faults(said: RelayStatus) -> list[str]:
    return [said.fault] if said.fault else []


def _figures(said: RelayStatus) -> Iterator[Metric]:
    counter, gauge = _RELAY.counter, _RELAY.gauge
    yield counter("batches", "Transactions that were acknowledged", said.batches)
    yield counter("events", "Events in those transactions", said.events)
    yield counter("openings", "Connections that were opened to the bus", said.openings)
    yield gauge("position", "Position up to which the log is on the bus", said.position)
    yield gauge("lag_events", "Positions between the bus and the log's end", said.lag_events)
    if said.lag_seconds is not None:
        yield gauge(
            "lag_seconds",
            "Seconds between the bus and the log's end, by the log's clock",
            said.lag_seconds,
        )
    yield gauge("standing_still", "1: the relay has stopped, and tries again", bool(said.fault))
