"""Shared by `relay` and `worker`: signals, status over HTTP, a regular line of JSON."""

import argparse
import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette

from api.cli import say, wants_json
from api.http.server import Door

STATUS_S = 10.0
LOOPBACK = "127.0.0.1"

Line = Callable[[], Awaitable[str]]


@asynccontextmanager
async def doors(
    app: Starlette, line: Line, args: argparse.Namespace, *, name: str
) -> AsyncIterator[asyncio.Event]:
    """Serve `app` on a loopback port; yields the event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    listener = socket.create_server((LOOPBACK, args.port))
    door = Door(app)
    answering = asyncio.create_task(door.serve(sockets=[listener]))
    telling = asyncio.create_task(_tell(line, args))
    say(f"{name} on http://{LOOPBACK}:{listener.getsockname()[1]}")
    try:
        yield stop
    finally:
        telling.cancel()
        door.should_exit = True
        await asyncio.gather(answering, telling, return_exceptions=True)


async def _tell(line: Line, args: argparse.Namespace) -> None:
    """With --json, print the status as one line every `STATUS_S` seconds."""
    while wants_json(args):
        await asyncio.sleep(STATUS_S)
        with suppress(Exception):  # the log is unreachable: `/readyz` reports it
            print(await line(), flush=True)
