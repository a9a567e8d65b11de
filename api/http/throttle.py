"""Rate limits by caller: 429 with the time to wait, before the body is read or parsed.

    request --admit--> served, with what is left in its headers
                  '--> 429 problem+json, Retry-After

A WebSocket is charged when it opens and for each message; its messages are delayed, not refused.
The headers follow draft-ietf-httpapi-ratelimit-headers: `q` requests in `w` seconds, `r` left now,
`t` seconds until all `q` are available again.
"""

import asyncio
import math

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.metrics import Metrics
from api.http.problems import Problem, refuse
from api.ports import Limiter, Rate, Verdict

LIMITS = {"commands": "commands", "graphql": "queries", "warehouse": "sql"}
"""First step of the path -> the name of its limit."""


class Throttle:
    """ASGI middleware; a caller is identified by the address of the connection."""

    def __init__(self, app: ASGIApp, *, limiter: Limiter, metrics: Metrics) -> None:
        self._app, self._limiter, self._metrics = app, limiter, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = _limit_of(scope)
        found = await self._limiter.admit(limit, address_of(scope)) if limit else None
        if limit is None or found is None:
            await self._app(scope, receive, send)
            return
        headers = headers_of(limit, self._limiter.rates[limit], found)
        if not found.admitted:
            self._metrics.limited.labels(limit).inc()
            await refuse(over_limit(headers), scope, receive, send)
        elif scope["type"] == "websocket":
            await self._app(scope, self._paced(limit, scope, receive), send)
        else:
            await self._app(scope, receive, _with_headers(send, headers))

    def _paced(self, limit: str, scope: Scope, receive: Receive) -> Receive:
        async def paced() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                found = await self._limiter.admit(limit, address_of(scope))
                while found is not None and not found.admitted:
                    await asyncio.sleep(found.retry_s)
                    found = await self._limiter.admit(limit, address_of(scope))
            return message

        return paced


def address_of(scope: Scope) -> str:
    client = HTTPConnection(scope).client
    return client.host if client else ""


def _limit_of(scope: Scope) -> str | None:
    if scope["type"] not in ("http", "websocket"):
        return None
    return LIMITS.get(scope["path"].partition("/")[2].partition("/")[0])


def headers_of(limit: str, rate: Rate, found: Verdict) -> dict[str, str]:
    """The headers that state a caller's limit and what is left of it."""
    window = max(1, math.ceil(rate.burst / rate.per_s))
    out = {
        "RateLimit-Policy": f'"{limit}";q={rate.burst};w={window}',
        "RateLimit": f'"{limit}";r={found.remaining};t={math.ceil(found.full_s)}',
    }
    if not found.admitted:
        out["Retry-After"] = str(max(1, math.ceil(found.retry_s)))
    return out


def over_limit(headers: dict[str, str]) -> Problem:
    detail = f"more than this caller may; try again in {headers['Retry-After']} s"
    return Problem(429, "rate_limited", detail, headers=headers)


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with_headers
