"""The HTTP server of every process: uvicorn with bounds, no Server header, no info logs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from api.http.http_protocol import BoundedHttp
from api.http.limits import Held, Limits
from api.http.ws_protocol import BoundedSocket

WS_FRAME_MAX = 1 << 20  # bytes, as for a body
SWEEP_TICKS = 10  # a second of uvicorn's main loop


class Door(uvicorn.Server):
    """uvicorn without signal handlers: the process handles signals and ends its parts in order.

    Args:
        forwarded: addresses of gateways, separated by commas, whose `X-Forwarded-For` and
            `X-Forwarded-Proto` are trusted; by default no caller's are, on this machine or not.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        *,
        forwarded: str = "",
        **more: Any,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=BoundedHttp,
            ws=BoundedSocket,
            log_level="warning",
            server_header=False,
            timeout_keep_alive=limits.idle_s,
            ws_max_size=WS_FRAME_MAX,
            proxy_headers=bool(forwarded),
            forwarded_allow_ips=forwarded,
            **more,
        )
        super().__init__(config)
        self.server_state: Held = Held(limits, getattr(app, "short_way", None))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second; once a second it closes connections that take too long."""
        if counter % SWEEP_TICKS == 0:
            self._sweep()
        return await super().on_tick(counter)

    def _sweep(self) -> None:
        loop = self.servers[0].get_loop() if self.servers else None
        for connection in list(self.server_state.connections) if loop else ():
            connection.sweep(loop.time())  # type: ignore[union-attr]
