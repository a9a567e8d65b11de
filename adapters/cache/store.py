"""The cache port: bytes that may be lost at any time, short locks, and callers' allowances.

The store is never the only place that holds a fact. One contract suite
(`tests/contract/cache/cache_suite.py`) runs over every implementation: memory, Redis.

    guarded_store.GuardedStore             a circuit breaker over a store that may go away
    values.Cache                           sealed values, single flight; the edge reads through it
    adapters.dispatch.rate_limit.Limiter   callers' allowances
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class StoreGone(Exception):
    """The store did not answer in time, or refused; the caller goes on without it."""


class Rate(NamedTuple):
    """`per_s` requests a second in the long run, and up to `burst` at once."""

    per_s: float
    burst: int

    @property
    def interval_us(self) -> int:
        return max(1, round(1e6 / self.per_s))

    @property
    def tolerance_us(self) -> int:
        return self.interval_us * self.burst


class Verdict(NamedTuple):
    admitted: bool
    remaining: int  # further requests that would be admitted at once
    retry_s: float  # until this request would be admitted; 0 if it was
    full_s: float  # until the whole burst is available again


def verdict(rate: Rate, *, admitted: bool, ahead_us: int, cost: int) -> Verdict:
    """The verdict on a caller's request.

    Args:
        ahead_us: how far the caller's theoretical arrival time lies ahead of the clock.
        cost: of the request; the `retry_s` of a refusal is for exactly this cost.
    """
    left = max(0, (rate.tolerance_us - ahead_us) // rate.interval_us)
    wait_us = 0 if admitted else max(0, ahead_us + cost * rate.interval_us - rate.tolerance_us)
    return Verdict(admitted, int(left), wait_us / 1e6, max(0, ahead_us) / 1e6)


class CacheStore(Protocol):
    """Every method may raise StoreGone."""

    async def get(self, keys: Sequence[str], /) -> Sequence[bytes | None]: ...

    async def put(self, key: str, value: bytes, /, *, ttl_s: float) -> None: ...

    async def lock(self, key: str, token: str, /, *, ttl_s: float) -> bool:
        """Take a lock that expires by itself; False while another token holds it."""
        ...

    async def unlock(self, key: str, token: str, /) -> None:
        """Release the lock, if `token` still holds it."""
        ...

    async def admit(self, key: str, rate: Rate, /, *, cost: int, forced: bool = False) -> Verdict:
        """Charge a caller, in one step that is atomic for all callers of the store.

        GCRA (ATM Forum TM 4.0): each caller has a theoretical arrival time; a request moves it
        on by cost x interval and is refused, and charged nothing, when that would put it more
        than the burst ahead of the store's clock. With `forced` it is charged in any case.
        """
        ...

    async def ping(self) -> None: ...

    async def close(self) -> None: ...
