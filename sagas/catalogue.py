"""The catalogue: one line per saga, in the order in which they see an event."""

from sagas import base_cost, fx, kyc, order, payout, settlement, transfer
from sagas.engine.ports import Saga

SAGAS: tuple[Saga, ...] = (
    kyc,
    order,
    settlement,
    payout,
    transfer,
    fx,
    base_cost,
)

assert len({saga.NAME for saga in SAGAS}) == len(SAGAS), "two sagas share one name"
