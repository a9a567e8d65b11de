"""Is the process up, can it serve, and what are its figures.

`/healthz` says only that the loop turns. `/readyz` asks the log and the read models and looks at
every view and at the warehouse's loader: 200 with the figures, or 503 with the reasons, each naming
its part.
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
"""How long the warehouse may stand still while the log goes on: then degraded, then not ready."""

T = TypeVar("T")
Troubles = Callable[[], Sequence[str]]
"""What other parts of this process have to say of themselves, one sentence a trouble."""


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
        lags = {view: max(0, position - stands) for view, stands in at.items()}
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
        """Where its loader stands; one that stands still is a trouble, and then a reason."""
        if self._facts is None:
            return {}
        stands, still_s = self._facts.position, 0.0
        if position is not None and position > stands:
            still_s = self._facts.still_s(position)
        if still_s > STILL_S:
            why = f": {self._facts.fault}" if self._facts.fault else ""
            lag = (position or 0) - stands
            said = f"warehouse: {lag} positions behind, not moving for {still_s:.0f} s{why}"
            (reasons if still_s > STILL_MAX_S else degraded).append(said)
        lag = max(0, (position or 0) - stands)
        return {"warehouse": {"position": stands, "lag": lag, "still_s": round(still_s)}}

    def _unfenced(self) -> list[str]:
        """What keeps the analysts' engine from files and network, where it is not whole."""
        warehouse = self._platform.read_warehouse
        missing = warehouse.missing if warehouse is not None else ()
        return [f"warehouse: no sandbox for {what}" for what in missing]

    async def metrics(self, _: Request) -> Response:
        """Prometheus text; a part that does not answer is left out."""
        self._metrics.figures = await self._look([])
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def _look(self, reasons: list[str]) -> Figures:
        dispatcher, models = self._platform.dispatcher, self._platform.read_models
        cache = self._platform.cache
        position, views, self._cache_fault = await asyncio.gather(
            _asked("log", self._platform.log.last(), reasons),
            _asked("read models", models.positions(), reasons),
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
        """What the runner says of itself: each stuck view, and why it cannot go on."""
        if self._views is None:
            return []
        fault = [f"views: {self._views.fault}"] if self._views.fault else []
        return fault + [
            f"view {s.view} is stuck at {s.stream}@{s.version} (position {s.position}): {s.error}"
            for s in self._views.stuck
        ]


async def _asked(what: str, answer: Awaitable[T], reasons: list[str]) -> T | None:
    task = asyncio.ensure_future(answer)
    await asyncio.wait([task], timeout=PATIENCE_S)
    if not task.done():
        task.cancel()  # and not wait for it: a server that hangs does not answer to that either
        task.add_done_callback(lambda late: late.cancelled() or late.exception())
        reasons.append(f"{what}: no answer within {PATIENCE_S:g} s")
        return None
    try:
        return task.result()
    except Exception as error:  # whatever it is, it is the reason
        reasons.append(f"{what}: {type(error).__name__}: {error}")
    return None
