"""Is the process up, can it serve, and what are its figures.

`/healthz` says only that the loop turns. `/readyz` asks the log and the read models and looks at
every view: 200 with the figures, or 503 with the reasons, each naming its part.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.metrics import CONTENT_TYPE, Metrics
from api.ports import Platform

PATIENCE_S = 3.0
LAG_MAX = 100_000  # positions behind the log at which reads are no longer worth serving

T = TypeVar("T")


class Health:
    def __init__(self, platform: Platform, metrics: Metrics) -> None:
        self._platform, self._metrics = platform, metrics

    async def alive(self, _: Request) -> Response:
        return JSONResponse({"status": "up"})

    async def ready(self, _: Request) -> Response:
        reasons: list[str] = []
        position = await _asked("log", self._platform.log.last(), reasons)
        views = await _asked("read models", self._platform.read_models.positions(), reasons)
        lags = {v: max(0, position - at) for v, at in (views or {}).items()} if position else {}
        reasons += [f"view {v} is {lag} behind" for v, lag in lags.items() if lag > LAG_MAX]
        reasons += list(self._stuck().values())
        body = {
            "status": "not ready" if reasons else "ready",
            "reasons": reasons,
            "log": {"position": position},
            "views": {v: {"position": at, "lag": lags.get(v)} for v, at in (views or {}).items()},
        }
        return JSONResponse(body, 503 if reasons else 200)

    async def metrics(self, _: Request) -> Response:
        """Prometheus text; a part that does not answer leaves its last figures standing."""
        counts = self._platform.dispatcher
        self._metrics.saw_batches(counts.batches, counts.commands)
        self._metrics.waiting.set(counts.waiting)
        position = await _asked("log", self._platform.log.last(), [])
        views = await _asked("read models", self._platform.read_models.positions(), [])
        if position is not None and views is not None:
            self._metrics.saw_views(position, views)
        stuck = self._stuck()
        for view in views or {}:
            self._metrics.view_stuck.labels(view).set(view in stuck)
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    def _stuck(self) -> Mapping[str, str]:
        """View -> where and why it cannot go on."""
        return {
            s.view: f"view {s.view} is stuck at {s.stream}@{s.version} "
            f"(position {s.position}): {s.error}"
            for s in self._platform.stuck_views()
        }


async def _asked(what: str, answer: Awaitable[T], reasons: list[str]) -> T | None:
    try:
        return await asyncio.wait_for(answer, PATIENCE_S)
    except TimeoutError:
        reasons.append(f"{what}: no answer within {PATIENCE_S:g} s")
    except Exception as error:  # whatever it is, it is the reason
        reasons.append(f"{what}: {type(error).__name__}: {error}")
    return None
