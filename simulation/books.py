"""The accounts as their owners see them at the last close: what strategies and fees look at.

Read from the write side's states. A day that is resumed half-way must decide as it did the first
time, so its morning is folded from the log as it was known before anybody acted.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from domain import account
from domain.shared.money import ZERO, round_money
from simulation.history import History
from simulation.plans import Plan
from simulation.strategies import TRADED, Holdings
from streams.platform import Platform


class Books:
    def __init__(self, platform: Platform, history: History) -> None:
        self._platform = platform
        self._symbols = {history.isin(s): s for s in history.symbols}
        self._states: dict[str, Any] = {}
        self._day: date = date.min

    async def refresh(self, plans: Sequence[Plan]) -> None:
        """Look at the accounts as they are now."""
        for plan in plans:
            self._states[plan.account_id] = (await self._platform.handler.state(_stream(plan)))[0]

    async def morning(self, plans: Sequence[Plan], day: date, *, known_at: datetime | None) -> None:
        """Look at the accounts as they were recorded by `known_at`; None: as they are now."""
        self._day = day
        if known_at is None:
            await self.refresh(plans)
            return
        for plan in plans:
            state = account.INITIAL
            for e in await self._platform.log.select(_stream(plan)):
                if e.meta.recorded_at <= known_at:
                    state = account.evolve(state, e.event)
            self._states[plan.account_id] = state

    def state(self, plan: Plan) -> Any:
        """The account's state when it was last looked at."""
        return self._states[plan.account_id]

    def holdings(self, plan: Plan) -> Holdings:
        state = self._states[plan.account_id]
        currencies = {plan.base_currency, TRADED}
        return Holdings(
            cash={c: state.available_to_trade(c, self._day) for c in currencies},
            withdrawable={c: state.available_to_withdraw(c, self._day) for c in currencies},
            shares={
                symbol: qty
                for isin, symbol in self._symbols.items()
                if (qty := state.sellable(isin)) > 0
            },
        )

    def nav(
        self, plan: Plan, closes: Mapping[str, Decimal], per_eur: Mapping[str, Decimal]
    ) -> Decimal:
        """Traded cash and positions at the close, in base currency, rounded once."""
        state = self._states[plan.account_id]
        rates = {**per_eur, "EUR": Decimal(1)}
        total = ZERO
        for currency, amount in state.traded.items():
            total += _converted(amount, currency, plan.base_currency, rates)
        for isin, symbol in self._symbols.items():
            value = state.qty(isin) * closes[symbol]
            total += _converted(value, TRADED, plan.base_currency, rates)
        return round_money(total, plan.base_currency)


def _converted(amount: Decimal, of: str, to: str, per_eur: Mapping[str, Decimal]) -> Decimal:
    return amount if of == to or not amount else amount * per_eur[to] / per_eur[of]


def _stream(plan: Plan) -> str:
    return f"account-{plan.account_id}"
