"""Whether the process is up, whether it can serve, and its figures.

`/healthz` shows only that the event loop runs. `/readyz` asks the log and the read models and
checks every view and the warehouse's loader: 200 with the figures, or 503 with the reasons, each
with the part that it is about.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from msgspec import structs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.http.metrics import CONTENT_TYPE, Figures, Metrics
from api.ports import Facts, Platform, Views

PATIENCE_S = 3.0
LAG_MAX = 100_000  # positions behind the log at which reads are no longer worth serving
STILL_S, STILL_MAX_S = 30.0, 300.0
"""Seconds without progress while the log has more: over the first degraded, then not ready."""

T = TypeVar("T")
Troubles = Callable[[], Sequence[str]]
"""Returns the faults of other parts of this process, one sentence each."""


class Health:
    def __init__(
        self,
        platform: Platform,
        views: Views | None,
        subscribers: Callable[[], int],
        metrics: Metrics,
        *,
        facts: Facts | None = None,
        troubles: Troubles = tuple,
    ) -> None:
        self._platform, self._views, self._subscribers, self._facts = (
            platform,
            views,
            subscribers,
            facts,
        )
        self._metrics, self._others = metrics, troubles
        self._cache_fault: str | None = None

    async def alive(self, _: Request) -> Response:
        return JSONResponse({"status": "up"})

    async def ready(self, _: Request) -> Response:
        reasons: list[str] = []
        seen = await self._look(reasons)
        position, at = seen.position or 0, seen.views or {}
        lags = {view: max(0, position - reached) for view, reached in at.items()}
        reasons += [
            f"view {v} is {lag} positions behind" for v, lag in lags.items() if lag > LAG_MAX
        ]
        reasons += [*self._troubles(), *self._others()]
        degraded = [] if seen.cache_up else [f"cache: {self._cache_fault}"]
        degraded += self._unfenced()
        warehouse = self._warehouse(seen.position, reasons, degraded)
        body = {
            "status": "not ready" if reasons else "degraded" if degraded else "ready",
            "reasons": reasons,
            "degraded": degraded,
            "log": {"position": seen.position},
            "views": {view: {"position": at[view], "lag": lags[view]} for view in sorted(at)},
            **warehouse,
        }
        return JSONResponse(body, 503 if reasons else 200)

    def _warehouse(
        self, position: int | None, reasons: list[str], degraded: list[str]
    ) -> dict[str, Any]:
        """The loader's position; add a standstill to `degraded`, a long one to `reasons`."""
        if self._facts is None:
            return {}
        loaded, still_s = self._facts.position, 0.0
        if position is not None and position > loaded:
            still_s = self._facts.still_s(position)
        if still_s > STILL_S:
            why = f": {self._facts.fault}" if self._facts.fault else ""
            lag = (position or 0) - loaded
            text = f"warehouse: {lag} positions behind, not moving for {still_s:.0f} s{why}"
            (reasons if still_s > STILL_MAX_S else degraded).append(text)
        lag = max(0, (position or 0) - loaded)
        return {"warehouse": {"position": loaded, "lag": lag, "still_s": round(still_s)}}

    def _unfenced(self) -> list[str]:
        """One sentence for each protection that the analysts' engine's sandbox lacks."""
        warehouse = self._platform.read_warehouse
        missing = warehouse.missing if warehouse is not None else ()
        return [f"warehouse: no sandbox for {what}" for what in missing]

    async def metrics(self, _: Request) -> Response:
        """Prometheus text, without the figures of a part that does not answer."""
        self._metrics.figures = await self._look([])
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def _look(self, reasons: list[str]) -> Figures:
        dispatcher, models = self._platform.dispatcher, self._platform.read_models
        cache = self._platform.cache
        position, views, self._cache_fault = await asyncio.gather(
            _answer_of("log", self._platform.log.last(), reasons),
            _answer_of("read models", models.positions(), reasons),
            cache.trouble(),
        )
        return Figures(
            position=position,
            views=views,
            stuck=frozenset(s.view for s in self._views.stuck) if self._views else frozenset(),
            batches=dispatcher.batches,
            batched=dispatcher.commands,
            waiting=dispatcher.waiting,
            subscribers=self._subscribers(),
            statements=models.statements,
            cache=structs.asdict(cache.counts),
            cache_up=self._cache_fault is None,
        )

    def _troubles(self) -> list[str]:
        """Reasons the views are not healthy: the runner's fault, and one per stuck view."""
        if self._views is None:
            return []
        fault = [f"views: {self._views.fault}"] if self._views.fault else []
        return fault + [
            f"view {s.view} is stuck at {s.stream}@{s.version} (position {s.position}): {s.error}"
            for s in self._views.stuck
        ]


async def _answer_of(what: str, answer: Awaitable[T], reasons: list[str]) -> T | None:
    task = asyncio.ensure_future(answer)
    await asyncio.wait([task], timeout=PATIENCE_S)
    if not task.done():
        task.cancel()  # without awaiting it: a hanging server does not react to that either
        task.add_done_callback(lambda late: late.cancelled() or late.exception())
        reasons.append(f"{what}: no answer within {PATIENCE_S:g} s")
        return None
    try:
        return task.result()
    except Exception as error:  # any error is a reason not to be ready
        reasons.append(f"{what}: {type(error).__name__}: {error}")
    return None
