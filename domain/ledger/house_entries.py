"""Journal entries of the house's own stream: capital, sweeps, bank interest (J0, J15, J20)."""

from collections.abc import Callable, Mapping
from typing import Any

from domain.house import DuesSwept, HouseFunded, InterestReceived
from domain.ledger.chart import Entry
from domain.ledger.lines import C_DUE, H_DUE, HOUSE_BANK, NOSTRO, move
from domain.shared.message import Event


def _funded(x: HouseFunded) -> tuple[Entry, ...]:
    return move("J0 capital", HOUSE_BANK, ("H.CAPITAL", "", ""), x.currency, amount=x.amount)


def _swept(x: DuesSwept) -> tuple[Entry, ...]:
    return (
        *move("J15 swept", C_DUE, NOSTRO, x.currency, amount=x.amount),
        *move("J15 swept (house)", HOUSE_BANK, H_DUE, x.currency, amount=x.amount),
    )


def _interest(x: InterestReceived) -> tuple[Entry, ...]:
    interest, day = ("H.INT", "", ""), x.value_date
    return (
        *move("J20 bank", NOSTRO, C_DUE, x.currency, amount=x.amount, value_date=day),
        *move("J20 bank (house)", H_DUE, interest, x.currency, amount=x.amount, value_date=day),
    )


ENTRIES: Mapping[type[Event], Callable[[Any], tuple[Entry, ...]]] = {
    HouseFunded: _funded,
    DuesSwept: _swept,
    InterestReceived: _interest,
}
