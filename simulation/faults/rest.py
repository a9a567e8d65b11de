"""Whether the world is at rest: nothing is owed at this moment.

Read from the disk itself, from the wires and from the gateways' progress, never from what the rest
of a process believes.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from adapters.memory.disk import Disk
from sagas.catalogue import SAGAS
from sagas.engine.runner import restore
from simulation.faults.process import Process
from simulation.faults.wire import Wire
from streams.gateways.gateway import Gateway
from streams.sagas.timer import passing

DUE_MAX = 1_000
_NAMES = {saga.NAME: saga.VERSION for saga in SAGAS}
_BY_NAME = {saga.NAME: saga for saga in SAGAS}


async def unrest(
    disk: Disk, wires: Sequence[Wire], gateways: Sequence[tuple[Process, Gateway]], now: datetime
) -> str:
    """What is still to happen at `now`, in a few words; "" for nothing.

    Args:
        gateways: of every process that is up.
    """
    end = (await disk.recorder.last())[0]
    return (
        next(_street(wires, gateways, end), "")
        or await _sagas(disk, end)
        or await _timer(disk, now)
        or ("" if disk.statement.position == end else "the bank has not read the log")
    )


def _street(
    wires: Sequence[Wire], gateways: Sequence[tuple[Process, Gateway]], end: int
) -> Iterator[str]:
    for wire in wires:
        if not wire.rests:
            yield f"{wire.name}: a message is under way"
        owner = wire.owner.process if wire.owner else None
        mine = [g for p, g in gateways if p is owner and g.name == wire.name]
        if not mine:
            yield f"{wire.name}: no session is logged on"
        elif mine[0].position < end:
            yield f"{wire.name}: sent up to {mine[0].position} of {end}"
        elif mine[0].unrecorded:
            yield f"{wire.name}: {mine[0].unrecorded} reports to record"


async def _sagas(disk: Disk, end: int) -> str:
    store = disk.sagas
    at = min((await store.positions(_NAMES)).values())
    if at < end:
        return f"sagas at {at} of {end}"
    owed = await store.owed(limit=1)
    return f"owed: {owed[0].message_id}" if owed else ""


async def _timer(disk: Disk, now: datetime) -> str:
    """A deadline that is due and not in the log; one that its saga ignored stays in its row."""
    store = disk.sagas
    due = await store.due(_NAMES, now, limit=DUE_MAX)
    rows = await store.load([(row.saga, row.saga_id) for row in due])
    keys = []
    for row in due:
        saga = _BY_NAME[row.saga]
        deadline = saga.due(restore(saga, rows[row.saga, row.saga_id]))
        if deadline is not None:
            command = passing(row, deadline)
            keys.append((f"saga_{row.saga}-{row.saga_id}", command.message_id))
    known = await disk.recorder.messages(keys)
    return next((f"deadline to pass: {k}" for k in keys if k not in known), "")
