"""The worker's own small door: is it up, does it move, and its figures.

/healthz /readyz /status /metrics
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streams.working import Status, Worker, line


def create_worker_app(worker: Worker) -> Starlette:
    async def alive(_: Request) -> Response:
        return JSONResponse({"status": "up"})

    async def ready(_: Request) -> Response:
        """200 while nothing stands still; 503 with the reasons."""
        try:
            status = await worker.status()
            reasons = [*status.stuck, *status.faults]
        except Exception as e:  # whatever it is, it is the reason
            reasons = [f"log: {type(e).__name__}: {e}"]
        body = {"status": "not ready" if reasons else "ready", "reasons": reasons}
        return JSONResponse(body, 503 if reasons else 200)

    async def status(_: Request) -> Response:
        return Response(line(await worker.status()) + "\n", media_type="application/json")

    async def metrics(_: Request) -> Response:
        registry = CollectorRegistry()
        registry.register(_Figures(await worker.status()))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/healthz", alive),
            Route("/readyz", ready),
            Route("/status", status),
            Route("/metrics", metrics),
        ]
    )


class _Figures:
    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        seen = self._status
        yield _counter("records", "Records taken from the bus", seen.records)
        yield _counter("events", "Events that came with them", seen.events)
        yield _gauge(
            "partitions", "Partitions of the log topic that are ours", len(seen.partitions)
        )
        yield _gauge("lag_events", "Positions between our views and the log", seen.lag_events)
        yield _gauge("lag_seconds", "Age of the oldest event not folded", seen.lag_seconds)
        yield _gauge("lag_whole", "0: the money is a least", seen.lag_whole)
        yield _gauge("stuck", "Views that stand before an event, by partition", len(seen.stuck))
        yield _gauge("leads_sagas", "1: the sagas run here", seen.sagas == "leads")
        money = GaugeMetricFamily(
            "tidemark_worker_lag_money", "Client cash that moves in it", labels=["currency"]
        )
        for currency, amount in seen.lag_money.items():
            money.add_metric([currency], float(amount))
        yield money
        position = GaugeMetricFamily(
            "tidemark_worker_view_position", "Where a view stands here", labels=["view"]
        )
        for view, at in seen.views.items():
            position.add_metric([view], at)
        yield position


def _counter(name: str, says: str, value: float) -> Metric:
    return CounterMetricFamily(f"tidemark_worker_{name}", says, value=value)


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(f"tidemark_worker_{name}", says, value=value)
