"""Check each view's checkpoints, table and stuck marks, against each other and against the log.

    checkpoint of every partition, all of one version, count and generation | a table | no marks
    but those of the event that comes next

`replay` compares the rows of a view only if this is in order; otherwise the rows might be those of
another build, or of no position in the log at all.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from psycopg import AsyncConnection

from adapters.bus.partition_log import Broken, PartitionLog, StoredLog
from adapters.postgres.views.layout import Held
from adapters.postgres.views.tables import CHECKPOINTS, columns
from projections.ports import View

_COLUMNS = """
    select c.relname, a.attname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where n.nspname = %s and c.relkind = 'r'
"""


class Place(NamedTuple):
    """A view's checkpoints, columns and stuck marks, as read."""

    held: Sequence[Held] = ()
    columns: frozenset[str] = frozenset()  # of its table; empty: there is none
    stuck: Sequence[tuple[int, int, str, int]] = ()  # partition, position, stream, version

    @property
    def begun(self) -> bool:
        return bool(self.held or self.columns or self.stuck)

    def broken(self, view: View) -> str:
        """Why the view's rows cannot be compared; "" if they can."""
        if not self.held:
            return "its table has no checkpoint: the next start folds it"
        versions = {h.version for h in self.held}
        if versions != {view.VERSION}:
            kept = ", ".join(map(str, sorted(versions)))
            return (
                f"it was written by version {kept} of its code, and this build has {view.VERSION}: "
                "the next start folds it"
            )
        if lacks := {column.name for column in columns(view.ROW)} - self.columns:
            lost = f"lacks {', '.join(sorted(lacks))}" if self.columns else "is gone"
            return f"its table {lost}"
        count = len(self.held)
        if {(h.partition, h.partitions) for h in self.held} != {(p, count) for p in range(count)}:
            shown = ", ".join(f"{h.partition} of {h.partitions}" for h in self.held)
            return f"its checkpoints are incomplete: partitions {shown}"
        return ""

    def faults(self, end: int) -> list[str]:
        """Other faults of the view's checkpoints; `end` is the log's last position."""
        out = [
            f"partition {h.partition} is at {h.position}, and the log ends at {end}"
            for h in self.held
            if not 0 <= h.position <= end
        ]
        if len({h.generation for h in self.held}) > 1 or any(h.generation < 0 for h in self.held):
            out.append("its partitions are of several generations")
        return out


async def places(
    connection: AsyncConnection[Any], schema: str, views: Sequence[View]
) -> dict[str, Place]:
    """The places of all views, and of names in stuck marks; read at the connection's instant."""
    held: dict[str, list[Held]] = defaultdict(list)
    sql = "select view, partition, position, version, generation, partitions from "
    for name, *row in await _rows(connection, f"{sql} {schema}.{CHECKPOINTS} order by 1, 2"):
        held[name].append(Held(*row))
    stuck: dict[str, list[tuple[int, int, str, int]]] = defaultdict(list)
    marked = "select to_regclass(%s) is not null"
    if (await _rows(connection, marked, f"{schema}.stuck"))[0][0]:
        sql = f"select view, partition, position, stream, version from {schema}.stuck"
        for name, *mark in await _rows(connection, sql):
            stuck[name].append((mark[0], mark[1], mark[2], mark[3]))
    there: dict[str, set[str]] = defaultdict(set)
    for name, column in await _rows(connection, _COLUMNS, schema):
        there[name].add(column)
    names = {*(view.NAME for view in views), *stuck}
    return {n: Place(held[n], frozenset(there[n]), stuck[n]) for n in sorted(names)}


async def mismarked(log: StoredLog, place: Place) -> list[str]:
    """Stuck marks that no view has made: a stuck view's position is right before the event."""
    by_partition: Mapping[int, Held] = {h.partition: h for h in place.held}
    out = []
    for partition, *mark in place.stuck:
        held = by_partition.get(partition)
        if held is None or await _next(log, held) != tuple(mark):
            event = f"{mark[1]}@{mark[2]} at position {mark[0]}"
            out.append(
                f"it is marked as stuck before {event}, and its position is not before that event"
            )
    return out


async def _next(log: StoredLog, held: Held) -> tuple[int, str, int] | None:
    """The event that a partition folds next: position, stream, version."""
    try:
        found = await PartitionLog(log, held.partition, held.partitions).after(
            held.position, limit=1
        )
    except Broken as e:
        return e.stored.position, e.stored.stream, e.stored.version
    return (found[0].position, found[0].stream, found[0].version) if found else None


async def _rows(connection: AsyncConnection[Any], sql: str, *values: object) -> list[Any]:
    return await (await connection.execute(sql.encode(), values)).fetchall()
