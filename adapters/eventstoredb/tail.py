"""Told by the server that the log has grown: a live subscription to $all, resumed where it was.

A subscription that is lost is begun again behind the last event it gave, so nothing is missed;
until then a waiter is late by the time that it takes to come back.
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
    """`adapters.log.waiting.Tail`, told by a subscription."""

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
        """Follow the log from its known end; an empty one from the beginning."""
        events = self._link.follow(
            streams,
            subscribe=True,
            commit_position=self._position or None,
            filter_exclude=DEFAULT_EXCLUDE_FILTER,
        )
        async with contextlib.aclosing(events):
            async for event in events:
                self.advance(event.commit_position or 0)
