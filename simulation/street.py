"""The street of a run, to hand to `Drive`."""

from collections.abc import Callable

from adapters.simulators.statement import Statement
from simulation.run import Spec
from streams.gateways.counterparties import YEAR, Faults, simulated_street
from streams.gateways.street import Street
from streams.platform import Platform
from streams.sagas.runner import Send


def street_of(
    spec: Spec, statement: Statement, faults: Faults = YEAR
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
            faults=faults,
        )

    return build
