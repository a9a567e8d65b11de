"""A cache store behind a circuit breaker, which logs each outage on one line."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from adapters.cache.breaker import Breaker
from adapters.cache.store import CacheStore, Rate, StoreGone, Verdict

T = TypeVar("T")
_log = logging.getLogger(__name__)


class GuardedStore:
    """Implements `adapters.cache.store.CacheStore` over another.

    Args:
        name: of the store in log lines; without a password.
    """

    def __init__(self, store: CacheStore, name: str, *, breaker: Breaker | None = None) -> None:
        self._store, self._name = store, name
        self._breaker = breaker or Breaker()
        self._why = ""

    async def get(self, keys: Sequence[str], /) -> Sequence[bytes | None]:
        return await self._ask(lambda: self._store.get(keys))

    async def put(self, key: str, value: bytes, /, *, ttl_s: float) -> None:
        await self._ask(lambda: self._store.put(key, value, ttl_s=ttl_s))

    async def lock(self, key: str, token: str, /, *, ttl_s: float) -> bool:
        return await self._ask(lambda: self._store.lock(key, token, ttl_s=ttl_s))

    async def unlock(self, key: str, token: str, /) -> None:
        await self._ask(lambda: self._store.unlock(key, token))

    async def admit(self, key: str, rate: Rate, /, *, cost: int, forced: bool = False) -> Verdict:
        return await self._ask(lambda: self._store.admit(key, rate, cost=cost, forced=forced))

    async def ping(self) -> None:
        await self._ask(self._store.ping)

    async def close(self) -> None:
        await self._store.close()

    async def _ask(self, question: Callable[[], Awaitable[T]]) -> T:
        if not self._breaker.permits():
            raise StoreGone(self._why)
        try:
            answer = await question()
        except StoreGone as e:
            self._failed(str(e))
            raise
        if self._breaker.succeeded():
            _log.warning("cache: %s answers again", self._name)
        return answer

    def _failed(self, why: str) -> None:
        self._why = why
        if self._breaker.failed():
            _log.error(
                "cache: %s: %s; each process computes its own values and keeps its own limits",
                self._name,
                why,
            )
