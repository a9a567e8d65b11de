"""Checks the format of a socket's messages (graphql-transport-ws) before they are handled.

    a malformed message      the socket is closed with 4400, which names the field
    a malformed operation    an `error` for its id; the socket stays open

The reason for closing a socket has at most 123 bytes (RFC 6455, 5.5).
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message, SubscribeMessage

from api.graphql.engine.envelope import request_data
from api.graphql.engine.faults import BAD_ARGUMENT, fault
from api.http.echo import CUT, short_name
from api.http.problems import Problem

REASON_MAX = 123  # bytes
ID_MAX = 128
FIELDS = frozenset({"id", "type", "payload"})
OF_AN_OPERATION = frozenset({"subscribe", "complete"})


class Wire(ASGIWebSocketAdapter):
    """The socket: closes once; to send on a closed one raises WebSocketDisconnected."""

    async def send_json(self, message: Mapping[str, object]) -> None:
        if self._closed:
            raise WebSocketDisconnected
        await super().send_json(message)

    async def close(self, code: int, reason: str) -> None:
        if not self._closed:
            with suppress(WebSocketDisconnect):  # the caller closed it first
                await super().close(code, _fitting(reason))

    @property
    def _closed(self) -> bool:
        return WebSocketState.DISCONNECTED in (self.ws.application_state, self.ws.client_state)


class Conversation(BaseGraphQLTransportWSHandler[None, None]):
    """One connection's messages."""

    async def handle_message(self, message: Message) -> None:
        if wrong := _malformed(message):
            await self.handle_invalid_message(wrong)
        else:
            await super().handle_message(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        payload: Mapping[str, Any] = message["payload"]
        try:
            if request_data(payload).query is None:
                raise Problem(400, "invalid_input", "query: required")
        except Problem as problem:
            if self.connection_acknowledged and message["id"] not in self.operations:
                error = fault(BAD_ARGUMENT, problem.detail).formatted
                await self.send_message({"id": message["id"], "type": "error", "payload": [error]})
                return
        await super().handle_subscribe(message)

    async def handle_task_exception(self, error: Exception) -> None:
        if not isinstance(error, WebSocketDisconnected):
            await super().handle_task_exception(error)


def _malformed(message: Mapping[str, Any]) -> str:
    """What is wrong with a message's format; "" if it is valid."""
    kind, id_ = message.get("type"), message.get("id")
    if not isinstance(kind, str):
        return "type: must be a text"
    for field in message:
        if field not in FIELDS:
            return f"{short_name(field)}: is none of id, type, payload"
    if kind in OF_AN_OPERATION and not (isinstance(id_, str) and 0 < len(id_) <= ID_MAX):
        return f"id: must be a text of 1 to {ID_MAX} characters"
    if kind == "subscribe" and not isinstance(message.get("payload"), dict):
        return "payload: must be an object"
    return ""


def _fitting(reason: str) -> str:
    raw = reason.encode(errors="replace")
    if len(raw) <= REASON_MAX:
        return reason
    return raw[: REASON_MAX - len(CUT)].decode(errors="ignore") + CUT
