"""The HTTP endpoints of a relay or worker: is it up, does it make progress, its figures.

/healthz /readyz /status /metrics
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.http.outside import Outside

S = TypeVar("S")


class StatusEndpoints(NamedTuple, Generic[S]):
    """The status of a process, as HTTP endpoints."""

    ask: Callable[[], Awaitable[S]]  # returns the status; if it fails, the process is not ready
    faults: Callable[[S], Sequence[str]]  # of a status: why something makes no progress
    line: Callable[[S], str]  # a status as one line of JSON
    figures: Callable[[S], Iterable[Metric]]  # of a status, for Prometheus

    def app(self) -> Starlette:
        endpoints = {
            "/healthz": self._alive, "/readyz": self._ready, "/status": self._status,
            "/metrics": self._metrics,
        }  # fmt: skip
        return Outside(routes=[Route(path, answer) for path, answer in endpoints.items()])

    async def _alive(self, _: Request) -> Response:
        return JSONResponse({"status": "up"})

    async def _ready(self, _: Request) -> Response:
        """200 while everything makes progress, else 503 with the reasons."""
        try:
            reasons = [*self.faults(await self.ask())]
        except Exception as e:  # any error is a reason not to be ready
            reasons = [f"log: {type(e).__name__}: {e}"]
        body = {"status": "not ready" if reasons else "ready", "reasons": reasons}
        return JSONResponse(body, 503 if reasons else 200)

    async def _status(self, _: Request) -> Response:
        return Response(self.line(await self.ask()) + "\n", media_type="application/json")

    async def _metrics(self, _: Request) -> Response:
        registry = CollectorRegistry()
        registry.register(_Collected(self.figures(await self.ask())))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Collected:
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics
