"""The relay's own small door: is it up, does it move, and its figures.

/healthz /readyz /status /metrics
"""

from collections.abc import Awaitable, Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streams.relaying import Status, line

Ask = Callable[[], Awaitable[Status]]


def create_relay_app(ask: Ask) -> Starlette:
    async def alive(_: Request) -> Response:
        return JSONResponse({"status": "up"})

    async def ready(_: Request) -> Response:
        """200 while it moves; 503 with the reason."""
        try:
            fault = (await ask()).fault
        except Exception as e:  # whatever it is, it is the reason
            fault = f"log: {type(e).__name__}: {e}"
        reasons = [fault] if fault else []
        body = {"status": "not ready" if reasons else "ready", "reasons": reasons}
        return JSONResponse(body, 503 if reasons else 200)

    async def status(_: Request) -> Response:
        return Response(line(await ask()) + "\n", media_type="application/json")

    async def metrics(_: Request) -> Response:
        registry = CollectorRegistry()
        registry.register(_Figures(await ask()))
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
    def __init__(self, said: Status) -> None:
        self._said = said

    def collect(self) -> Iterator[Metric]:
        said = self._said
        yield _counter("batches", "Transactions that were acknowledged", said.batches)
        yield _counter("events", "Events in them", said.events)
        yield _counter("openings", "How often the bus was opened", said.openings)
        yield _gauge("position", "Up to here the log is on the bus", said.position)
        yield _gauge("lag_events", "Positions between that and the log's end", said.lag_events)
        if said.lag_seconds is not None:
            yield _gauge("lag_seconds", "The same on the log's own clock", said.lag_seconds)
        yield _gauge("standing_still", "1: it cannot go on at the moment", bool(said.fault))


def _counter(name: str, says: str, value: float) -> Metric:
    return CounterMetricFamily(f"tidemark_relay_{name}", says, value=value)


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(f"tidemark_relay_{name}", says, value=value)
