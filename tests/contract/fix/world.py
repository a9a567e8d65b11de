"""A small platform whose venue is at the other end of a FIX session, and the other ends."""

import asyncio
import itertools
import socket
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.fix.engine import Ends, Engine
from adapters.fix.journal import Journal
from adapters.fix.orders import from_fields, to_fields
from adapters.fix.text import ADMIN, Fields, text_of
from adapters.fix.url import VenueUrl
from adapters.fix.venue import FixVenue
from streams.gateways.channels.venue import VenueChannel
from streams.gateways.gateway import Gateway
from tests.unit.sagas.world import World

PATIENCE_S = 60.0  # for a busy machine
US, THEM = "TIDEMARK", "XSIM"
_folders = itertools.count(1)


async def until(holds: Callable[[], Any], what: str = "") -> None:
    """Wait for a condition; fails after `PATIENCE_S`."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.005)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Scripted:
    """A venue that does what a test says: the other end of the session, on an engine of its own."""

    def __init__(self, folder: Path, port: int, **ends: Any) -> None:
        self.ends = Ends(sender_comp_id=THEM, target_comp_id=US, port=port, heartbeat_s=30, **ends)
        self.folder = folder
        self.came: asyncio.Queue[Fields] = asyncio.Queue()
        self.all: list[Fields] = []
        self._loop = asyncio.get_running_loop()
        self.engine = Engine(self.ends, folder, self)

    async def start(self) -> None:
        await asyncio.to_thread(self.engine.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self.engine.stop)

    async def again(self) -> None:
        """A new process on the same files."""
        self.engine = Engine(self.ends, self.folder, self)
        await self.start()

    async def next(self) -> Any:
        """The next application message, as ours."""
        async with asyncio.timeout(PATIENCE_S):
            return from_fields(await self.came.get())

    async def say(self, report: Any) -> None:
        assert await asyncio.to_thread(self.engine.send, *to_fields(report))

    async def say_raw(self, msg_type: str, *pairs: tuple[int, str]) -> None:
        await asyncio.to_thread(self.engine.send, msg_type, list(pairs))

    def next_number(self) -> int:
        """The number of our next message."""
        return self.engine.numbers()[0]

    def sent(self, raw: bytes, /) -> bool:
        return True

    def resent(self, raw: bytes, /) -> None:
        return

    def received(self, raw: bytes, /) -> None:
        fields = Fields.parse(text_of(raw))
        self._loop.call_soon_threadsafe(self._note, fields)

    def _note(self, fields: Fields) -> None:
        self.all.append(fields)
        if fields.msg_type not in ADMIN:
            self.came.put_nowait(fields)

    def up(self) -> None:
        return

    def down(self) -> None:
        return


class FixWorld(World):
    """`World` with a real session in place of its venue. The log outlives the process."""

    def __init__(self, folder: Path, port: int, **settings: Any) -> None:
        self.folder, self.port, self.settings = folder, port, settings
        self._listening: asyncio.Task[None] | None = None
        super().__init__()

    def restart(self) -> None:
        super().restart()
        url = VenueUrl(
            host="127.0.0.1",
            port=self.port,
            sender_comp_id=US,
            target_comp_id=THEM,
            **self.settings,
        )
        self.journal = Journal("venue", self.side.log, self.send, (US, THEM))
        files = self.folder / f"fix{next(_folders)}"  # a new process finds no file of the old one
        self.fix = FixVenue(url, self.journal, files, self.clock)
        self.line = Gateway(
            self.side.log,
            self.store,
            self.send,
            channel=VenueChannel(self.settl_date),
            counterparty=self.fix,
        )
        self.gateways[0] = self.line

    @asynccontextmanager
    async def connected(self, patience_s: float = PATIENCE_S) -> Any:
        """The session is up inside, and logged out after."""
        stop = asyncio.Event()
        listening = asyncio.create_task(self.line.listen(stop))
        try:
            async with asyncio.timeout(patience_s):
                while not self.fix.up and not listening.done():
                    await asyncio.sleep(0.005)
            yield self
        finally:
            stop.set()
            await asyncio.wait_for(listening, PATIENCE_S)

    async def settle(self, holds: Callable[[], Awaitable[Any]]) -> None:
        """Run sagas and gateways until a condition holds."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await self.drain()
                if await holds():
                    return
                await asyncio.sleep(0.005)

    async def state(self, order_id: str) -> Any:
        return (await self.side.handler.state(f"order-{order_id}"))[0]

    def pass_a_minute(self) -> None:
        self.clock.set(self.clock() + timedelta(minutes=1))
