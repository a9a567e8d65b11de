"""A worker's status, health and figures (`api.http.status_app`)."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from starlette.applications import Starlette

from api.http.metric_family import Family
from api.http.status_app import StatusEndpoints
from streams.worker_process import Worker, WorkerStatus, line

_WORKER = Family("tidemark_worker")


def create_worker_app(worker: Worker) -> Starlette:
    return StatusEndpoints(worker.status, _faults, line, _figures).app()


def _faults(seen: WorkerStatus) -> list[str]:
    return [*seen.stuck, *seen.faults]


def _figures(seen: WorkerStatus) -> Iterator[Metric]:
    counter, gauge, gauges = _WORKER.counter, _WORKER.gauge, _WORKER.gauges
    yield counter("records", "Records taken from the bus", seen.records)
    yield counter("events", "Events in those records", seen.events)
    yield gauge(
        "partitions", "Partitions of the log topic that this worker folds", len(seen.partitions)
    )
    yield gauge("lag_events", "Positions between our views and the log", seen.lag_events)
    yield gauge("lag_seconds", "Age of the oldest event not folded", seen.lag_seconds)
    yield gauge("lag_whole", "0: lag_money is a lower bound", seen.lag_whole)
    yield gauge("stuck", "Stuck views, by partition", len(seen.stuck))
    yield gauge("leads_sagas", "1: the sagas run here", seen.sagas == "leads")
    money = ((currency, float(amount)) for currency, amount in seen.lag_money.items())
    yield gauges("lag_money", "Client cash that moves in the lag, by currency", "currency", money)
    yield gauges(
        "view_position",
        "Position that a view has reached in this worker",
        "view",
        seen.views.items(),
    )
