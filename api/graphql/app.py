"""`/graphql`: queries by POST and GET, GraphiQL in a browser, subscriptions over a socket."""

import json
from datetime import timedelta
from typing import Any

from cross_web import AsyncHTTPRequestAdapter
from cross_web import HTTPException as Declined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLRequestData
from strawberry.http.base import BaseRequestProtocol
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from api.graphql import graphiql
from api.graphql.engine.envelope import request_data
from api.graphql.engine.folding import Turns
from api.graphql.engine.hub import Hub
from api.graphql.engine.session import Operations, Session
from api.graphql.engine.socket import Conversation, Wire
from api.graphql.schema import schema
from api.http import bodies, strict_json, wire
from api.http.metrics import Metrics
from api.http.problems import Problem
from api.ports import Platform, Views

BODY_MAX = 1 << 20
SUBSCRIPTIONS_MAX = 100  # per connection
INIT_MAX = timedelta(seconds=10)  # from a socket's opening to its connection_init
"""The socket's own frames are bounded by the server (uvicorn's `ws_max_size`)."""
PAGES = ("text/html", "*/*")  # a GET that accepts these and has no query gets GraphiQL


class GraphQLDoor(GraphQL[None, None]):
    """The ASGI app at `/graphql`. A request that is not GraphQL is answered with a problem."""

    websocket_adapter_class = Wire
    graphql_transport_ws_handler_class = Conversation

    def __init__(
        self, platform: Platform, hub: Hub, metrics: Metrics, views: Views | None = None
    ) -> None:
        """`views`: those that this process folds or follows; a read that waits hurries them."""
        turns = Turns()

        def operations() -> Operations:
            return Operations(Session(platform, hub, turns, views), metrics)

        super().__init__(
            schema(operations),
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            graphql_ide="graphiql",
            max_subscriptions_per_connection=SUBSCRIPTIONS_MAX,
            connection_init_wait_timeout=INIT_MAX,
            allowed_origins=["*"],  # `api.http.browsers` has checked it
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            if request.method == "POST":
                bodies.require_json(request)
                receive = _replay(await bodies.read(request, BODY_MAX))
            elif _navigates(request):
                detail = "a link or an address opens GraphiQL and runs no query: send it by POST"
                raise Problem(403, "cross_site", detail)
            response = await self.run(Request(scope, receive))
        except Declined as error:
            problem = Problem(error.status_code, "invalid_request", error.reason)
            response = problem.response(request.url.path)
        await response(scope, receive, send)

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        """The request; `__call__` has checked its content type."""
        if request.method == "GET":
            return request_data(self.parse_query_params(request.query_params))
        return request_data(self.parse_json(await request.get_body()))

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        accepted = request.headers.get("accept", "").lower()
        asked = "query" in request.query_params
        return request.method == "GET" and not asked and any(t in accepted for t in PAGES)

    async def render_graphql_ide(self, request: Request) -> Response:
        headers = {"Content-Security-Policy": graphiql.POLICY} | graphiql.ALONE
        return HTMLResponse(graphiql.PAGE, headers=headers)

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> None:
        """No context per request: `Operations` gives each operation its session."""

    def decode_json(self, data: str | bytes) -> object:
        """Parse strict JSON; only an object is accepted (there are no batches)."""
        try:
            found = strict_json.loads(data)
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from error
        if not isinstance(found, dict):
            raise json.JSONDecodeError("the body must be a JSON object", "", 0)
        return found

    def parse_json(self, data: str | bytes) -> Any:
        try:
            return self.decode_json(data)
        except json.JSONDecodeError as error:
            raise Problem(400, "invalid_json", error.msg) from error

    def encode_json(self, data: object) -> str:
        """JSON as text: the socket's protocol needs text frames, and bytes make binary ones."""
        return wire.dump(data).decode()


def _navigates(request: Request) -> bool:
    """Whether a browser would show the answer to a query as a page.

    The URL may come from anywhere: another site, a mail, a form. Browsers that do not send
    Sec-Fetch-Mode (over plain HTTP, from another machine) accept HTML, which JSON clients do not.
    """
    shown = request.headers.get("sec-fetch-mode", "") == "navigate"
    return "query" in request.query_params and (
        shown or PAGES[0] in request.headers.get("accept", "").lower()
    )


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
