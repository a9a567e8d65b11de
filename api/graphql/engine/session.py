"""One operation's reads: a snapshot, opened once, after the views have reached `atLeast`.

    root resolvers --need--> (all positions are known) --wait--> snapshot --> statements

Every root resolver registers the position it needs before its first await. A separate task opens
the snapshot that they share. It runs only after all of them have registered, and waits until the
views have passed the greatest of these positions.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from strawberry.extensions import SchemaExtension
from strawberry.types.execution import StreamExecutionResult

from api.graphql.engine.faults import NOT_YET, fault
from api.graphql.engine.folding import Purse, Turns
from api.graphql.engine.hub import Hub
from api.graphql.engine.opened import Opened
from api.graphql.engine.sources import Current
from api.http.metrics import Metrics
from api.ports import Platform, Reader, Views

PATIENCE_S = 5.0
POLL_S = (0.005, 0.01, 0.02, 0.05)


class Session:
    """The `info.context` of resolvers; one per operation."""

    def __init__(
        self, platform: Platform, hub: Hub, turns: Turns, views: Views | None = None
    ) -> None:
        self.read_models, self.log, self.cache = platform.read_models, platform.log, platform.cache
        self.hub, self.clock = hub, platform.clock
        self.current = Current(self.reader, self.clock().date(), Opened(self.log))
        self.purse = Purse(turns)
        self._views = views
        self._needs = 0
        self._reached = 0
        self._opening: asyncio.Task[Reader] | None = None
        self._stack = AsyncExitStack()

    def need(self, position: int) -> None:
        """Register the position a resolver needs; call it before the resolver's first await."""
        self._needs = max(self._needs, position)
        if self._views is not None:
            self._views.hurry(position)

    async def reader(self) -> Reader:
        """The operation's snapshot."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def require_position(self, position: int) -> None:
        """Require that the views which this operation reads have passed `position`.

        Raises:
            GraphQLError: NOT_YET, if they have not within `PATIENCE_S`.
        """
        await self.reader()
        if self._reached < position:
            raise fault(
                NOT_YET, f"the views are at position {self._reached}, not yet at {position}"
            )

    def live(self) -> Current:
        """A source for one event of a subscription: each statement reads the newest rows."""

        async def reader() -> Reader:
            return self.read_models

        return Current(reader, self.clock().date(), Opened(self.log))

    async def close(self) -> None:
        if self._opening is not None:
            await asyncio.wait([self._opening])
        await self._stack.aclose()
        await self.purse.close()

    async def _open(self) -> Reader:
        if self._needs:
            self._reached = await self._wait(self._needs)
        return await self._stack.enter_async_context(self.read_models.snapshot())

    async def _wait(self, position: int) -> int:
        """Wait until every view has passed `position` or time is up; the lowest view's position.

        The tables decide; this process's own views only shorten the wait between two looks.
        """
        loop = asyncio.get_running_loop()
        until, polls = loop.time() + PATIENCE_S, iter(POLL_S)
        passed = False  # whether this process's views have, as far as they know
        while True:
            reached = min((await self.read_models.positions()).values(), default=0)
            if reached >= position or loop.time() >= until:
                return reached
            pause = next(polls, POLL_S[-1])
            if passed or self._views is None:
                await asyncio.sleep(pause)
            else:
                passed = await self._views.wait_for(position, timeout_s=pause)


class Operations(SchemaExtension):
    """Gives each operation its session, and counts its outcome."""

    def __init__(self, session: Session, metrics: Metrics) -> None:
        self._session, self._metrics = session, metrics

    async def on_operation(self) -> AsyncIterator[None]:
        self.execution_context.context = self._session
        outcome = "errors"
        try:
            yield
            outcome = _outcome(self.execution_context.result)
        finally:
            await self._session.close()
            self._metrics.operations_of(outcome).inc()

    async def on_stream_result(self, result: StreamExecutionResult) -> AsyncIterator[None]:
        self._metrics.operations_of(_outcome(result)).inc()
        yield


def _outcome(result: object) -> str:
    return "errors" if getattr(result, "errors", None) else "ok"
