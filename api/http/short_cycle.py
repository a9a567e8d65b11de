"""One request on the short way, in the place of uvicorn's own cycle.

It has the attributes of uvicorn's `RequestResponseCycle` that a connection reads and sets, so that
limits, pipelining, refusals and the end of a connection work as for any other request.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from api.http.limits import Held
from api.http.short_way import Head, ShortWay
from commands.ports import Request


class _NoEvent:
    """For nothing waits for a body here: the request begins once it is complete."""

    def set(self) -> None:
        pass


_NO_EVENT = _NoEvent()


class ShortCycle:
    __slots__ = (
        "body", "disconnected", "head", "keep_alive", "key", "message_event", "more_body",
        "response_complete", "response_started", "way",
    )  # fmt: skip

    def __init__(self, way: ShortWay, head: Head, key: str) -> None:
        self.way, self.head, self.key = way, head, key
        self.body = bytearray()
        self.message_event = _NO_EVENT
        self.more_body = self.keep_alive = True
        self.disconnected = self.response_started = self.response_complete = False

    def request(self) -> Request | None:
        return self.way.request(self.head, self.key, bytes(self.body))

    def send(self, transport: asyncio.Transport, state: Held, status: int, rest: bytes) -> None:
        """Send the answer; `rest` is what follows the status line and the date."""
        self.response_started = self.response_complete = True
        if transport.is_closing():
            return
        if not self.keep_alive:
            rest = rest.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)
        transport.write(b"".join([STATUS_LINE[status], state.default_lines(), rest]))
        if not self.keep_alive:
            transport.close()


def is_waiting(cycle: Any) -> bool:
    """Whether this is a request on the short way whose body is not complete."""
    return type(cycle) is ShortCycle and cycle.more_body
