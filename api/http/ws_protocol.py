"""uvicorn's WebSockets with bounds on the memory of incomplete messages.

The head of a socket's request has passed the bounds of `api.http.http_protocol`. Here: the bytes of
incomplete messages count among the bodies of all callers, and the server closes the socket of a
caller that does not read its answers. A text message that is not UTF-8 closes the socket with 1007
(RFC 6455, 8.1).
"""

from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from api.http.limits import Held

NOT_UTF_8 = 1007


class BoundedSocket(WebSocketsSansIOProtocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held: Held = kwargs["server_state"]
        self.address = ""  # the one that `Held.enter` counted
        self._held_bytes = 0
        self._cut = False  # closed by this side, not by the app
        self._unsent, self._unsent_since = 0, 0.0

    def connection_lost(self, exc: Exception | None) -> None:
        self._release()
        self._held.leave(self.address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._held_bytes += len(data)
        self._held.bodies_bytes += len(data)
        if self._held.crowded(self._held_bytes):
            self.transport.abort()
            return
        super().data_received(data)

    def send_receive_event_to_app(self) -> None:
        self._release()
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_text(self.frames):
            self.frames = []
            says = "a text message is not UTF-8"
            self.logger.warning("%s: %s; its WebSocket is closed", self.address, says)
            self.conn.send_close(NOT_UTF_8, says)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        self._cut = True
        super().handle_parser_exception()

    def keepalive_timeout(self) -> None:
        self._cut = True
        super().keepalive_timeout()

    async def send(self, message: ASGISendEvent) -> None:
        """Send for the app, which may not know yet that the socket is closed."""
        try:
            await super().send(message)
        except RuntimeError:
            if not self._cut:
                raise
            raise ClientDisconnected from None

    def handle_ping(self) -> None:
        self._release_unless_between_frames()
        super().handle_ping()

    def handle_pong(self, event: Any) -> None:
        self._release_unless_between_frames()
        super().handle_pong(event)

    def sweep(self, now: float) -> None:
        """Close the connection if the caller reads nothing; called each second."""
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent or not unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now - self._unsent_since > self._held.limits.stuck_s:
            self.transport.abort()

    def _release_unless_between_frames(self) -> None:
        if not self.frames:
            self._release()

    def _release(self) -> None:
        self._held.bodies_bytes -= self._held_bytes
        self._held_bytes = 0


def _is_text(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True
