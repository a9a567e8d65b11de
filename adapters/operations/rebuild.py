"""Blue/green rebuilds, and the proof that the live views equal a fold of the log.

    rebuild   log --fold--> views_next.<view> --compare--> views.<view> --swap--> one transaction
    replay    log --fold--> memory --hash--> = the hash of every live view

A rebuild folds a new table beside the live one until it has almost caught up. Then it locks the
view's checkpoints, which stops the view's runners between two batches, folds the rest, compares,
and replaces the live table. The runners get `Expelled` and go on with the new table. If the view's
partitions differ in position, each is folded from the lowest position to its own.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from psycopg import AsyncConnection

from adapters.bus.partition_log import StoredLog
from adapters.memory.sink import MemorySink
from adapters.operations.fold_apart import Halted, fold_apart, fold_part
from adapters.postgres.link.connections import connect_async
from adapters.postgres.views.places import mismarked, places
from adapters.postgres.views.sink import PostgresSink
from adapters.postgres.views.tables import CHECKPOINTS, Table
from commands.expected import Expected
from projections.engine.checksum import Digest
from projections.engine.runner import LAGGARDS_PAGE, Runner
from projections.ports import Checksum, Pause, View

DIFFERENCES_MAX = 10
ROUNDS_MAX = 100  # rounds of catching up with a view that keeps moving


class Difference(Struct, frozen=True, kw_only=True):
    """One row of the live table and of the new one; None: the row is missing there."""

    live: dict[str, Any] | None
    rebuilt: dict[str, Any] | None


class Rebuilt(Struct, frozen=True, kw_only=True):
    view: str
    rows: int
    equal: bool
    different: int  # rows
    differences: tuple[Difference, ...]  # the first of them, in key order
    position: int
    swapped: bool


class Replayed(Struct, frozen=True, kw_only=True):
    """The hash of a live view, and that of a new fold of the log up to the view's position."""

    live: Checksum
    folded: Checksum
    faults: tuple[str, ...] = ()  # of its table and checkpoints (`adapters.postgres.views.places`)

    @property
    def equal(self) -> bool:
        return self.live == self.folded and not self.faults


class RebuildFailed(Expected):
    """The view could not be rebuilt; the live table is unchanged."""


@asynccontextmanager
async def alone(live: PostgresSink) -> AsyncIterator[None]:
    """Let no other process rebuild these read models: each would drop the other's new tables.

    Raises:
        RebuildFailed: another process does.
    """
    async with await connect_async(live.url) as connection:
        ask = "select pg_try_advisory_lock(hashtext(%s))"
        cursor = await connection.execute(ask, (f"rebuild of {live.schema}",))
        if await cursor.fetchone() != (True,):
            raise RebuildFailed("another rebuild of these read models is under way")
        yield


async def begin(
    log: StoredLog,
    live: PostgresSink,
    views: Sequence[View],
    *,
    child: Sequence[str],
    data_dir: Path,
) -> None:
    """Fold `views` beside their live tables in one pass; a long log in several processes.

    `rebuild` continues from there. A stuck view stops before its event, and `rebuild` reports it.

    Args:
        child: as `fold_apart` takes it.
    """
    beside = _beside(live)
    try:
        for view in views:
            await beside.discard(view)  # drop the table of an interrupted rebuild
        await fold_apart(log, beside, views, child=child, data_dir=data_dir)
        await beside.prepare(views)
        runner, end = Runner(log, beside, views), await log.last()
        while (await runner.step(limit=LAGGARDS_PAGE, until=end)).events:
            pass
    finally:
        await beside.close()


async def rebuild(
    log: StoredLog,
    live: PostgresSink,
    view: View,
    *,
    swap: bool = True,
    begun: bool = False,
    pause: Pause | None = None,
) -> Rebuilt:
    """Fold `view` into a new table, compare it with the live one and, if `swap`, replace that.

    Args:
        begun: continue with the table that `begin` has made.

    Raises:
        RebuildFailed: the view is stuck on an event, or has no checkpoint yet.
    """
    beside = _beside(live)
    try:
        if not begun:
            await beside.discard(view)  # drop the table of an interrupted rebuild
        await beside.prepare([view])
        runner = Runner(log, beside, [view], pause=pause)
        await _nearly(runner, live, view)
        async with live.transaction() as connection:
            positions = await _hold(connection, live, view)
            await _fold(runner, view, min(positions))
            if len(set(positions)) > 1:
                await _fold_apart(log, beside, view, positions)
            report = await _compare(
                connection, live.table(view), beside.table(view), min(positions)
            )
            if swap:
                await _swap(connection, live, beside, view)
        if not swap:
            await beside.discard(view)
        return replace(report, swapped=swap)
    finally:
        await beside.close()


async def replay(
    log: StoredLog, live: PostgresSink, views: Sequence[View], *, pause: Pause | None = None
) -> list[Replayed]:
    """Fold the log in memory up to the position of each live view, and compare hashes.

    It changes nothing. A view whose table or checkpoints do not fit this build is reported, and
    its rows are not compared.
    """
    async with live.snapshot() as connection:
        placed = await places(connection, live.schema, views)
    end = await log.last()
    faults = {name: place.faults(end) for name, place in placed.items()}
    sound = []
    for view in views:
        place = placed[view.NAME]
        if place.begun and (wrong := place.broken(view)):
            faults[view.NAME].append(wrong)
        elif place.begun:
            sound.append(view)
    for name, place in placed.items():
        if not faults[name]:
            faults[name] += await mismarked(log, place)
    compared = {one.live.view: one for one in await _replayed(log, live, sound, pause)}
    return [
        replace(compared.get(name) or _not_compared(name), faults=tuple(faults[name]))
        for name in [v.NAME for v in views] + sorted(set(placed) - {v.NAME for v in views})
    ]


def _not_compared(name: str) -> Replayed:
    nothing = Checksum(view=name, rows=0, hash=Digest().hash, position=0)
    return Replayed(live=nothing, folded=nothing)


async def _replayed(
    log: StoredLog, live: PostgresSink, views: Sequence[View], pause: Pause | None
) -> list[Replayed]:
    served = {found.view: (found, positions) for found, positions in await live.served(views)}
    memory = MemorySink()
    await memory.prepare(views)
    runner = Runner(log, memory, views, pause=pause)
    out: dict[str, Replayed] = {}
    for position in sorted({found.position for found, _ in served.values()}):
        while (await runner.step(limit=LAGGARDS_PAGE, until=position)).events:
            pass
        for view in views:
            found, positions = served[view.NAME]
            if found.position == position and len(set(positions)) == 1:
                out[view.NAME] = Replayed(live=found, folded=await memory.checksum(view))
    for view in views:
        found, positions = served[view.NAME]
        if view.NAME not in out:
            folded = await _replayed_apart(log, view, positions)
            out[view.NAME] = Replayed(live=found, folded=folded)
    return [out[view.NAME] for view in views]


async def _replayed_apart(log: StoredLog, view: View, positions: Sequence[int]) -> Checksum:
    memory = MemorySink(partitions=len(positions))
    await memory.prepare([view])
    for partition, position in enumerate(positions):
        part = memory.part(partition, len(positions))
        await _fold_part(log, part, view, partition=partition, until=position)
    return await memory.checksum(view)


async def _fold_apart(
    log: StoredLog, beside: PostgresSink, view: View, positions: Sequence[int]
) -> None:
    """Fold the new table from its one position to the position of each partition."""
    for partition, position in enumerate(positions):
        part = PostgresSink(
            beside.url, schema=beside.schema, partition=partition, partitions=len(positions)
        )
        try:
            await part.prepare([view])
            await _fold_part(log, part, view, partition=partition, until=position)
        finally:
            await part.close()


async def _fold_part(
    log: StoredLog, part: PostgresSink | MemorySink, view: View, *, partition: int, until: int
) -> None:
    try:
        await fold_part(log, part, [view], partition=partition, until=until)
    except Halted as e:
        raise RebuildFailed(str(e)) from e


def _beside(live: PostgresSink) -> PostgresSink:
    return PostgresSink(live.url, schema=f"{live.schema}_next")


async def _nearly(runner: Runner, live: PostgresSink, view: View) -> None:
    """Fold up to the live view's position, again until a round folds at most one page."""
    for _ in range(ROUNDS_MAX):
        position = await live.position(view)
        if await _fold(runner, view, position) <= LAGGARDS_PAGE:
            return


async def _fold(runner: Runner, view: View, until: int) -> int:
    events = 0
    while step := (await runner.step(limit=LAGGARDS_PAGE, until=until)).events:
        events += step
    _refuse_stuck(runner, view)
    return events


def _refuse_stuck(runner: Runner, view: View) -> None:
    if stuck := runner.stuck.get(view.NAME):
        raise RebuildFailed(f"{view.NAME}: {stuck.stream}@{stuck.version}: {stuck.error}")


async def _hold(connection: AsyncConnection[Any], live: PostgresSink, view: View) -> list[int]:
    """Lock the live view's checkpoints and return their positions, by partition."""
    cursor = await connection.execute(
        f"select position from {live.schema}.{CHECKPOINTS} where view = %s "
        "order by partition for update",
        (view.NAME,),
    )
    positions = [int(position) for (position,) in await cursor.fetchall()]
    if not positions:
        raise RebuildFailed(f"{view.NAME}: there is none yet in {live.schema}")
    return positions


async def _compare(
    connection: AsyncConnection[Any], live: Table, beside: Table, position: int
) -> Rebuilt:
    """Compare row by row, as JSON: the live table may have other columns than the new one."""
    on = " and ".join(f"o.{k} = n.{k}" for k in live.row.KEY)
    differ = (
        f"from {live.name} o full join {beside.name} n on {on} "
        "where to_jsonb(o) is distinct from to_jsonb(n)"
    )
    order = ", ".join(f"coalesce(o.{k}, n.{k})" for k in live.row.KEY)
    rows = await _one(connection, f"select count(*) from {beside.name}")
    different = await _one(connection, f"select count(*) {differ}")
    cursor = await connection.execute(
        f"select to_json(o), to_json(n) {differ} order by {order} limit {DIFFERENCES_MAX}"
    )
    first = [Difference(live=o, rebuilt=n) for o, n in await cursor.fetchall()]
    return Rebuilt(
        view=live.view,
        rows=rows,
        equal=different == 0,
        different=different,
        differences=tuple(first),
        position=position,
        swapped=False,
    )


async def _swap(
    connection: AsyncConnection[Any], live: PostgresSink, beside: PostgresSink, view: View
) -> None:
    """Replace the live table by the new one; the new generation expels the view's runners."""
    await connection.execute(f"drop table {live.table(view).name}")
    await connection.execute(f"alter table {beside.table(view).name} set schema {live.schema}")
    await connection.execute(
        f"update {live.schema}.{CHECKPOINTS} set version = %s, generation = generation + 1 "
        "where view = %s",
        (view.VERSION, view.NAME),
    )
    await connection.execute(
        f"delete from {beside.schema}.{CHECKPOINTS} where view = %s", (view.NAME,)
    )


async def _one(connection: AsyncConnection[Any], sql: str) -> int:
    row = await (await connection.execute(sql)).fetchone()
    return int(row[0]) if row else 0
