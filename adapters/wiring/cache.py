"""Opens the cache that TIDEMARK_CACHE names: in this process, or Redis behind a circuit breaker."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from adapters.cache.guarded_store import GuardedStore
from adapters.cache.store import CacheStore, Rate, StoreGone
from adapters.cache.values import Cache
from adapters.dispatch.rate_limit import Limiter
from adapters.host.entropy import Entropy
from adapters.memory.cache import MemoryCache
from adapters.settings import Settings
from adapters.settings_error import SettingsError

_log = logging.getLogger(__name__)


class OpenCache(NamedTuple):
    cache: Cache
    limiter: Limiter


@asynccontextmanager
async def open_cache(
    settings: Settings, request_key: bytes, entropy: Entropy
) -> AsyncIterator[OpenCache]:
    """The cache and the callers' allowances, over one store.

    If the server is down, log that and start without it; use it once it answers.

    Raises:
        SettingsError: the URL is not valid, or the server rejects our password.
    """
    # Without the keys of the log, a process can neither find nor decrypt other processes' entries.
    store = await _store(settings.cache if request_key else "memory:")
    secret = f"{settings.log.split(':', 1)[0]}|".encode() + request_key
    rates = {
        limit: Rate(per_s, max(1, round(per_s * settings.rate_burst_s)))
        for limit, per_s in (
            ("commands", settings.rate_commands),
            ("queries", settings.rate_queries),
            ("sql", settings.rate_sql),
        )
        if per_s
    }
    limiter = Limiter(store, rates, secret, loopback=settings.rate_loopback)
    cache = Cache(store, secret, entropy)
    try:
        yield OpenCache(cache, limiter)
    finally:
        await cache.close()


async def _store(url: str) -> CacheStore:
    if url.startswith("memory:"):
        return MemoryCache()
    from adapters.redis.cache import RedisCache, RedisRefused  # noqa: PLC0415 - only if it is used

    try:
        parts = urlsplit(url)
        redis = RedisCache(url)
        name = f"Redis at {parts.hostname or 'localhost'}:{parts.port or 6379}"
    except ValueError as e:
        raise SettingsError(f"TIDEMARK_CACHE: {e}") from e
    try:
        await redis.ping()
    except RedisRefused as e:
        await redis.close()
        raise SettingsError(f"TIDEMARK_CACHE: {name}: {e}") from e
    except StoreGone as e:
        _log.error("cache: %s: %s; this process works without it", name, e)
    return GuardedStore(redis, name)
