"""The cache in a Redis server: shared by every process of the platform.

It sees only keys made by `cache.Cache` and `rate_limit.Limiter`: hashes under a secret of the
log. Every key expires, so the server may run with any eviction policy.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from adapters.cache.store import Rate, StoreGone, Verdict, verdict

CONNECTIONS_MAX = 16
ANSWER_S = 0.25
"""The longest that a caller waits for Redis; an answer takes 0.2 ms on one machine."""

_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"

# KEYS: the caller. ARGV: interval us, tolerance us, cost, forced. Returns {admitted, ahead us}.
# Uses the server's clock, since the processes' clocks may differ. Lua's doubles are exact for
# microseconds up to 2^53.
_ADMIT = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local after = arrival + ARGV[3] * ARGV[1]
if ARGV[4] == '0' and after - now > tonumber(ARGV[2]) then return {0, arrival - now} end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1)
return {1, after - now}
"""


class RedisRefused(StoreGone):
    """The server answers, but rejects our name, password or permissions."""


class RedisCache:
    """Implements `adapters.cache.store.CacheStore`.

    Raises:
        ValueError: not a Redis URL.
    """

    def __init__(self, url: str) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS_MAX,
            timeout=ANSWER_S,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 1),  # an idle connection may have been cut
            health_check_interval=0,
        )
        self._redis: Any = Redis.from_pool(pool)
        self._admit = self._redis.register_script(_ADMIT)
        self._unlock = self._redis.register_script(_UNLOCK)

    async def get(self, keys: Sequence[str], /) -> Sequence[bytes | None]:
        async with _asking():
            found: Sequence[bytes | None] = await self._redis.mget(keys)
            return found

    async def put(self, key: str, value: bytes, /, *, ttl_s: float) -> None:
        async with _asking():
            await self._redis.set(key, value, px=_ms(ttl_s))

    async def lock(self, key: str, token: str, /, *, ttl_s: float) -> bool:
        async with _asking():
            return bool(await self._redis.set(key, token, nx=True, px=_ms(ttl_s)))

    async def unlock(self, key: str, token: str, /) -> None:
        async with _asking():
            await self._unlock(keys=[key], args=[token])

    async def admit(self, key: str, rate: Rate, /, *, cost: int, forced: bool = False) -> Verdict:
        args = [rate.interval_us, rate.tolerance_us, cost, int(forced)]
        async with _asking():
            admitted, ahead_us = await self._admit(keys=[key], args=args)
        return verdict(rate, admitted=bool(admitted), ahead_us=int(ahead_us), cost=cost)

    async def ping(self) -> None:
        """Raises RedisRefused if waiting would not help, StoreGone if the server is down."""
        try:
            async with _asking():
                await self._redis.ping()
        except StoreGone as e:
            if isinstance(e.__cause__, AuthenticationError | NoPermissionError):
                raise RedisRefused(str(e)) from e
            raise

    async def close(self) -> None:
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()


@asynccontextmanager
async def _asking() -> AsyncIterator[None]:
    """Limit one request to ANSWER_S seconds, and raise every failure as StoreGone."""
    try:
        async with asyncio.timeout(ANSWER_S):
            yield
    except TimeoutError as e:
        raise StoreGone(f"no answer within {ANSWER_S:g} s") from e
    except (RedisError, OSError) as e:
        raise StoreGone(str(e) or type(e).__name__) from e


def _ms(seconds: float) -> int:
    return max(1, math.ceil(seconds * 1000))
