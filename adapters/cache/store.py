"""The cache port: bytes that may be forgotten at any time, short locks, and callers' allowances.

Nothing that is true lives here alone. One contract suite (`tests/contract/cache/cache_suite.py`)
runs over every implementation: memory, Redis.

    guarded_store.GuardedStore   time-outs and a circuit breaker over a store that may go away
    cache.Cache                  sealed values, single flight; what the edge reads through
    rate_limit.Limiter           callers' allowances
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class StoreGone(Exception):
    """The store did not answer in time, or refused; whoever asked goes on without it."""


class Rate(NamedTuple):
    """So many a second in the long run, and up to `burst` at once."""

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
    remaining: int  # that would be admitted at once after this
    retry_s: float  # until this would be admitted; 0 when it was
    full_s: float  # until the whole burst is there again


def verdict(rate: Rate, *, admitted: bool, ahead_us: int, cost: int) -> Verdict:
    """What a caller is told.

    Args:
        ahead_us: how far the caller's theoretical arrival time lies ahead of the clock.
        cost: of what was asked; a refusal says when just that will be admitted.
    """
    left = max(0, (rate.tolerance_us - ahead_us) // rate.interval_us)
    wait_us = 0 if admitted else max(0, ahead_us + cost * rate.interval_us - rate.tolerance_us)
    return Verdict(admitted, int(left), wait_us / 1e6, max(0, ahead_us) / 1e6)


class CacheStore(Protocol):
    """Every method may raise StoreGone."""

    async def get(self, keys: Sequence[str], /) -> Sequence[bytes | None]: ...

    async def put(self, key: str, value: bytes, /, *, ttl_s: float) -> None: ...

    async def lock(self, key: str, token: str, /, *, ttl_s: float) -> bool:
        """Take a lock that ends by itself; False while another token has it."""
        ...

    async def unlock(self, key: str, token: str, /) -> None:
        """Let go of the lock, if `token` still has it."""
        ...

    async def admit(self, key: str, rate: Rate, /, *, cost: int, forced: bool = False) -> Verdict:
        """Charge a caller, in one step that no other caller of the store can come between.

        GCRA (ATM Forum TM 4.0): each caller has a theoretical arrival time; a request moves it
        on by cost x interval and is refused, and charged nothing, when that would put it more
        than the burst ahead of the store's clock. Forced: charged whatever it comes to.
        """
        ...

    async def ping(self) -> None: ...

    async def close(self) -> None: ...
