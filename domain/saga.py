"""The streams of sagas, `saga_{name}-{id}`: refusals and deadlines, recorded as events.

A saga learns two things only from outside: that one of its commands was refused, and that a
deadline passed. Both are reports: they happened, they are never refused, and they reach the saga
through the log like any event. `name` is a saga's (order, settlement ...) or a gateway's (venue
...). A gateway's refused reports stay here as suspense for operations.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from domain.shared.message import Command, Decision, Event, Internal, Refusal


class RecordRefusal(Internal):
    saga: str
    saga_id: str
    command: str  # name of the refused command
    refusal: str
    target: str  # the stream that refused
    state: dict[str, str] = {}  # what caused it
    refused_id: str = ""  # message id of the refused command


class PassDeadline(Internal):
    saga: str
    saga_id: str
    name: str
    due_at: datetime


SagaCommand = RecordRefusal | PassDeadline


class CommandRefused(Event, tag="command.refused"):
    """A saga's command, or a gateway's report, was refused by its target."""

    saga: str
    saga_id: str
    command: str
    refusal: str
    target: str
    state: dict[str, str] = {}
    refused_id: str = ""


class DeadlinePassed(Event, tag="deadline.passed"):
    saga: str
    saga_id: str
    name: str
    due_at: datetime


SagaEvent = CommandRefused | DeadlinePassed


class SagaStream(Struct, frozen=True):
    """The due time that passed last, by deadline name, so that each deadline passes once."""

    passed: dict[str, datetime] = {}


CATEGORY = "saga"  # of the decider; the streams' own categories are saga_<name>
COMMANDS: tuple[type[Command], ...] = (RecordRefusal, PassDeadline)
REFUSALS: Mapping[type[Command], tuple[Refusal, ...]] = {RecordRefusal: (), PassDeadline: ()}
EVENTS: tuple[type[Event], ...] = (CommandRefused, DeadlinePassed)
INITIAL = SagaStream()


def stream(command: SagaCommand) -> str:
    """The full stream name: its category is the saga's own, not `CATEGORY`."""
    return f"{CATEGORY}_{command.saga}-{command.saga_id}"


def key(command: SagaCommand) -> str:
    return command.saga_id


def reads(command: SagaCommand) -> tuple[str, ...]:
    return ()


def decide(command: SagaCommand, state: SagaStream, seen: object) -> Decision:
    """Record the report; a deadline that has passed already changes nothing."""
    match command:
        case RecordRefusal():
            return (_refusal(command),)
        case PassDeadline(name=name, due_at=due_at) if state.passed.get(name) == due_at:
            return ()
        case PassDeadline():
            return (
                DeadlinePassed(
                    saga=command.saga,
                    saga_id=command.saga_id,
                    name=command.name,
                    due_at=command.due_at,
                ),
            )


def evolve(state: SagaStream, event: SagaEvent) -> SagaStream:
    if isinstance(event, DeadlinePassed):
        return SagaStream(state.passed | {event.name: event.due_at})
    return state


def home(state: SagaStream, stream: str) -> str:
    return stream


def _refusal(command: RecordRefusal) -> CommandRefused:
    return CommandRefused(
        saga=command.saga,
        saga_id=command.saga_id,
        command=command.command,
        refusal=command.refusal,
        state=command.state,
        target=command.target,
        refused_id=command.refused_id,
    )
