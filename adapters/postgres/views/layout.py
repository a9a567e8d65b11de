"""The number of partitions in which each view is folded, and how that number changes.

    (view, partition) -> position, version, generation, partitions

A view's rows do not depend on the number of its partitions, only its checkpoints do. So a process
that starts with another number continues the view at its position, if all its partitions have the
same position (the bus was drained, or there is one partition). Partitions at different positions
cannot be joined or split: the view is emptied and folded again. Either way its generation grows,
which expels the earlier runners.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopg import AsyncConnection

from adapters.postgres.views.row_guard import guard, mark
from adapters.postgres.views.tables import CHECKPOINTS, Table, checkpoint_ddl
from projections.ports import View


class Held(NamedTuple):
    """One checkpoint, as read."""

    partition: int
    position: int
    version: int
    generation: int
    partitions: int


async def make_checkpoints(connection: AsyncConnection[Any], schema: str) -> None:
    """Make a schema that migrations do not make (the one that a rebuild fills).

    It looks first, because a role that may not create fails even with `if not exists`.
    """
    cursor = await connection.execute(
        "select exists (select from pg_namespace where nspname = %s), exists ("
        "select from pg_tables where schemaname = %s and tablename = %s)",
        (schema, schema, CHECKPOINTS),
    )
    if (found := await cursor.fetchone()) is None or not found[0]:
        await connection.execute(f"create schema {schema}".encode())
    if found is None or not found[1]:
        await connection.execute(checkpoint_ddl(schema).encode())


async def lay_out(
    connection: AsyncConnection[Any], table: Table, view: View, *, partitions: int, take: bool
) -> None:
    """Bring table and checkpoints of a view to its `VERSION` and this number of partitions.

    Without `take`, a view keeps the number of partitions that it has.
    """
    held = await _locked_checkpoints(connection, table)
    if held and not take:
        partitions = held[0].partitions
    if not held or any(h.version != view.VERSION for h in held):
        await connection.execute(f"drop table if exists {table.name} cascade".encode())
        for statement in table.ddl():
            await connection.execute(statement.encode())
        await _set(connection, table, view, held=held, partitions=partitions, position=0)
    elif {h.partition for h in held if h.partitions == partitions} != set(range(partitions)):
        positions = {h.position for h in held}
        position = positions.pop() if len(positions) == 1 else 0
        if not position:
            await connection.execute(f"truncate {table.name}".encode())
        await _set(connection, table, view, held=held, partitions=partitions, position=position)
    await _guard(connection, table)


async def positions_of(connection: AsyncConnection[Any], table: Table) -> list[int]:
    """The positions of the view's partitions, in their order."""
    sql = f"select position from {table.schema}.{CHECKPOINTS} where view = %s order by partition"
    cursor = await connection.execute(sql.encode(), (table.view,))
    return [int(position) for (position,) in await cursor.fetchall()]


async def _guard(connection: AsyncConnection[Any], table: Table) -> None:
    """Set the row security of a table that is new or was made by another build."""
    found = await connection.execute(
        "select obj_description(to_regclass(%s), 'pg_class')", (table.name,)
    )
    if await found.fetchone() != (mark(table),):
        for statement in guard(table):
            await connection.execute(statement.encode())


async def _locked_checkpoints(connection: AsyncConnection[Any], table: Table) -> list[Held]:
    """The checkpoints, locked: their runners wait, and are expelled if the checkpoints change."""
    sql = (
        "select partition, position, version, generation, partitions "
        f"from {table.schema}.{CHECKPOINTS} where view = %s order by partition for update"
    )
    cursor = await connection.execute(sql.encode(), (table.view,))
    return [Held(*row) for row in await cursor.fetchall()]


async def _set(
    connection: AsyncConnection[Any],
    table: Table,
    view: View,
    *,
    held: Sequence[Held],
    partitions: int,
    position: int,
) -> None:
    checkpoints = f"{table.schema}.{CHECKPOINTS}"
    generation = 1 + max((h.generation for h in held), default=-1)
    await connection.execute(f"delete from {checkpoints} where view = %s".encode(), (view.NAME,))
    await connection.execute(
        f"insert into {checkpoints} (view, partition, position, version, generation, partitions) "
        "select %s, p, %s, %s, %s, %s from generate_series(0, %s - 1) as p".encode(),
        (view.NAME, position, view.VERSION, generation, partitions, partitions),
    )
