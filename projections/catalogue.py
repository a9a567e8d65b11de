"""The views, one line each."""

from projections import (
    accounts,
    balances,
    cases,
    cash,
    client_money,
    clients,
    days,
    fees,
    fills,
    instruments,
    lots,
    marks,
    obligations,
    orders,
    positions,
    rates,
    repeats,
    settlements,
    trial_balance,
)
from projections.ports import View

VIEWS: tuple[View, ...] = (
    balances,
    trial_balance,
    cash,
    positions,
    lots,
    obligations,
    client_money,
    fees,
    accounts,
    orders,
    fills,
    settlements,
    clients,
    instruments,
    marks,
    rates,
    days,
    cases,
    repeats,
)
BY_NAME: dict[str, View] = {view.NAME: view for view in VIEWS}
