"""The market of a run: real sessions, closes and fixings, and what strategies may know of them."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property

from adapters.market import history as market_history
from simulation.strategies import Market

LOOK_BACK = 126  # sessions: six months, for the momentum ranking


class History:
    """Sessions from `first` to `last`, both included if they are one.

    Raises:
        OutsideHistory: there is no session in that period, or none before it.
    """

    def __init__(self, first: date, last: date) -> None:
        self._prices = market_history.prices()
        self.sessions = self._prices.between(first, last)
        if not self.sessions:
            raise market_history.OutsideHistory(
                f"no session from {first} to {last}; prices run from "
                f"{self._prices.dates[0]} to {self._prices.dates[-1]}"
            )
        self.eve = self._prices.day_before(self.sessions[0])
        self._index = {day: i for i, day in enumerate(self.sessions)}
        self._isins = {s.symbol: s.isin for s in market_history.STOCKS}

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Stocks with prices through the whole run."""
        first, last = self._prices.on(self.eve), self._prices.on(self.sessions[-1])
        return tuple(s for s in self._prices.symbols if s in first and s in last)

    def isin(self, symbol: str) -> str:
        return self._isins[symbol]

    def closes(self, day: date) -> dict[str, Decimal]:
        found = self._prices.on(day)
        return {s: found[s] for s in self.symbols if s in found}

    def fixing(self, day: date) -> tuple[date, dict[str, Decimal]]:
        fixed = market_history.rates(day)
        return fixed.rate_date, fixed.rates

    def rates(self, day: date) -> Mapping[str, Decimal]:
        """Units per EUR at that day's fixing; none in a run that began before there were any."""
        return self.fixing(day)[1] if self.has_rates else {}

    def before(self, day: date) -> date:
        return self._prices.day_before(day)

    def days_since_previous(self, day: date) -> int:
        """Calendar days that a daily accrual on `day` covers."""
        return (day - self.before(day)).days

    def ends_month(self, day: date) -> bool:
        later = self._prices.between(day + timedelta(days=1), day + timedelta(days=10))
        return bool(later) and later[0].month != day.month

    def market(self, day: date) -> Market:
        """What may be known on the morning of `day`: everything up to the session before."""
        before = self.before(day)
        return Market(
            day=day,
            session=self._index[day],
            of_month=len(self._prices.between(day.replace(day=1), day)) - 1,
            closes=self.closes(before),
            ranking=self._ranking(before),
            per_eur={**self._fixing_or_none(before), "EUR": Decimal(1)},
        )

    def _ranking(self, day: date) -> tuple[str, ...]:
        earlier = self._prices.between(day - timedelta(days=2 * LOOK_BACK), day)
        then = self._prices.on(earlier[max(len(earlier) - 1 - LOOK_BACK, 0)]) if earlier else {}
        now = self.closes(day)
        return tuple(
            sorted(now, key=lambda s: (-(now[s] / then[s]) if then.get(s) else Decimal(0), s))
        )

    def _fixing_or_none(self, day: date) -> Mapping[str, Decimal]:
        try:
            return self.fixing(day)[1]
        except market_history.OutsideHistory:
            return {}

    @cached_property
    def has_rates(self) -> bool:
        """Whether the ECB has fixed rates for the whole run (from 1999-01-04 on)."""
        return bool(self._fixing_or_none(self.eve))
