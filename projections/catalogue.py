"""The views, one line each."""

from projections.holdings import lots, obligations, positions, settlements
from projections.ledger import balances, cash, client_money, trial_balance
from projections.market import instruments, marks, rates
from projections.operations import cases, days, desk_controls, fees, fix_sessions, repeats
from projections.parties import accounts, clients
from projections.ports import Audience, View
from projections.trading import fills, fix_messages, orders

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
    fix_sessions,
    fix_messages,
    desk_controls,
)
BY_NAME: dict[str, View] = {view.NAME: view for view in VIEWS}

assert len(BY_NAME) == len(VIEWS), "two views share one name"
assert all(isinstance(view.AUDIENCE, Audience) for view in VIEWS), "a view names no audience"
