"""The ASGI app of the edge: its paths.

/commands/{name} /commands               writes, through the dispatcher
/graphql                                 reads, from views and folds; subscriptions
/warehouse                               analysts' SQL
/healthz /readyz /metrics /openapi.json
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from api.graphql import graphiql
from api.graphql.app import GraphQLDoor
from api.graphql.engine.hub import Hub
from api.http import bodies, openapi, wire
from api.http.browsers import Site
from api.http.commands import CommandDoor
from api.http.health import Health, Troubles
from api.http.metrics import Metrics
from api.http.outside import Outside
from api.http.problems import Problem, on_bug, on_gone, on_http, on_problem
from api.http.short_way import ShortWay
from api.http.throttle import Throttle
from api.http.waiting import settled_in
from api.http.warehouse import WarehouseDoor
from api.ports import Facts, Platform, Views

ON_ERROR = {
    Problem: on_problem, HTTPException: on_http, ClientDisconnect: on_gone, Exception: on_bug,
}  # fmt: skip


def create_app(
    platform: Platform,
    views: Views | None = None,
    *,
    facts: Facts | None = None,
    troubles: Troubles = tuple,
    site: Site = Site(),  # noqa: B008 - immutable
) -> Starlette:
    """The app over an open platform; the caller opens and closes the platform.

    Args:
        views: this process's view runner, if any: feeds subscriptions, reports to `/readyz`.
        facts: this process's warehouse loader, if any; reports to `/readyz`.
        troubles: the faults of all other parts of this process, for `/readyz`.
        site: the names, beside the loopback's, under which callers reach the platform.
    """
    metrics, hub = Metrics(), Hub()
    health = Health(platform, views, lambda: hub.count, metrics, facts=facts, troubles=troubles)
    commands = CommandDoor(
        platform.dispatcher, metrics, settled_in(platform.log), limiter=platform.limiter
    )
    graphql = GraphQLDoor(platform, hub, metrics, views)
    app = Outside(
        site=site,
        routes=_routes(platform, graphql, commands, metrics=metrics, health=health),
        middleware=[Middleware(Throttle, limiter=platform.limiter, metrics=metrics)],
        exception_handlers=ON_ERROR,
        lifespan=lambda _: _listening(views, hub),
    )
    app.short_way = ShortWay(commands, metrics, platform.limiter, hosts=app.known_hosts)
    return app


def _routes(
    platform: Platform,
    graphql: GraphQLDoor,
    commands: CommandDoor,
    *,
    metrics: Metrics,
    health: Health,
) -> list[BaseRoute]:
    warehouse = WarehouseDoor(platform.read_warehouse)
    return [
        Route("/commands", commands.many, methods=["POST"]),
        Route("/commands/{name}", commands.one, methods=["POST"]),
        Route("/warehouse", warehouse.query, methods=["POST"]),
        Route("/graphql", graphql),
        WebSocketRoute("/graphql", graphql),
        graphiql.static(),
        Route("/healthz", health.alive),
        Route("/readyz", health.ready),
        Route("/metrics", health.metrics),
        Route("/openapi.json", _openapi),
    ]


@asynccontextmanager
async def _listening(views: Views | None, hub: Hub) -> AsyncIterator[None]:
    if views is None:
        yield
        return
    undo = views.listen(hub.publish, wants=hub.wanted, urgent=lambda: hub.count > 0)
    yield
    undo()


async def _openapi(_: Request) -> Response:
    return Response(wire.dump(openapi.document()), media_type=bodies.JSON)
