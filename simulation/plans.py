"""The participants: N accounts with a client, a base currency, a lot method and a strategy each.

Everything follows from (seed, index), so that account 7 of a hundred is account 7 of a thousand.
"""

import random
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

BASES = ("USD", "USD", "USD", "USD", "USD", "USD", "EUR", "EUR", "GBP", "CHF")
METHODS = ("FIFO", "LIFO", "HIFO")


class Strategy(StrEnum):
    BUY_AND_HOLD = "buy_and_hold"  # equal weights once, then never again
    REBALANCE = "monthly_rebalance"  # back to equal weights every month
    MOMENTUM = "momentum"  # every month the five best of the last six months
    SAVINGS = "savings_plan"  # a deposit every month into three stocks, a withdrawal in June


class Plan(Struct, frozen=True, kw_only=True):
    account_id: str
    client_id: str
    base_currency: str
    lot_method: str
    strategy: Strategy
    symbols: tuple[str, ...]
    opening: Decimal  # first deposit, base currency
    monthly: Decimal  # savings plan's deposit


def plans(count: int, *, seed: int, symbols: tuple[str, ...]) -> tuple[Plan, ...]:
    return tuple(_plan(i, seed, symbols) for i in range(1, count + 1))


def _plan(index: int, seed: int, symbols: tuple[str, ...]) -> Plan:
    dice = random.Random(f"plan:{seed}:{index}")
    strategy = tuple(Strategy)[index % len(Strategy)]
    wanted = {Strategy.SAVINGS: 3, Strategy.MOMENTUM: 5}.get(strategy, 8)
    saver = strategy is Strategy.SAVINGS
    return Plan(
        account_id=f"A{index:05d}",
        client_id=f"C{(index + 1) // 2:05d}",  # two accounts a client
        base_currency=dice.choice(BASES),
        lot_method=dice.choice(METHODS),
        strategy=strategy,
        symbols=tuple(sorted(dice.sample(symbols, min(wanted, len(symbols))))),
        opening=Decimal(dice.randrange(2, 11) * (1_000 if saver else 25_000)),
        monthly=Decimal(dice.randrange(5, 31) * 100) if saver else Decimal(0),
    )
