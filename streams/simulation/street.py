"""The street of a run, to hand to `Drive`."""

from collections.abc import Callable

from adapters.simulators.statement import Statement
from adapters.wiring import Platform
from streams.counterparties import simulated_street
from streams.sagas import Send
from streams.simulation.run import Spec
from streams.street import Street


def street_of(spec: Spec, statement: Statement) -> Callable[[Platform, Send], Street]:
    def build(platform: Platform, send: Send) -> Street:
        return simulated_street(
            platform.log,
            platform.saga_store,
            send,
            clock=platform.clock,
            statement=statement,
            seed=spec.seed,
            last=spec.last,
        )

    return build
