"""Learn from the server that the log has grown: a live subscription to $all, resumed when lost.

A lost subscription is resumed after the last event that it delivered, so no event is missed; until
then a waiter is late by the time that this takes.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from esdbclient.client import DEFAULT_EXCLUDE_FILTER
from esdbclient.exceptions import EventStoreDBClientException
from esdbclient.streams import AsyncStreamsService

from adapters.eventstoredb.link import Link
from adapters.log.recorder import Unavailable
from adapters.log.waiting import POLL_S, Tail


class EsdbTail(Tail):
    """`adapters.log.waiting.Tail`, fed by a subscription."""

    def __init__(self, link: Link, last: Callable[[], Awaitable[int]]) -> None:
        super().__init__(last)
        self._link = link

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(EventStoreDBClientException, Unavailable, OSError):
                self.advance(await self._last())
                await self._link.persist(self._follow)
            await asyncio.sleep(POLL_S)

    async def _follow(self, streams: AsyncStreamsService, retried: bool) -> None:
        """Follow the log from its known end, or from the beginning if it is empty."""
        events = self._link.follow(
            streams,
            subscribe=True,
            commit_position=self._position or None,
            filter_exclude=DEFAULT_EXCLUDE_FILTER,
        )
        async with contextlib.aclosing(events):
            async for event in events:
                self.advance(event.commit_position or 0)
