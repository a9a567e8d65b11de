"""The simulated market: invents a day's prices between two recorded closes.

A session of n intervals between the previous close C0 and the close C1. At the k-th tick

    price(k) = C0 * (C1 / C0) ** (k / n) * exp(s * bridge(k / n))

rounded to `tick_size`, at least one tick. `bridge` is a Brownian bridge: a random walk with n
steps of variance 1/n, less k/n of its end. It is 0 at both ends, so the session opens exactly at
the previous close and ends exactly at the close. s = 0.01, a quiet day's volatility. A generator
seeded only by (seed, symbol, day) draws the walk's steps.
"""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from random import Random
from typing import NamedTuple, Protocol

VOLATILITY = 0.01
OPEN, INTERVAL, INTERVALS = time(13, 30, tzinfo=UTC), timedelta(minutes=5), 78  # to 20:00
CACHED = 512  # sessions of one symbol


class Tick(NamedTuple):
    at: datetime
    price: Decimal


class Session(NamedTuple):
    """One symbol's trading day; the first tick is the open, the last the close."""

    day: date
    ticks: tuple[Tick, ...]

    @property
    def close_at(self) -> datetime:
        return self.ticks[-1].at


class Market(Protocol):
    def session(self, symbol: str, day: date, /) -> Session | None:
        """The symbol's session of a day; None if it does not trade on that day."""
        ...

    def lists(self, symbol: str, /) -> bool: ...


Closes = Callable[[str, date], tuple[Decimal, Decimal] | None]
"""(previous close, close) of a symbol on a day; None: no session."""


class BridgedMarket:
    """Implements `Market` over daily closes. One session a day, in UTC, of 78 five-minute ticks.

    Args:
        closes: the prices at which the day starts and ends, from the caller's history.
        lists: whether a symbol is known at all.
        seed: of the walk between them.
        tick_size: prices are multiples of it; adjusted histories need a small one.
    """

    def __init__(
        self,
        closes: Closes,
        lists: Callable[[str], bool],
        *,
        seed: int,
        tick_size: Decimal = Decimal("0.0001"),
    ) -> None:
        self._closes, self._lists = closes, lists
        self._seed, self._tick_size = seed, tick_size
        self.session = lru_cache(maxsize=CACHED)(self._session)

    def lists(self, symbol: str) -> bool:
        return self._lists(symbol)

    def _session(self, symbol: str, day: date) -> Session | None:
        found = self._closes(symbol, day)
        if found is None:
            return None
        start = datetime.combine(day, OPEN)
        prices = self._path(symbol, day, *found)
        return Session(day, tuple(Tick(start + k * INTERVAL, p) for k, p in enumerate(prices)))

    def _path(self, symbol: str, day: date, first: Decimal, last: Decimal) -> list[Decimal]:
        drift = math.log(float(last) / float(first))
        middle = (
            float(first) * math.exp(drift * k / INTERVALS + VOLATILITY * b)
            for k, b in enumerate(bridge(f"{self._seed}|{symbol}|{day}", INTERVALS))
        )
        rounded = [self._rounded(price) for price in middle]
        return [first, *rounded[1:-1], last]

    def _rounded(self, price: float) -> Decimal:
        ticks = (Decimal(repr(price)) / self._tick_size).quantize(Decimal(1), ROUND_HALF_EVEN)
        return max(ticks, Decimal(1)) * self._tick_size


def bridge(seed: str, steps: int) -> list[float]:
    """A Brownian bridge at 0, 1/steps, ... 1: steps + 1 values, 0 at both ends."""
    dice, walk = Random(seed), [0.0]
    for _ in range(steps):
        walk.append(walk[-1] + dice.gauss(0.0, 1.0) / math.sqrt(steps))
    return [w - walk[-1] * k / steps for k, w in enumerate(walk)]
