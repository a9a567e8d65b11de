"""Compares the sagas' store with the log: every row, and every command that is owed.

    log --fold--> states up to each keeper's position, commands owed | compared with the store

Sagas and gateways decide from their rows, so a row that was changed or deleted is a payment not
made or made twice. The rows are derived: the same fold that a rebuild does gives what they must be.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from adapters.log.event_log import RecorderLog
from adapters.log.recorder import PAGE
from domain.saga import CommandRefused
from sagas.catalogue import SAGAS
from sagas.engine.ports import Folded, Kept, KeptRows, Owed, Saga, SagaKey
from sagas.engine.runner import advance, commands_of, keep, restore
from streams.gateways.channels.bank import BankChannel
from streams.gateways.channels.custodian import CustodianChannel
from streams.gateways.channels.venue import VenueChannel
from streams.gateways.sessions import VENUE, session_key
from streams.sagas.runner import target

SHOWN_MAX = 10


class Conversation(Struct, frozen=True, kw_only=True):
    """The rows of one saga or gateway, compared with a fold of the log up to its position."""

    name: str
    position: int
    rows: int
    differences: tuple[str, ...] = ()  # the first of them: which row, and how it differs

    @property
    def equal(self) -> bool:
        return not self.differences


class Store(Protocol):
    """`adapters.postgres.sagas.store.PostgresSagaStore`."""

    async def everything(self) -> KeptRows: ...


class _Folds(NamedTuple):
    states: dict[SagaKey, Kept]
    owed: dict[str, Owed]


def _no_calendar(*_: object) -> Any:
    raise AssertionError("a fold asks for no settlement date")


GATEWAYS: tuple[Folded, ...] = (VenueChannel(_no_calendar), CustodianChannel(), BankChannel())


def channels_of(venues: Sequence[tuple[str, Collection[str] | None]]) -> tuple[Folded, ...]:
    """The channels of a platform with these venues: (name, destinations) of each."""
    if not venues:
        return GATEWAYS
    named = [VenueChannel(_no_calendar, session_key(VENUE, n), destinations=d) for n, d in venues]
    return (*named, CustodianChannel(), BankChannel())


async def replay_sagas(
    log: RecorderLog, store: Store, gateways: Sequence[Folded] = GATEWAYS
) -> list[Conversation]:
    """Fold the log for every saga and gateway that has a checkpoint, and compare.

    Rows that another version of a saga's code has made are reported and not compared: its runner
    derives them again at the next start. `gateways`: the channels of the sessions that run here.
    """
    kept = await store.everything()
    keepers = (*SAGAS, *gateways)
    current = {f.NAME: f for f in keepers if kept.versions.get(f.NAME) == f.VERSION}
    states: dict[SagaKey, Kept] = {}
    owed: dict[str, Owed] = {}
    for position, sagas in _by_position([s for s in SAGAS if s.NAME in current], kept).items():
        found = await _sagas_to(log, sagas, position)
        states |= found.states
        owed |= found.owed
    for gateway in gateways:
        if gateway.NAME in current:
            states |= await _gateway_to(log, gateway, kept.positions[gateway.NAME])
    lost = await _missing_commands(log, owed, kept)
    end = await log.last()
    for name, position in kept.positions.items():
        if not 0 <= position <= end:
            lost[name].append(f"it is at {position}, and the log ends at {end}")
    for keeper in keepers:
        lost[keeper.NAME] += _misplaced(keeper, kept)
    out = [_compared(folded, states, kept, lost) for folded in current.values()]
    for name in sorted({name for name, wrong in lost.items() if wrong} - set(current)):
        wrong = tuple(lost[name][:SHOWN_MAX])
        out.append(
            Conversation(name=name, position=kept.positions.get(name, 0), rows=0, differences=wrong)
        )
    return out


def _misplaced(keeper: Folded, kept: KeptRows) -> list[str]:
    """The faults in the checkpoints of a saga or gateway."""
    name = keeper.NAME
    out = [
        f"there is a checkpoint of partition {partition}, which no process runs"
        for saga, partition in kept.elsewhere
        if saga == name
    ]
    version = kept.versions.get(name)
    if version is not None and version != keeper.VERSION:
        made = (
            f"it was written by version {version} of its code, and this build has {keeper.VERSION}"
        )
        out.append(f"{made}: the next start derives it again")
    rows = sum(saga == name for saga, _ in kept.states)
    if version is None and rows:
        out.append(f"it has {rows} rows and no checkpoint: the next start derives it again")
    return out


def _by_position(sagas: Sequence[Saga], kept: KeptRows) -> Mapping[int, list[Saga]]:
    groups: dict[int, list[Saga]] = defaultdict(list)
    for saga in sagas:
        groups[kept.positions[saga.NAME]].append(saga)
    return groups


async def _sagas_to(log: RecorderLog, sagas: Sequence[Saga], position: int) -> _Folds:
    """States and owed commands of sagas that are all at this position."""
    found, at = _Folds({}, {}), 0
    while page := await log.after(at, limit=PAGE, until=position):
        positions = dict.fromkeys([saga.NAME for saga in sagas], at)
        saved = advance(sagas, positions, page, found.states)
        found.states.update(saved.states)
        for message_id in saved.answered:
            found.owed.pop(message_id, None)
        found.owed.update({one.message_id: one for one in saved.owed})
        at = page[-1].position
    return found


async def _gateway_to(log: RecorderLog, gateway: Folded, position: int) -> dict[SagaKey, Kept]:
    states: dict[SagaKey, Any] = {}
    at = 0
    while page := await log.after(at, limit=PAGE, until=position):
        for arrived in page:
            if saga_id := gateway.correlate(arrived):
                key = (gateway.NAME, saga_id)
                states[key] = gateway.evolve(states.get(key, gateway.INITIAL), arrived)
        at = page[-1].position
    initial = gateway.INITIAL  # of an item of another session nothing is kept
    return {key: keep(gateway, state) for key, state in states.items() if state != initial}


async def _missing_commands(
    log: RecorderLog, owed: Mapping[str, Owed], kept: KeptRows
) -> dict[str, list[str]]:
    """Differences of the outbox by saga: owed commands it lacks, and others it should not have."""
    out: dict[str, list[str]] = defaultdict(list)
    for message_id, one in kept.outbox.items():
        if owed.get(message_id) != one:
            out[one.saga].append(
                f"{message_id} is in the outbox, and the log does not owe it in that form"
            )
    known = commands_of(SAGAS)
    unsent = {m: one for m, one in owed.items() if m not in kept.outbox}
    places = {m: (target(one, known), m) for m, one in unsent.items()}
    remembered = await log.recorder.messages(list(places.values()))
    for message_id, one in unsent.items():
        if places[message_id] not in remembered and not await _refused(log, one):
            out[one.saga].append(f"{message_id} ({one.command}) is owed, and not in the outbox")
    return out


async def _refused(log: RecorderLog, one: Owed) -> bool:
    """Whether the log has a refusal of the command, even behind the saga's position."""
    found = await log.select(f"saga_{one.saga}-{one.saga_id}")
    events = [e.event for e in found]
    return any(isinstance(e, CommandRefused) and e.refused_id == one.message_id for e in events)


def _same(saga: Folded, kept: Kept | None, folded: Kept | None) -> bool:
    """Compare rows as this build reads them: an older one may have written fewer fields."""
    if kept is None or folded is None:
        return kept is folded
    beside = (kept.due_at, kept.ended) == (folded.due_at, folded.ended)
    try:
        return beside and bool(restore(saga, kept) == restore(saga, folded))
    except msgspec.MsgspecError:
        return False  # the row holds no state


def _compared(
    folded: Folded, states: Mapping[SagaKey, Kept], kept: KeptRows, lost: Mapping[str, list[str]]
) -> Conversation:
    name = folded.NAME
    mine = {key for key in {*states, *kept.states} if key[0] == name}
    differences = [
        f"{'-'.join(key)}: {_how(kept.states.get(key), states.get(key))}"
        for key in sorted(mine)
        if not _same(folded, kept.states.get(key), states.get(key))
    ]
    differences += lost.get(name, [])
    return Conversation(
        name=name,
        position=kept.positions[name],
        rows=sum(key[0] == name for key in kept.states),
        differences=tuple(differences[:SHOWN_MAX]),
    )


def _how(kept: Kept | None, folded: Kept | None) -> str:
    if kept is None:
        return "its row is missing"
    return (
        "the log has no such saga" if folded is None else "its row differs from the fold of the log"
    )
