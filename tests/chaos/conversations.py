"""No saga stands still: what has not ended waits for a moment, or for a counterparty's word.

Every row that sagas and gateways keep must also be what the log folds to, and nothing may be owed.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection

from domain.envelope import Envelope
from sagas.catalogue import SAGAS
from sagas.ports import Folded, Kept, SagaKey
from sagas.runner import keep
from streams.channels.bank import BankChannel
from streams.channels.custodian import CustodianChannel
from streams.channels.venue import VenueChannel
from streams.counterparties import NextDay

NEVER_ENDS = frozenset({"kyc"})  # a client's standing is watched for as long as there is one
LATE = timedelta(seconds=30)  # for the timer to have seen a moment that is past


class Conversations:
    """Folds the sagas and the gateways' memories beside everyone else."""

    def __init__(self) -> None:
        days = NextDay(datetime.now(UTC).date() + timedelta(days=400))
        self._channels: tuple[Folded, ...] = (
            VenueChannel(days.settl_date), CustodianChannel(), BankChannel()
        )  # fmt: skip
        self._states: dict[SagaKey, Any] = {}

    def note(self, arrived: Envelope) -> None:
        for folded in (*SAGAS, *self._channels):
            if saga_id := folded.correlate(arrived):
                key = (folded.NAME, saga_id)
                before = self._states.get(key, folded.INITIAL)
                self._states[key] = folded.evolve(before, arrived)

    def wrong(self, connection: Connection[Any]) -> list[str]:
        """Rows that are not what the log says, and commands that nobody has sent."""
        kept, folded = _rows(connection), self._rows()
        out = [
            f"{saga} {saga_id} is {kept.get((saga, saga_id))}, folded {folded.get((saga, saga_id))}"
            for saga, saga_id in sorted({*kept, *folded})
            if kept.get((saga, saga_id)) != folded.get((saga, saga_id))
        ]
        owed = connection.execute("select message_id, command from sagas.outbox").fetchall()
        return out + [f"{command} {message} is owed for ever" for message, command in owed]

    def stuck(self) -> list[str]:
        """Sagas that wait for nobody; by their own fold, so that the rows need not be believed."""
        rows, now = self._rows(), datetime.now(UTC)
        told = {channel.NAME for channel in self._channels}
        open_there = {i for (name, i), row in rows.items() if name in told and not row.ended}
        out = []
        for (name, saga_id), row in rows.items():
            if row.ended or name in told or name in NEVER_ENDS:
                continue
            if row.due_at is not None and row.due_at < now - LATE:
                out.append(f"{name} {saga_id}: its moment {row.due_at} was missed: {row.body}")
            if row.due_at is None and saga_id not in open_there:
                out.append(f"{name} {saga_id} waits for nobody: {row.body}")
        return out

    def _rows(self) -> dict[SagaKey, Kept]:
        folds = {folded.NAME: folded for folded in (*SAGAS, *self._channels)}
        return {key: keep(folds[key[0]], state) for key, state in self._states.items()}


def _rows(connection: Connection[Any]) -> dict[SagaKey, Kept]:
    found = connection.execute("select saga, id, body, due_at, ended from sagas.state").fetchall()
    return {
        (saga, saga_id): Kept(body=body, due_at=due_at, ended=ended)
        for saga, saga_id, body, due_at, ended in found
    }
