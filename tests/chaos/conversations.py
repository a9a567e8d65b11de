"""Checks that no saga is stuck: each has ended, or waits for a time or a counterparty's report.

Every stored row of sagas and gateways must also equal the fold of the log up to the checkpoint of
its saga or gateway (each has its own, since a process that ends may append a last event that others
read only after the next start), and no command may be left in the outbox.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection

from domain.shared.envelope import Envelope
from sagas.catalogue import SAGAS
from sagas.engine.ports import Folded, Kept, SagaKey
from sagas.engine.runner import keep
from streams.gateways.channels.bank import BankChannel
from streams.gateways.channels.custodian import CustodianChannel
from streams.gateways.channels.venue import VenueChannel
from streams.gateways.counterparties import NextDay

NEVER_ENDS = frozenset({"kyc"})  # watches the client's status for ever
LATE = timedelta(seconds=30)  # the timer's delay after a due time


class Conversations:
    """Folds the sagas and the gateways' memories independently of the platform.

    Args:
        stands: the checkpoint of each, by name.
    """

    def __init__(self, stands: Mapping[str, int]) -> None:
        days = NextDay(datetime.now(UTC).date() + timedelta(days=400))
        self._channels: tuple[Folded, ...] = (
            VenueChannel(days.settl_date), CustodianChannel(), BankChannel()
        )  # fmt: skip
        self._stands = stands
        self._states: dict[SagaKey, Any] = {}
        self._kept: dict[SagaKey, Any] = {}  # the same, each up to its checkpoint

    def note(self, arrived: Envelope) -> None:
        for folded in (*SAGAS, *self._channels):
            if saga_id := folded.correlate(arrived):
                key = (folded.NAME, saga_id)
                before = self._states.get(key, folded.INITIAL)
                after = folded.evolve(before, arrived)
                if folded in self._channels and after == folded.INITIAL:
                    continue
                self._states[key] = after
                if arrived.position <= self._stands.get(folded.NAME, 0):
                    self._kept[key] = self._states[key]

    def wrong(self, connection: Connection[Any], *, rested: int) -> list[str]:
        """Rows that differ from the fold of the log, commands never sent, and sagas that are behind
        position `rested`, the one at which the world was seen at rest."""
        kept, folded = _rows(connection), self._rows(self._kept)
        out = [
            f"{saga} {saga_id} is {kept.get((saga, saga_id))}, folded {folded.get((saga, saga_id))}"
            for saga, saga_id in sorted({*kept, *folded})
            if kept.get((saga, saga_id)) != folded.get((saga, saga_id))
        ]
        stands = {saga.NAME: self._stands.get(saga.NAME, 0) for saga in SAGAS}
        out += [f"{n} stands at {at}, not at {rested}" for n, at in stands.items() if at < rested]
        owed = connection.execute("select message_id, command from sagas.outbox").fetchall()
        return out + [f"{command} {message} is owed for ever" for message, command in owed]

    def stuck(self) -> list[str]:
        """Sagas that wait for nothing, by our own fold: the rows are not trusted here."""
        rows, now = self._rows(self._states), datetime.now(UTC)
        result = {channel.NAME for channel in self._channels}
        open_there = {i for (name, i), row in rows.items() if name in result and not row.ended}
        out = []
        for (name, saga_id), row in rows.items():
            if row.ended or name in result or name in NEVER_ENDS:
                continue
            if row.due_at is not None and row.due_at < now - LATE:
                out.append(f"{name} {saga_id}: its moment {row.due_at} was missed: {row.body}")
            if row.due_at is None and saga_id not in open_there:
                out.append(f"{name} {saga_id} waits for nothing: {row.body}")
        return out

    def _rows(self, states: Mapping[SagaKey, Any]) -> dict[SagaKey, Kept]:
        folds = {folded.NAME: folded for folded in (*SAGAS, *self._channels)}
        return {key: keep(folds[key[0]], state) for key, state in states.items()}


def stands(connection: Connection[Any]) -> dict[str, int]:
    """The checkpoint of each saga and gateway."""
    found = connection.execute("select saga, min(position) from sagas.checkpoint group by saga")
    return {saga: int(position) for saga, position in found.fetchall()}


def _rows(connection: Connection[Any]) -> dict[SagaKey, Kept]:
    found = connection.execute("select saga, id, body, due_at, ended from sagas.state").fetchall()
    return {
        (saga, saga_id): Kept(body=body, due_at=due_at, ended=ended)
        for saga, saga_id, body, due_at, ended in found
    }
