"""The cache in this process: it evicts the least recently used values and ends with the process."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from adapters.cache.store import Rate, Verdict, verdict

BYTES_MAX = 64 << 20  # of values
CALLERS_MAX = 100_000  # callers with a partly used allowance; more push out the longest unseen


class MemoryCache:
    """Implements `adapters.cache.store.CacheStore`; the clock gives seconds that never decrease."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, bytes_max: int = BYTES_MAX
    ) -> None:
        self._clock, self._bytes_max = clock, bytes_max
        self._values: OrderedDict[str, tuple[bytes, float]] = OrderedDict()  # with expiry
        self._size = 0
        self._locks: dict[str, tuple[str, float]] = {}
        self._arrivals: OrderedDict[str, int] = OrderedDict()  # us

    async def get(self, keys: Sequence[str], /) -> Sequence[bytes | None]:
        return [self._one(key) for key in keys]

    async def put(self, key: str, value: bytes, /, *, ttl_s: float) -> None:
        self._drop(key)
        self._values[key] = (value, self._clock() + ttl_s)
        self._size += len(value)
        while self._size > self._bytes_max:
            self._drop(next(iter(self._values)))

    async def lock(self, key: str, token: str, /, *, ttl_s: float) -> bool:
        now = self._clock()
        held = self._locks.get(key)
        if held is not None and held[1] > now and held[0] != token:
            return False
        self._locks[key] = (token, now + ttl_s)
        return True

    async def unlock(self, key: str, token: str, /) -> None:
        held = self._locks.get(key)
        if held is not None and held[0] == token:
            del self._locks[key]

    async def admit(self, key: str, rate: Rate, /, *, cost: int, forced: bool = False) -> Verdict:
        now = int(self._clock() * 1e6)
        arrival = max(self._arrivals.get(key, 0), now)
        after = arrival + cost * rate.interval_us
        admitted = forced or after - now <= rate.tolerance_us
        if admitted:
            self._arrivals[key] = arrival = after
            self._arrivals.move_to_end(key)
            self._forget_callers(now)
        return verdict(rate, admitted=admitted, ahead_us=arrival - now, cost=cost)

    async def ping(self) -> None:
        """Always succeeds."""

    async def close(self) -> None:
        self._values.clear()
        self._size = 0

    def _one(self, key: str) -> bytes | None:
        found = self._values.get(key)
        if found is None:
            return None
        if found[1] <= self._clock():
            self._drop(key)
            return None
        self._values.move_to_end(key)
        return found[0]

    def _drop(self, key: str) -> None:
        gone = self._values.pop(key, None)
        if gone is not None:
            self._size -= len(gone[0])

    def _forget_callers(self, now: int) -> None:
        """Drop, longest unseen first, callers with a full allowance and those over the maximum."""
        while self._arrivals:
            oldest, arrival = next(iter(self._arrivals.items()))
            if arrival > now and len(self._arrivals) <= CALLERS_MAX:
                return
            del self._arrivals[oldest]
