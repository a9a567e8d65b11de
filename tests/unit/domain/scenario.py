"""given(module, *events).when(command).then(*events): an aggregate's tests in its own words.

Works on any `commands.ports.Decider`: the module itself is the first argument. A test reads

    given(order, placed, released).when(RecordAck(...)).then(accepted)
    given(order, placed).when(CancelOrder(...), seen=Seen(...)).refused(OrderRefusal.X, state="y")

Three laws that hold for all aggregates are checked too: a refusal is one that the module lists for
the command (`REFUSALS`), the event types are the module's own, and the state survives a round trip
through msgpack (it is stored as a snapshot).
"""

from datetime import UTC, datetime
from functools import reduce
from typing import Any

import msgspec

from domain.shared.message import Command, Event, Refusal, Refused, Seen

TODAY = datetime(2030, 1, 2, 12, tzinfo=UTC)
"""The handler's clock if a test gives none: later than every date in the tests."""
NOTHING_SEEN = Seen(now=TODAY)


class given:
    def __init__(self, module: Any, *events: Event) -> None:
        self.module = module
        self.state = reduce(module.evolve, events, module.INITIAL)
        self.decision: Any = None

    def when(self, command: Command, *, seen: Seen = NOTHING_SEEN) -> "given":
        assert isinstance(command, self.module.COMMANDS), f"{command} is not for {self.module}"
        self.decision = self.module.decide(command, self.state, seen)
        if isinstance(self.decision, Refused):
            listed = self.module.REFUSALS[type(command)]
            assert any(refusal is self.decision.refusal for refusal in listed), self.decision
        return self

    def then(self, *events: Event) -> Any:
        """The decision was exactly these events; returns the state after them."""
        assert self.decision == events
        return self.after()

    def refused(self, refusal: Refusal, **state: object) -> Refused:
        """The decision was this refusal; `state`, if given, is part of the state that caused it."""
        assert isinstance(self.decision, Refused), f"not refused: {self.decision}"
        assert self.decision.refusal is refusal, self.decision
        result = self.decision.state
        assert {k: result.get(k) for k in state} == {k: str(v) for k, v in state.items()}
        return self.decision

    def after(self) -> Any:
        """The state after the decision's events, proved to be storable as a snapshot."""
        assert not isinstance(self.decision, Refused), self.decision
        assert all(isinstance(event, self.module.EVENTS) for event in self.decision)
        state = reduce(self.module.evolve, self.decision, self.state)
        stored = msgspec.msgpack.encode(state)
        assert msgspec.msgpack.decode(stored, type=type(self.module.INITIAL)) == state
        return state
