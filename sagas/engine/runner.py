"""The pure run loop of sagas: a page of the log in, states and owed commands out.

Commands are named after their cause, so that a redelivered page or a rebuild owes the same
commands under the same names. Every page also removes the owed commands that the log shows as
answered: appended or refused, by message id. So a rebuild only reads again from position 0; the
commands still owed at the end are those that were never answered.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from domain.saga import CommandRefused
from domain.shared.envelope import Envelope
from domain.shared.message import Command
from sagas.engine.ports import Folded, Kept, Owed, Saga, SagaKey, Saved, message_id

_ENCODER = msgspec.json.Encoder(order="deterministic")


def keys(
    sagas: Sequence[Folded], positions: Mapping[str, int], page: Iterable[Envelope]
) -> set[SagaKey]:
    """The rows that `advance` will need for this page."""
    return {
        (saga.NAME, saga_id)
        for arrived in page
        for saga in sagas
        if arrived.position > positions[saga.NAME] and (saga_id := saga.correlate(arrived))
    }


def advance(
    sagas: Sequence[Saga],
    positions: Mapping[str, int],
    page: Sequence[Envelope],
    rows: Mapping[SagaKey, Kept],
) -> Saved:
    """Run every saga over one page, in log order and within an event in catalogue order.

    `positions` holds each saga's position (a saga skips events up to it) and `rows` holds the rows
    of `keys(...)` that exist. The page must not be empty.
    """
    states: dict[SagaKey, Any] = {}
    owed: dict[str, Owed] = {}
    answered: set[str] = set()
    by_name = {saga.NAME: saga for saga in sagas}
    for arrived in page:
        for known in _answered(arrived):
            owed.pop(known, None)
            answered.add(known)
        for saga in sagas:
            if arrived.position > positions[saga.NAME]:
                _step(saga, arrived, rows, states=states, owed=owed)
    last = page[-1].position
    return Saved(
        states={key: keep(by_name[key[0]], state) for key, state in states.items()},
        owed=tuple(owed.values()),
        answered=answered,
        checkpoints={n: (p, last) for n, p in positions.items() if n in by_name and p < last},
    )


def keep(saga: Folded, state: Any) -> Kept:
    """A state as stored, with the fields that the timer and operations search by beside it."""
    deadline = saga.due(state)
    return Kept(
        body=_text(state), due_at=deadline.at if deadline else None, ended=saga.ended(state)
    )


def restore(saga: Folded, row: Kept | None) -> Any:
    """The state in a row, or the saga's INITIAL."""
    return saga.INITIAL if row is None else msgspec.json.decode(row.body, type=type(saga.INITIAL))


def commands_of(sagas: Iterable[Saga]) -> dict[str, type[Command]]:
    """Every command that the sagas may send, by name."""
    return {c.__name__: c for saga in sagas for c in saga.COMMANDS}


def command(owed: Owed, known: Mapping[str, type[Command]]) -> Command:
    return msgspec.json.decode(owed.body, type=known[owed.command])


def _step(
    saga: Saga,
    arrived: Envelope,
    rows: Mapping[SagaKey, Kept],
    *,
    states: dict[SagaKey, Any],
    owed: dict[str, Owed],
) -> None:
    saga_id = saga.correlate(arrived)
    if not saga_id:
        return
    key = (saga.NAME, saga_id)
    before = states[key] if key in states else restore(saga, rows.get(key))
    for index, sent in enumerate(saga.react(before, arrived)):
        entry = _owe(saga.NAME, saga_id, arrived, index, sent=sent)
        owed[entry.message_id] = entry
    states[key] = saga.evolve(before, arrived)


def _owe(saga: str, saga_id: str, arrived: Envelope, index: int, *, sent: Command) -> Owed:
    return Owed(
        message_id=message_id(arrived, saga, index),
        saga=saga,
        saga_id=saga_id,
        position=arrived.position,
        index=index,
        command=type(sent).__name__,
        body=_text(sent),
        causation_id=arrived.source,
        correlation_id=arrived.meta.correlation_id or arrived.meta.message_id,
        effective_at=arrived.effective_at,
    )


def _text(value: Any) -> str:
    return _ENCODER.encode(value).decode()


def _answered(arrived: Envelope) -> Collection[str]:
    """Message ids of saga commands that this event shows to be appended or refused.

    Only the runner sets a causation id, so that no caller's own key can pass for a saga's.
    """
    event, meta = arrived.event, arrived.meta
    if isinstance(event, CommandRefused):
        return (event.refused_id,)
    ours = meta.causation_id and meta.message_id.startswith(f"{meta.causation_id}#")
    return (meta.message_id,) if ours else ()
