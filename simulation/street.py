"""The street of a run, to hand to `Drive`."""

from collections.abc import Callable

from adapters.simulators.misbehaviour import BankFaults, CustodianFaults, VenueFaults
from adapters.simulators.statement import Statement
from simulation.run import Spec
from streams.gateways.counterparties import YEAR, Faults, simulated_street
from streams.gateways.street import Street
from streams.platform import Platform
from streams.sagas.runner import Send

NONE = Faults(VenueFaults(), CustodianFaults(), BankFaults())
HOSTILE = Faults(
    VenueFaults(
        reject=0.02,
        cancel=0.03,
        overfill=0.02,
        bust=0.04,
        correct=0.04,
        duplicate=0.2,
        late=0.1,
        out_of_order=0.1,
    ),
    CustodianFaults(fail=0.15, fail_days_max=8, partial=0.15, duplicate=0.2, deny_cancel=0.2),
    BankFaults(reject=0.1, give_back=0.1, duplicate=0.2),
)
FAULTS = {"none": NONE, "some": YEAR, "hostile": HOSTILE}
"""How the counterparties misbehave, by the name that a command line gives it."""


def street_of(
    spec: Spec, statement: Statement, faults: Faults | None = None
) -> Callable[[Platform, Send], Street]:
    def build(platform: Platform, send: Send) -> Street:
        return simulated_street(
            platform.log,
            platform.saga_store,
            send,
            clock=platform.clock,
            statement=statement,
            seed=spec.seed,
            last=spec.last,
            faults=faults or FAULTS[spec.faults],
        )

    return build
