"""The ASGI app of the edge: what answers at which path.

/commands/{name} /commands               writes, by the dispatcher
/graphql                                 reads, by views and folds; subscriptions
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
from starlette.routing import Route, WebSocketRoute

from api import bodies, graphiql, openapi, wire
from api.browsers import Site
from api.commands import CommandDoor
from api.graphql.app import GraphQLDoor
from api.graphql.hub import Hub
from api.health import Health, Troubles
from api.metrics import Metrics
from api.outside import Outside
from api.ports import Facts, Platform, Views
from api.problems import Problem, on_bug, on_gone, on_http, on_problem
from api.throttle import Throttle
from api.waiting import order_settled
from api.warehouse import WarehouseDoor

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
    """The app over a platform that is already up; the caller opens and closes the platform.

    Args:
        views: what drives the views here: it feeds subscriptions, and `/readyz` with troubles.
        facts: what loads the warehouse in this process, if anything does.
        troubles: what everything else that runs in this process has to say there.
        site: under what names, beside the loopback's, the platform is reached.
    """
    metrics, hub = Metrics(), Hub()
    settled = order_settled(platform.log)
    commands = CommandDoor(platform.dispatcher, metrics, settled, limiter=platform.limiter)
    health = Health(platform, views, hub, metrics, facts=facts, troubles=troubles)
    graphql = GraphQLDoor(platform, hub, metrics)

    return Outside(
        site=site,
        routes=[
            Route("/commands", commands.many, methods=["POST"]),
            Route("/commands/{name}", commands.one, methods=["POST"]),
            Route("/warehouse", WarehouseDoor(platform.read_warehouse).query, methods=["POST"]),
            Route("/graphql", graphql),
            WebSocketRoute("/graphql", graphql),
            graphiql.static(),
            Route("/healthz", health.alive),
            Route("/readyz", health.ready),
            Route("/metrics", health.metrics),
            Route("/openapi.json", _openapi),
        ],
        middleware=[Middleware(Throttle, limiter=platform.limiter, metrics=metrics)],
        exception_handlers=ON_ERROR,
        lifespan=lambda _: _listening(views, hub),
    )


@asynccontextmanager
async def _listening(views: Views | None, hub: Hub) -> AsyncIterator[None]:
    undo = views.listen(hub.publish, wants=hub.wanted) if views else None
    yield
    if undo:
        undo()


async def _openapi(_: Request) -> Response:
    return Response(wire.dump(openapi.document()), media_type=bodies.JSON)
