"""The product's HTTP server with a dispatcher that does nothing: what the door alone costs.

Each command is decoded, checked, counted and answered as usual; the dispatcher answers in the next
turn of the event loop, as the group commit does.
"""

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

from adapters.dispatch.rate_limit import Limiter
from adapters.host import gc_settings as collector
from adapters.memory.cache import MemoryCache
from api.app import create_app
from api.http.server import Door
from commands.handler import Done, Outcome
from commands.ports import Request
from tests.bench.rig import complete

DONE = Done(stream="account-A1", version=7, position=123_456)


class Dispatcher:
    """Answers without a log."""

    batches = commands = waiting = 0

    async def submit(self, request: Request) -> Outcome:
        return await self.begin(request)

    def begin(self, _: Request) -> "asyncio.Future[Outcome]":
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()
        loop.call_soon(answer.set_result, DONE)
        return answer

    async def outcome_of(self, begun: "asyncio.Future[Outcome]") -> Outcome:
        return await begun


async def main() -> None:
    platform: Any = SimpleNamespace(
        dispatcher=Dispatcher(),
        limiter=Limiter(MemoryCache(), {}, b"secret", loopback=False),
        log=None,
        read_models=None,
        read_warehouse=None,
        cache=None,
        clock=None,
    )
    door = Door(create_app(platform), port=0)
    task = asyncio.create_task(door.serve())
    while not door.started:
        await asyncio.sleep(0.01)
    collector.settle()
    host, port = door.servers[0].sockets[0].getsockname()
    print(f"ready http://{host}:{port}", file=sys.stderr, flush=True)
    task.add_done_callback(lambda _: None)
    await task


if __name__ == "__main__":
    complete(main())
