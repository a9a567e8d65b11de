"""The contract of every cache store; each implementation runs all of it.

A test module gives a `store` fixture and imports `*` from here.
"""

import asyncio

import pytest

from adapters.cache.store import CacheStore, Rate


async def test_what_was_put_is_found_and_what_was_not_is_not(store: CacheStore) -> None:
    await store.put("a", b"\x00\xff bytes", ttl_s=60)
    assert list(await store.get(["a", "b"])) == [b"\x00\xff bytes", None]


async def test_the_last_put_wins(store: CacheStore) -> None:
    await store.put("a", b"1", ttl_s=60)
    await store.put("a", b"2", ttl_s=60)
    assert list(await store.get(["a"])) == [b"2"]


async def test_a_value_is_gone_after_its_time(store: CacheStore) -> None:
    await store.put("a", b"1", ttl_s=0.05)
    await asyncio.sleep(0.1)
    assert list(await store.get(["a"])) == [None]


async def test_a_lock_is_held_by_one_until_it_lets_go(store: CacheStore) -> None:
    assert await store.lock("l", "one", ttl_s=60)
    assert not await store.lock("l", "two", ttl_s=60)
    await store.unlock("l", "two")  # not its own lock
    assert not await store.lock("l", "two", ttl_s=60)
    await store.unlock("l", "one")
    assert await store.lock("l", "two", ttl_s=60)


async def test_a_lock_ends_by_itself(store: CacheStore) -> None:
    assert await store.lock("l", "dead", ttl_s=0.05)
    await asyncio.sleep(0.1)
    assert await store.lock("l", "two", ttl_s=60)
    await store.unlock("l", "dead")  # too late: another caller has the lock now
    assert not await store.lock("l", "three", ttl_s=60)


async def test_a_burst_is_admitted_and_then_no_more(store: CacheStore) -> None:
    rate = Rate(per_s=1, burst=5)
    found = [await store.admit("c", rate, cost=1) for _ in range(6)]
    assert [v.admitted for v in found] == [True] * 5 + [False]
    assert [v.remaining for v in found] == [4, 3, 2, 1, 0, 0]
    assert found[-1].retry_s == pytest.approx(1, abs=0.3)
    assert found[-1].full_s == pytest.approx(5, abs=0.3)
    assert found[0].retry_s == 0


async def test_a_refusal_costs_nothing_and_the_wait_that_it_names_is_enough(
    store: CacheStore,
) -> None:
    rate = Rate(per_s=20, burst=2)
    while (found := await store.admit("c", rate, cost=1)).admitted:
        pass
    for _ in range(50):
        await store.admit("c", rate, cost=1)
    await asyncio.sleep(found.retry_s + 0.005)
    assert (await store.admit("c", rate, cost=1)).admitted


async def test_callers_do_not_pay_for_each_other(store: CacheStore) -> None:
    rate = Rate(per_s=1, burst=1)
    assert (await store.admit("one", rate, cost=1)).admitted
    assert not (await store.admit("one", rate, cost=1)).admitted
    assert (await store.admit("two", rate, cost=1)).admitted


async def test_in_the_long_run_a_caller_gets_its_rate(store: CacheStore) -> None:
    rate = Rate(per_s=200, burst=10)
    loop, admitted = asyncio.get_running_loop(), 0
    started = loop.time()
    while (elapsed := loop.time() - started) < 0.5:
        admitted += (await store.admit("c", rate, cost=1)).admitted
        await asyncio.sleep(0.0005)
    assert 0.8 * 200 * elapsed <= admitted <= 200 * elapsed + 10 + 1


async def test_many_at_once_get_no_more_than_the_burst(store: CacheStore) -> None:
    rate = Rate(per_s=0.1, burst=7)
    found = await asyncio.gather(*(store.admit("c", rate, cost=1) for _ in range(50)))
    assert sum(v.admitted for v in found) == 7


async def test_a_forced_charge_is_owed(store: CacheStore) -> None:
    rate = Rate(per_s=10, burst=5)
    assert (await store.admit("c", rate, cost=100, forced=True)).admitted
    found = await store.admit("c", rate, cost=1)
    assert not found.admitted
    assert found.retry_s == pytest.approx((100 + 1 - 5) / 10, abs=0.5)


async def test_it_answers(store: CacheStore) -> None:
    await store.ping()
