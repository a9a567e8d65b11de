"""Asks a broker for records at leisure while it has none.

Kafka holds a fetch until there is a record, or for the time that the fetch names. The development
broker answers at once: without a pause a consumer that waits for records keeps a core busy.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.protocol.fetch import FetchRequest  # type: ignore[import-untyped]  # it has none

PAUSE_MIN_S, PAUSE_MAX_S = 0.002, 0.05  # between two fetches that bring nothing


class Fetches:
    """Sends requests as `send` does, but gives an empty fetch back only after a pause.

    The pause doubles while nothing comes; the first record ends it. A broker that has held the
    fetch for as long itself is asked again at once.
    """

    def __init__(self, send: Callable[..., Awaitable[Any]]) -> None:
        self._send, self._pause = send, PAUSE_MIN_S

    async def __call__(self, node_id: Any, request: Any, **how: Any) -> Any:
        began = time.monotonic()
        answer = await self._send(node_id, request, **how)
        if not isinstance(request, FetchRequest):
            return answer
        if _brings(answer):
            self._pause = PAUSE_MIN_S
            return answer
        left = self._pause - (time.monotonic() - began)
        self._pause = min(2 * self._pause, PAUSE_MAX_S)
        if left > 0:
            await asyncio.sleep(left)
        return answer


def _brings(answer: Any) -> bool:
    """Whether any partition of a fetch's answer has records; they come last."""
    return any(found[-1] for _, partitions in answer.topics for found in partitions)
