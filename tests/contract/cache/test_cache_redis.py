"""The contract over a real Redis behind the production guard, and cases of Redis alone."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from adapters.cache.guarded_store import GuardedStore
from adapters.cache.store import CacheStore, Rate, StoreGone
from adapters.cache.values import Cache
from adapters.dispatch.rate_limit import Limiter
from adapters.host.entropy import SystemEntropy
from adapters.redis import cache
from adapters.redis.cache import RedisCache, RedisRefused
from adapters.settings import Settings
from adapters.settings_error import SettingsError
from adapters.wiring.cache import open_cache
from tests.contract.cache.cache_suite import *  # noqa: F403
from tests.contract.cache.redis_server import RedisServer, redis_server

_databases = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[CacheStore]:
    with server.client() as client:
        client.flushall()
    store = GuardedStore(RedisCache(server.url), "Redis")
    yield store
    await store.close()


async def test_every_key_has_an_end(store: CacheStore, server: RedisServer) -> None:
    await store.put("v", b"1", ttl_s=60)
    await store.lock("l", "t", ttl_s=60)
    await store.admit("r", Rate(per_s=1, burst=10), cost=10)
    with server.client() as client:
        assert {k: 0 < int(client.pttl(k)) <= 60_001 for k in ("v", "l", "r")} == {
            "v": True, "l": True, "r": True,
        }  # fmt: skip


async def test_processes_share_one_allowance(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "ANSWER_S", 5.0)  # a limiter without an answer admits by itself
    stores = [RedisCache(server.url) for _ in range(3)]
    limiters = [Limiter(s, {"q": Rate(0.001, 9)}, b"secret", loopback=False) for s in stores]
    asked = [limiter.admit("q", "192.0.2.1") for limiter in limiters for _ in range(10)]
    found = await asyncio.gather(*asked)
    assert sum(bool(v and v.admitted) for v in found) == 9
    for store in stores:
        await store.close()


async def test_processes_make_an_expensive_value_once(server: RedisServer) -> None:
    stores = [RedisCache(server.url) for _ in range(3)]
    caches = [Cache(s, b"secret", SystemEntropy()) for s in stores]
    made = 0

    async def make() -> tuple[bytes, bool]:
        nonlocal made
        made += 1
        await asyncio.sleep(0.2)
        return b"expensive", True

    asked = [cache.fetch(["once"], make) for cache in caches for _ in range(5)]
    assert set(await asyncio.gather(*asked)) == {b"expensive"}
    assert made == 1
    assert await Cache(stores[0], b"secret", SystemEntropy()).fetch(["once"], make) == b"expensive"
    assert made == 1
    for store in stores:
        await store.close()


async def test_a_maker_that_died_with_the_lock_is_not_waited_for_long(
    server: RedisServer,
) -> None:
    store = RedisCache(server.url)
    cache = Cache(store, b"secret", SystemEntropy())
    await store.lock(f"{cache._name(['x'])}:l", "dead", ttl_s=60)

    async def make() -> tuple[bytes, bool]:
        return b"mine", True

    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await cache.fetch(["x"], make) == b"mine"
    assert loop.time() - started < 3
    await store.close()


async def test_redis_learns_neither_names_nor_values(server: RedisServer) -> None:
    store = RedisCache(server.url)
    cache = Cache(store, b"secret", SystemEntropy())

    async def make() -> tuple[bytes, bool]:
        return b"Joy Smith holds 100", True

    await cache.fetch(["account-joy", "positions"], make)
    limiter = Limiter(store, {"q": Rate(1, 9)}, b"secret", loopback=False)
    await limiter.admit("q", "192.0.2.77")
    with server.client() as client:
        for key in client.keys("*"):  # digests in hexadecimal, without these letters
            for word in (b"joy", b"Joy", b"Smith", b"192.0.2.77"):
                assert word not in key
                assert word not in client.get(key)
    await store.close()


async def test_a_value_that_was_tampered_with_or_moved_is_computed_again(
    server: RedisServer,
) -> None:
    store = RedisCache(server.url)
    cache = Cache(store, b"secret", SystemEntropy())

    async def make_one() -> tuple[bytes, bool]:
        return b"one", True

    async def make_two() -> tuple[bytes, bool]:
        return b"two", True

    await cache.fetch(["one"], make_one)
    with server.client() as client:
        sealed = client.get(cache._name(["one"]))
        client.set(cache._name(["two"]), sealed)  # the answer to another question
        client.set(cache._name(["one"]), sealed[:-1] + bytes([sealed[-1] ^ 1]))
    assert await cache.fetch(["two"], make_two) == b"two"
    assert await cache.fetch(["one"], make_two) == b"two"
    await store.close()


async def test_another_log_has_other_keys(server: RedisServer) -> None:
    store = RedisCache(server.url)

    async def make(value: bytes) -> tuple[bytes, bool]:
        return value, True

    for secret in (b"one", b"two"):
        cache = Cache(store, secret, SystemEntropy())
        assert await cache.fetch(["same"], lambda s=secret: make(s)) == secret
    await store.close()


async def test_a_wrong_password_is_distinguished_from_a_server_that_is_away() -> None:
    with redis_server(password="right") as server:
        wrong = RedisCache(server.url.replace("right", "wrong"))
        with pytest.raises(RedisRefused):
            await wrong.ping()
        await wrong.close()
        right = RedisCache(server.url)
        await right.ping()
        server.kill()
        with pytest.raises(StoreGone) as gone:
            await right.ping()
        assert not isinstance(gone.value, RedisRefused)
        await right.close()


async def test_at_the_start_a_wrong_password_is_one_line_that_does_not_say_it() -> None:
    with redis_server(password="right") as server:
        wrong = Settings(cache=server.url.replace("right", "wrong-secret"))
        with pytest.raises(SettingsError) as refused:
            await open_cache(wrong, b"secret", SystemEntropy()).__aenter__()
    line = str(refused.value)
    assert line.startswith(f"TIDEMARK_CACHE: Redis at 127.0.0.1:{server.port}: ")
    assert "wrong-secret" not in line and "\n" not in line


@pytest.mark.parametrize("url", ["redis://127.0.0.1:notaport/0", "redis://[::1/0"])
async def test_at_the_start_a_url_that_is_none_is_one_line(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^TIDEMARK_CACHE: [^\n]+$"):
        await open_cache(Settings.read(cache=url), b"secret", SystemEntropy()).__aenter__()


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.read(cache="memcached://x")
    assert str(refused.value) == ("TIDEMARK_CACHE: its scheme must be one of memory, redis, rediss")
