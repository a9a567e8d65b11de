"""The short way of a command (`api.http.short_way`) through uvicorn's HTTP/1.1.

    data --whole request--> ShortCycle                    the parser does not see it
    data --> parser --> head --> ShortCycle --> body      in pieces
                          '--> uvicorn's own cycle <--'   the long way, at head or body

A request gets a `ShortCycle` only if no other request of the connection is under way. Requests
that arrive meanwhile wait in uvicorn's own pipeline.
"""

from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http.idle_timer import IdleTimer
from api.http.limits import Held
from api.http.short_cycle import ShortCycle, is_waiting
from commands.ports import Request


class ShortHttp(HttpToolsProtocol):
    """One connection; the bounds on it are those of `api.http.http_protocol`."""

    server_state: Held

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limits = self._limits = self.server_state.limits
        self._whole_max = min(limits.head_bytes, limits.small_bytes)  # bytes of a whole request
        self._address = ""
        self._in_head = self._in_body = False
        self._coded = False  # the head has a Transfer-Encoding
        self._unseen = 0  # bytes fed since the parser last reported progress
        self._held_bytes = 0  # of bodies whose requests are not answered yet
        idle_s = self.timeout_keep_alive
        self._idle_timer = IdleTimer(self.loop, idle_s, self.timeout_keep_alive_handler)

    @property
    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        self._idle_timer.end()
        super().connection_lost(exc)

    def took_whole(self, data: bytes) -> bool:
        """Answer `data` on the short way, if it is a whole request and nothing is under way.

        The parser does not see it. It is between two requests then, before and after.
        """
        way = self.server_state.short_way
        if (
            way is None
            or self._unseen
            or self._in_head
            or self._in_body
            or len(data) > self._whole_max
            or not self._may_be_short()
        ):
            return False
        found = way.whole(data, self._limits.headers)
        if found is None:
            return False
        head, key, body = found
        request = way.request(head, key, body)
        if request is None:
            return False
        self._unset_keepalive_if_required()
        self._held_bytes = len(body)
        self.server_state.bodies_bytes += len(body)
        self._run_short(ShortCycle(way, head, key), request)
        return True

    def on_headers_complete(self) -> None:
        cycle = self._short_cycle()
        if cycle is None:
            super().on_headers_complete()
        else:
            self.cycle = cycle  # type: ignore[assignment]

    def let_wait(self) -> None:
        """Let an incomplete request wait for its body; not if its caller has a limit.

        A caller over its limit is answered before its body came.
        """
        cycle: Any = self.cycle
        if is_waiting(cycle) and cycle.way.limited(self._address):
            self._take_long_way()

    def on_message_complete(self) -> None:
        cycle: Any = self.cycle
        if is_waiting(cycle):
            request = cycle.request()
            if request is not None:
                self._run_short(cycle, request)
                return
            self._take_long_way()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.pipeline:
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if self.flow.read_paused:
            self.flow.resume_reading()
        self._idle_timer.start()
        self.timeout_keep_alive_task = self._idle_timer  # type: ignore[assignment]

    def _may_be_short(self) -> bool:
        """`root_path`, a full write buffer and a closing connection are left to uvicorn."""
        cycle = self.cycle
        return (
            (cycle is None or cycle.response_complete)
            and not self.root_path
            and not self.flow.write_paused
            and not self.transport.is_closing()
        )

    def _short_cycle(self) -> ShortCycle | None:
        way, parser = self.server_state.short_way, self.parser
        if (
            way is None
            or self._coded
            or parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
            or parser.should_upgrade()
            or not self._may_be_short()
        ):
            return None
        keyed = way.head(self.url, self.headers)
        return None if keyed is None else ShortCycle(way, *keyed)

    def _run_short(self, cycle: ShortCycle, request: Request) -> None:
        cycle.more_body = False
        self.cycle = cycle  # type: ignore[assignment]
        done = partial(self._answer_short, cycle)
        task = cycle.way.start(cycle.head, request, self._address, done=done)
        if task is not None:
            task.add_done_callback(self.tasks.discard)
            self.tasks.add(task)

    def _answer_short(self, cycle: ShortCycle, status: int, rest: bytes) -> None:
        if not cycle.disconnected:
            cycle.send(self.transport, self.server_state, status, rest)
            self.on_response_complete()

    def _take_long_way(self) -> None:
        """Start uvicorn's own cycle for a request whose head was let onto the short way."""
        before, self.cycle = self.cycle, None  # type: ignore[assignment]
        super().on_headers_complete()
        self.cycle.body += before.body
        self.cycle.keep_alive = self.cycle.keep_alive and before.keep_alive
        self.cycle.message_event.set()
