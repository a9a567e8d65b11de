"""following(saga, *events).then(*commands): a saga's tests in its own words.

    following(order, placed, reserved).sends(ReleaseOrder(order_id="O1"))

Every event goes through `correlate`; the commands checked are those of the last event. The state
is checked to survive a round trip through storage after every event.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.saga import CommandRefused, DeadlinePassed
from domain.shared.envelope import Envelope, Metadata
from domain.shared.message import Command, Event
from sagas.engine.ports import Deadline
from sagas.engine.runner import keep, restore

NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)


def envelope(event: Event, version: int = 1, stream: str = "test-1") -> Envelope:
    at = NOON + timedelta(seconds=version)
    name = str(event.__struct_config__.tag)
    meta = Metadata(
        stream=stream,
        version=version,
        name=name,
        schema=1,
        event_id=f"e{version}",
        recorded_at=at,
        actor="test",
        message_id=f"m{version}",
        request_hash="",
        home=stream,
    )
    return Envelope(position=version, committed_at=at, meta=meta, event=event, hash="")


class following:
    def __init__(self, saga: Any, *events: Event) -> None:
        self.saga, self.state, self.sent = saga, saga.INITIAL, ()
        self.ids: set[str] = set()
        self._version = 0
        self.then(*events)

    def then(self, *events: Event) -> "following":
        for event in events:
            self._version += 1
            arrived = envelope(event, self._version)
            found = self.saga.correlate(arrived)
            assert found, f"{self.saga.NAME} does not follow {event}"
            self.ids.add(found)
            assert len(self.ids) == 1, f"one story, several sagas: {self.ids}"
            self.sent = self.saga.react(self.state, arrived)
            self.state = self.saga.evolve(self.state, arrived)
            assert restore(self.saga, keep(self.saga, self.state)) == self.state
        return self

    def sends(self, *commands: Command) -> "following":
        assert self.sent == commands
        assert all(isinstance(c, self.saga.COMMANDS) for c in commands)
        return self

    def refused(self, command: str, why: str, refused_id: str = "") -> "following":
        """A command of the saga was refused."""
        (saga_id,) = self.ids
        return self.then(
            CommandRefused(
                saga=self.saga.NAME,
                saga_id=saga_id,
                command=command,
                refusal=why,
                target="somewhere-1",
                refused_id=refused_id,
            )
        )

    def time_passes(self) -> "following":
        """The saga's own deadline passes."""
        (saga_id,) = self.ids
        deadline = self.saga.due(self.state)
        assert deadline is not None, "it waits for no time"
        passed = DeadlinePassed(
            saga=self.saga.NAME, saga_id=saga_id, name=deadline.name, due_at=deadline.at
        )
        return self.then(passed)

    def is_due(self, at: datetime | None, name: str = "") -> "following":
        assert self.saga.due(self.state) == (Deadline(at, name) if at else None)
        return self

    def has_ended(self, ended: bool = True) -> "following":
        assert self.saga.ended(self.state) is ended
        return self
