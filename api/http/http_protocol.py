"""uvicorn's HTTP/1.1 with bounds on size, memory and time for each caller.

    connected --> head --(10 s, 64 kB, 100 headers)--> body --(a least rate, 64 MB in all)--> answer
        ^                                                                                       |
        '------------------------------- idle (5 s) <-------------------------------------------'

Bytes are counted before the parser gets them: it joins the pieces of an incomplete header, which
costs the square of their length. A sweep each second (`api.http.server`) checks the times, so that
a request within the bounds costs no timer. A broken rule is answered once (400, 408, 429, 431, 501,
503) and the connection is closed. Complete requests that arrived before it are answered first, in
their order.
"""

from typing import Any, NoReturn

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from api.http.answer_headers import with_headers
from api.http.limits import Limits
from api.http.problems import Problem
from api.http.short_protocol import ShortHttp
from api.http.ws_protocol import BoundedSocket

COLON_AND_BREAK = 4  # bytes of a header beside its name and value
TRANSFER_ENCODING, CONTENT_LENGTH = b"transfer-encoding", b"content-length"


class _Refused(Exception):
    """Raised inside the parser's callbacks; `BoundedHttp._problem` has the reason."""


class BoundedHttp(ShortHttp):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._problem: Problem | None = None  # found by a callback of the parser
        self._done = False  # refused: further bytes are discarded
        self._last: Problem | None = None  # sent after the answers that are due
        self._length = b""  # the head's Content-Length
        self._body_due = False  # a body follows that the parser does not expect
        self._framing = False  # a made-up head is being fed to the body's parser
        self._head_bytes = self._head_lines = 0
        self._discarded = 0
        self._since = self._body_since = 0.0  # when the wait for head or body began
        self._window_bytes = 0  # of the body, since `_since`
        self._unsent, self._unsent_since = 0, 0.0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._since = self.loop.time()
        self._address = self.client[0] if self.client else ""
        if not self.server_state.enter(self._address):
            self.refuse(_busy("too_many_connections", "too many connections are open"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._release()
        self.server_state.leave(self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._done:
            if self._last is not None:
                self.flow.pause_reading()
            self._throw_away(len(data))
            return
        if self.took_whole(data):
            return
        if self.timeout_keep_alive_task is not None:
            self._since = self.loop.time()  # it was idle: now the next head is due
        size = self._limits.head_bytes
        for start in range(0, len(data), size):
            self._feed(data[start : start + size] if len(data) > size else data)
            if self._done or self.transport.is_closing() or self.transport.get_protocol() != self:
                return
        self.let_wait()

    def on_message_begin(self) -> None:
        if self._framing:
            return
        super().on_message_begin()
        self._since = self.loop.time()
        self._in_head, self._in_body = True, False
        self._head_bytes = self._head_lines = 0
        self._coded, self._length = False, b""

    def on_url(self, url: bytes) -> None:
        if self._framing:
            return
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._framing:
            return
        self._head_lines += 1
        self._count(len(name) + len(value) + COLON_AND_BREAK)
        if self._in_head:  # trailers of a chunked body do not count as headers
            if len(name) == len(TRANSFER_ENCODING) and name.lower() == TRANSFER_ENCODING:
                self._check_coding(value)
            elif len(name) == len(CONTENT_LENGTH) and name.lower() == CONTENT_LENGTH:
                self._length = value
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._framing:
            return
        if len(self.pipeline) >= self._limits.pipelined and not self._idle:
            self._object(_too_far_ahead(self._limits))
        if self._coded and self.parser.get_http_version() == "1.0":
            says = "Transfer-Encoding: HTTP/1.0 has none"
            self._object(Problem(400, "invalid_request", says))
        super().on_headers_complete()
        self._body_due = self.parser.should_upgrade() and not self._should_upgrade()
        self._body_due = self._body_due and (self._coded or self._length.strip(b"0") != b"")
        self._in_head, self._in_body = False, True
        self._since = self._body_since = self.loop.time()
        self._window_bytes = 0

    def on_body(self, body: bytes) -> None:
        self._unseen = 0
        self._window_bytes += len(body)
        if self.cycle is None or self.cycle.response_complete:
            self._throw_away(len(body))
            return
        self._held_bytes += len(body)
        self.server_state.bodies_bytes += len(body)
        if self.server_state.crowded(self._held_bytes):
            self._object(_busy("overloaded", "too many bodies are under way"))
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._body_due:
            return
        self._in_body = False
        self._unseen = self._discarded = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if not self.pipeline:
            self._release()
            if self._last is not None and not self.transport.is_closing():
                self.server_state.total_requests += 1
                self._hang_up(self._last)
                return
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        self._release()
        self._unset_keepalive_if_required()
        super().handle_websocket_upgrade()
        socket = self.transport.get_protocol()
        if isinstance(socket, BoundedSocket):
            socket.address = self._address
            # The WebSocket's own parser is stricter (no body, 8 kB a line) and gives no answer.
            if not socket.handshake_initiated:
                says = "not a request for a WebSocket as this server reads it"
                problem = Problem(400, "invalid_request", says)
                self.transport.write(_raw(problem, self.server_state.default_headers))
                self.transport.close()

    def refuse(self, problem: Problem) -> None:
        """Answer with `problem` after the answers that are due, and close the connection.

        Nothing more is read. If the answer to the request at fault has begun already, the
        connection is closed without another one.
        """
        if self._done:
            return
        self._done = True
        self._unset_keepalive_if_required()
        if self._in_body and self.pipeline:
            self.pipeline.popleft()  # the newest request is at fault: its body is incomplete
            self._last = problem
        elif self._in_body:
            self._refuse_under_way(problem)
        elif self._idle:
            self._hang_up(problem)
        else:
            self._last = problem
        if self._last is not None:
            self.flow.pause_reading()

    def sweep(self, now: float) -> None:
        """Close the connection if the caller takes too long; called each second."""
        limits, waited = self._limits, now - self._since
        self._sweep_unsent(now)
        if self._done:
            return
        if self._in_head or (self.cycle is None and not self._in_body):
            if self.flow.read_paused:
                self._since = now
            elif waited > limits.head_s:
                self._late("the head of the request")
        elif self._in_body and waited > limits.body_window_s:
            if self.flow.read_paused:
                self._since, self._window_bytes = now, 0
            elif (
                self._window_bytes < limits.body_window_bytes
                or now - self._body_since > limits.body_s
            ):
                self._late("the body of the request")
            else:
                self._since, self._window_bytes = now, 0
        elif self._idle and self.timeout_keep_alive_task is None and waited > limits.head_s:
            self._late("the head of the request")  # line breaks between requests

    def _feed(self, piece: bytes) -> None:
        """Feed a piece to the parser; refuse the request if one header grows too long."""
        self._unseen += len(piece)
        heard = self._head_lines, self._in_head
        self._parse(piece)
        if (not self._in_head and not self._in_body) or heard != (self._head_lines, self._in_head):
            self._unseen = 0
        if self._unseen > self._limits.head_bytes and not self._done:
            self.refuse(_head_too_large(self._limits))

    def _parse(self, piece: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(piece[upgrade.args[0] :])
        except httptools.HttpParserError:
            says = "not HTTP/1.1 as this server reads it"
            self.refuse(self._problem or Problem(400, "invalid_request", says))

    def _upgrade(self, rest: bytes) -> None:
        """Open a WebSocket; an upgrade to anything else is an ordinary request (RFC 9110, 7.8)."""
        if not self._should_upgrade():
            if self._body_due:
                self._frame_body()
            if rest and not self._done:
                self._parse(rest)
        elif self._idle:
            self.handle_websocket_upgrade()
        else:
            says = "a WebSocket is opened on a connection where no answer is due"
            self.refuse(Problem(400, "invalid_request", says))

    def _frame_body(self) -> None:
        """Parse the body with a new parser: because of the upgrade, the first one skipped it.

        Otherwise the body would be read as the next request (request smuggling).
        """
        framing = (
            b"Transfer-Encoding: chunked" if self._coded else b"Content-Length: " + self._length
        )
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        self._body_due, self._framing = False, True
        self.parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")
        self._framing = False

    def _count(self, size: int) -> None:
        self._head_bytes += size
        limits = self._limits
        if self._head_bytes > limits.head_bytes or self._head_lines > limits.headers:
            self._object(_head_too_large(limits))

    def _check_coding(self, value: bytes) -> None:
        """Accept only `chunked`: a body in another coding could be misread (RFC 9112, 6).

        The parser refuses a request that also has a `Content-Length`.
        """
        if value.strip(b" \t").lower() != b"chunked" or self._coded:
            says = "Transfer-Encoding: send `chunked` alone, or none"
            self._object(Problem(501, "transfer_encoding_unsupported", says))
        self._coded = True

    def _object(self, problem: Problem) -> NoReturn:
        self._problem = problem
        raise _Refused

    def _refuse_under_way(self, problem: Problem) -> None:
        """Answer a request with a faulty body in the place of the app, which waits for the body."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self._release()
            self.transport.abort()
            return
        cycle.disconnected = True
        cycle.message_event.set()
        if cycle.response_started:
            self._release()
            self.transport.abort()
        else:
            self._hang_up(problem)

    def _hang_up(self, problem: Problem) -> None:
        """Send `problem`, give the caller `linger_s` to read it, and close the connection."""
        self._last = None
        self._release()
        if self.transport.is_closing():
            self.transport.abort()
            return
        self.transport.write(_raw(problem, self.server_state.default_headers))
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(self._limits.linger_s, self.transport.abort)

    def _late(self, what: str) -> None:
        if self.cycle is None and not self._in_head:
            self.transport.abort()  # no request has begun, so there is nothing to answer
            return
        self.refuse(Problem(408, "too_slow", f"{what} did not arrive in time"))

    def _throw_away(self, size: int) -> None:
        self._discarded += size
        if self._discarded > self._limits.discard_bytes:
            self._done = True
            self.transport.abort()

    def _release(self) -> None:
        self.server_state.bodies_bytes -= self._held_bytes
        self._held_bytes = 0

    def _sweep_unsent(self, now: float) -> None:
        """Close the connection if the caller does not read the answer."""
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent or not unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now - self._unsent_since > self._limits.stuck_s:
            self.transport.abort()


def _busy(name: str, detail: str) -> Problem:
    return Problem(503, name, f"{detail}; try again", headers={"Retry-After": "1"})


def _too_far_ahead(limits: Limits) -> Problem:
    says = f"at most {limits.pipelined} requests wait for their answers: send this one again"
    return Problem(429, "pipelined", says, headers={"Retry-After": "1"})


def _head_too_large(limits: Limits) -> Problem:
    says = f"at most {limits.head_bytes} bytes and {limits.headers} headers"
    return Problem(431, "head_too_large", says)


def _raw(problem: Problem, default: list[tuple[bytes, bytes]]) -> bytes:
    """The bytes of an answer that no app makes."""
    response = problem.response("")
    headers = [*default, *with_headers(response.raw_headers), (b"connection", b"close")]
    lines = [name + b": " + value + b"\r\n" for name, value in headers]
    return b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", bytes(response.body)])
