"""Slows down fetches from a broker that has no records.

Kafka holds a fetch until there is a record, or for the time that the fetch names. The development
broker answers at once: without a pause, an idle consumer keeps a core busy.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.protocol.fetch import FetchRequest  # type: ignore[import-untyped]  # it has no types

from adapters.host.retry import Retry

PAUSE_MIN_S, PAUSE_MAX_S = 0.002, 0.05  # between two empty fetches


class Fetches:
    """Sends requests through `send`, but returns an empty fetch only after a pause.

    Each empty fetch doubles the pause; a record resets it. The time for which the broker held the
    fetch counts towards the pause.
    """

    def __init__(self, send: Callable[..., Awaitable[Any]]) -> None:
        self._send, self._retry = send, Retry(PAUSE_MIN_S, PAUSE_MAX_S)

    async def __call__(self, node_id: Any, request: Any, **how: Any) -> Any:
        began = time.monotonic()
        answer = await self._send(node_id, request, **how)
        if not isinstance(request, FetchRequest):
            return answer
        if _brings(answer):
            self._retry.reset()
            return answer
        left = self._retry.next_s() - (time.monotonic() - began)
        if left > 0:
            await asyncio.sleep(left)
        return answer


def _brings(answer: Any) -> bool:
    """Whether any partition of a fetch's answer has records (the last field of each partition)."""
    return any(found[-1] for _, partitions in answer.topics for found in partitions)
