"""The accounts as their owners see them at the last close: the basis of strategies and fees.

Read from the write side's states. A day that is resumed half-way must decide as it did the first
time, so its morning is folded from the events recorded before any client acted.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from commands.ports import folded
from domain import account
from domain.shared.money import EXACT
from projections.holdings.valuation import Fixed, Holding, Value, net_value
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
        """Read the accounts as they are now."""
        for plan in plans:
            self._states[plan.account_id] = (await self._platform.handler.state(_stream(plan)))[0]

    async def morning(self, plans: Sequence[Plan], day: date, *, known_at: datetime | None) -> None:
        """Read the accounts as they were recorded by `known_at`; None: as they are now."""
        self._day = day
        if known_at is None:
            await self.refresh(plans)
            return
        for plan in plans:
            recorded = await self._platform.log.select(_stream(plan))
            known = [e.event for e in recorded if e.meta.recorded_at <= known_at]
            self._states[plan.account_id] = folded(account, known)

    def state(self, plan: Plan) -> Any:
        """The account's state as it was last read."""
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
        self,
        plan: Plan,
        closes: Mapping[str, Decimal],
        per_eur: Mapping[str, Decimal],
        *,
        day: date,
    ) -> Decimal:
        """Traded cash and positions at the closes of `day`, in base currency, rounded once.

        Raises:
            LookupError: a currency that the account holds has no rate in `per_eur`.
        """
        state = self._states[plan.account_id]
        held = [
            Holding(symbol, Value(EXACT.multiply(qty, closes[symbol]), TRADED, day))
            for isin, symbol in self._symbols.items()
            if (qty := state.qty(isin))
        ]
        fixed = {currency: Fixed(rate, day) for currency, rate in per_eur.items()}
        net = net_value(plan.base_currency, state.traded.items(), held, fixed, today=day)
        if net.amount is None:
            raise LookupError(f"{plan.account_id} on {day}: no {', '.join(net.missing)}")
        return net.amount


def _stream(plan: Plan) -> str:
    return f"account-{plan.account_id}"
