"""The contract over memory, and its bounds."""

import pytest

from adapters.cache.store import Rate
from adapters.memory import cache as memory_cache
from adapters.memory.cache import MemoryCache
from tests.contract.cache.cache_suite import *  # noqa: F403


@pytest.fixture
def store() -> MemoryCache:
    return MemoryCache()


async def test_the_least_recently_used_goes_first_when_it_is_full() -> None:
    store = MemoryCache(bytes_max=100)
    for name in "abc":
        await store.put(name, b"x" * 30, ttl_s=60)
    await store.get(["a"])
    await store.put("d", b"x" * 30, ttl_s=60)
    assert [v is not None for v in await store.get(list("abcd"))] == [True, False, True, True]


async def test_what_is_larger_than_all_of_it_is_not_held() -> None:
    store = MemoryCache(bytes_max=100)
    await store.put("a", b"x" * 101, ttl_s=60)
    assert list(await store.get(["a"])) == [None]


async def test_callers_are_forgotten_once_they_owe_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    store = MemoryCache(clock=lambda: now)
    for i in range(10):
        await store.admit(f"c{i}", Rate(per_s=1, burst=5), cost=1)
    assert len(store._arrivals) == 10
    now = 2.0
    await store.admit("new", Rate(per_s=1, burst=5), cost=1)
    assert list(store._arrivals) == ["new"]
    monkeypatch.setattr(memory_cache, "CALLERS_MAX", 3)
    for i in range(10):
        await store.admit(f"d{i}", Rate(per_s=1, burst=5), cost=1)
    assert len(store._arrivals) == 3
