"""The cache without a server: breaker, guard, single flight, and a store that is away."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from adapters.cache.breaker import FAILURES_MAX, PAUSE_MAX_S, PAUSE_S, Breaker
from adapters.cache.guarded_store import GuardedStore
from adapters.cache.store import Rate, StoreGone, Verdict
from adapters.cache.values import VALUE_MAX, Cache, Made
from adapters.dispatch.rate_limit import Limiter, caller_of
from adapters.host.entropy import SystemEntropy
from adapters.memory.cache import MemoryCache


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Flaky(MemoryCache):
    """A store that the test can take away; it counts its requests."""

    gone = False
    asked = 0

    async def get(self, keys: Sequence[str], /) -> Sequence[bytes | None]:
        self._check()
        return await super().get(keys)

    async def put(self, key: str, value: bytes, /, *, ttl_s: float) -> None:
        self._check()
        await super().put(key, value, ttl_s=ttl_s)

    async def lock(self, key: str, token: str, /, *, ttl_s: float) -> bool:
        self._check()
        return await super().lock(key, token, ttl_s=ttl_s)

    async def admit(self, key: str, rate: Rate, /, *, cost: int, forced: bool = False) -> Verdict:
        self._check()
        return await super().admit(key, rate, cost=cost, forced=forced)

    async def ping(self) -> None:
        self._check()

    def _check(self) -> None:
        self.asked += 1
        if self.gone:
            raise StoreGone("connection refused")


class Maker:
    """Makes a value after a short delay, and counts its calls."""

    def __init__(self, value: bytes = b"made", *, keep: bool = True) -> None:
        self.value, self.keep, self.times = value, keep, 0

    async def __call__(self) -> Made:
        self.times += 1
        await asyncio.sleep(0.01)
        return self.value, self.keep


def cache(store: MemoryCache) -> Cache:
    return Cache(store, b"secret", SystemEntropy())


def test_a_breaker_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker(clock=Clock())
    for _ in range(FAILURES_MAX - 1):
        assert not breaker.failed()
    breaker.succeeded()
    for _ in range(FAILURES_MAX - 1):
        assert not breaker.failed()
    assert breaker.closed and breaker.permits()
    assert breaker.failed()
    assert not breaker.closed and not breaker.permits()


def test_an_open_breaker_lets_one_try_after_each_pause_and_waits_longer_each_time() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    for _ in range(FAILURES_MAX):
        breaker.failed()
    pause = PAUSE_S
    for _ in range(10):
        clock.now += pause * 0.99
        assert not breaker.permits()
        clock.now += pause * 0.02
        assert breaker.permits()
        assert not breaker.permits()  # the others wait for the result of this one
        assert not breaker.failed()
        pause = min(2 * pause, PAUSE_MAX_S)
    clock.now += PAUSE_MAX_S + 1
    assert breaker.permits()
    assert breaker.succeeded()
    assert breaker.closed and breaker.permits()


async def test_a_store_that_is_away_is_asked_rarely_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, flaky = Clock(), Flaky()
    store = GuardedStore(flaky, "Redis at somewhere:1", breaker=Breaker(clock=clock))
    caplog.set_level(logging.WARNING)
    flaky.gone = True
    for _ in range(100):
        with pytest.raises(StoreGone, match="connection refused"):
            await store.get(["a"])
    assert flaky.asked == FAILURES_MAX
    flaky.gone = False
    clock.now += PAUSE_S
    assert list(await store.get(["a"])) == [None]
    result = [r.message for r in caplog.records]
    assert result == [
        "cache: Redis at somewhere:1: connection refused; "
        "each process computes its own values and keeps its own limits",
        "cache: Redis at somewhere:1 answers again",
    ]


async def test_a_value_is_made_once_and_then_found() -> None:
    kept, make = cache(MemoryCache()), Maker()
    assert await kept.fetch(["a"], make) == b"made"
    assert await kept.fetch(["a"], make) == b"made"
    assert make.times == 1
    assert (kept.counts.hits, kept.counts.misses) == (1, 1)


async def test_parts_differ_by_their_borders() -> None:
    kept = cache(MemoryCache())
    assert await kept.fetch(["ab", "c"], Maker(b"1")) == b"1"
    assert await kept.fetch(["a", "bc"], Maker(b"2")) == b"2"


async def test_who_asks_meanwhile_waits_for_the_same_value() -> None:
    kept, make = cache(MemoryCache()), Maker()
    assert set(await asyncio.gather(*(kept.fetch(["a"], make) for _ in range(50)))) == {b"made"}
    assert make.times == 1
    assert kept.counts.shared == 49


async def test_what_may_not_be_kept_is_not_shared_either() -> None:
    kept, first, second = cache(MemoryCache()), Maker(b"1", keep=False), Maker(b"2", keep=False)
    found = await asyncio.gather(kept.fetch(["a"], first), kept.fetch(["a"], second))
    assert found == [b"1", b"2"]
    assert await kept.fetch(["a"], second) == b"2"


async def test_a_caller_who_gives_up_does_not_take_the_others_along() -> None:
    kept, make = cache(MemoryCache()), Maker()
    first = asyncio.create_task(kept.fetch(["a"], make))
    await asyncio.sleep(0)
    second = asyncio.create_task(kept.fetch(["a"], make))
    await asyncio.sleep(0.001)
    first.cancel()
    assert await second == b"made"
    assert make.times == 1


async def test_what_the_maker_raises_is_raised_to_all_and_kept_for_none() -> None:
    kept, times = cache(MemoryCache()), 0

    async def make() -> Made:
        nonlocal times
        times += 1
        await asyncio.sleep(0)
        raise ValueError("unreadable")

    asked = (kept.fetch(["a"], make) for _ in range(3))
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(e) for e in found] == ["unreadable"] * 3
    assert times == 1
    with pytest.raises(ValueError, match="unreadable"):
        await kept.fetch(["a"], make)
    assert await kept.fetch(["a"], Maker()) == b"made"  # no lock is left


async def test_too_large_a_value_is_answered_and_not_kept() -> None:
    kept, make = cache(MemoryCache()), Maker(b"x" * (VALUE_MAX + 1))
    for _ in range(2):
        assert len(await kept.fetch(["a"], make)) == VALUE_MAX + 1
    assert make.times == 2


async def test_without_its_store_every_value_is_computed_again() -> None:
    flaky, make = Flaky(), Maker()
    flaky.gone = True
    kept = cache(flaky)
    for _ in range(3):
        assert await kept.fetch(["a"], make) == b"made"
    assert make.times == 3
    assert kept.counts.errors == 9  # a get, a lock, a put
    assert await kept.trouble() == "connection refused"
    flaky.gone = False
    assert await kept.trouble() is None


async def test_without_its_store_a_process_keeps_the_limit_for_itself() -> None:
    flaky = Flaky()
    limiter = Limiter(flaky, {"q": Rate(0.1, 5)}, b"secret", loopback=False)
    flaky.gone = True
    found = [await limiter.admit("q", "192.0.2.1") for _ in range(8)]
    assert [bool(v and v.admitted) for v in found] == [True] * 5 + [False] * 3


async def test_only_named_doors_and_callers_from_elsewhere_are_limited() -> None:
    limiter = Limiter(MemoryCache(), {"q": Rate(0.1, 1)}, b"secret", loopback=False)
    for address in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", ""):
        assert await limiter.admit("q", address) is None
    assert await limiter.admit("other", "192.0.2.1") is None
    assert await limiter.admit("q", "192.0.2.1") is not None
    strict = Limiter(MemoryCache(), {"q": Rate(0.1, 1)}, b"secret", loopback=True)
    assert await strict.admit("q", "127.0.0.1") is not None


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "loopback"),
        ("testclient", "testclient"),
    ],
)
def test_a_caller_is_an_address_or_what_one_subscriber_is_given(address: str, caller: str) -> None:
    assert caller_of(address) == caller
