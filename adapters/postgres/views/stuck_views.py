"""Marks of views that stopped before an event that they cannot fold, for all processes to see.

    views.stuck (view, partition) -> the event and what is wrong with it

A worker writes a row when a view of its partition gets stuck, and deletes it when the view has got
past the event. If another process deletes the row (`requeue`), the worker tries again.
"""

from collections.abc import Collection
from functools import partial

from adapters.postgres import versions
from adapters.postgres.link.kept import KeptConnection
from projections.engine.runner import Stuck

_MARK = """
    insert into views.stuck as s (view, partition, position, stream, version, error)
    values (%s, %s, %s, %s, %s, %s) on conflict (view, partition) do update
    set position = excluded.position, stream = excluded.stream, version = excluded.version,
        error = excluded.error
    where (s.position, s.error) is distinct from (excluded.position, excluded.error)
"""
_ALL = """
    select view, partition, stream, version, position, error from views.stuck
    order by view, partition
"""
_REQUEUE = "delete from views.stuck where %s or view = any(%s) returning view, partition"


class StuckViews:
    """Reads and writes the marks, one statement at a time."""

    def __init__(self, url: str) -> None:
        self._kept = KeptConnection(
            url, "read models", "-c application_name=stuck",
            opened=partial(versions.ensure, url=url, part="views"),
        )  # fmt: skip

    async def mark(self, partition: int, stuck: Stuck) -> bool:
        """Mark a stuck view; False if it was already marked at this event with this error.

        Raises:
            Unavailable: the server cannot be reached.
        """
        s = stuck
        row = (s.view, partition, s.position, s.stream, s.version, _storable(s.error))
        async with self._kept.connected() as connection:
            return (await connection.execute(_MARK, row)).rowcount > 0

    async def clear(self, partition: int, view: str) -> None:
        """Remove the mark of a view: it has got past the event in this partition."""
        async with self._kept.connected() as connection:
            await connection.execute(
                "delete from views.stuck where view = %s and partition = %s", (view, partition)
            )

    async def all(self) -> dict[tuple[str, int], Stuck]:
        """All marks, by view and partition."""
        async with self._kept.connected() as connection:
            found = await (await connection.execute(_ALL)).fetchall()
        return {
            (view, partition): Stuck(
                view=view, stream=stream, version=version, position=position, error=error
            )
            for view, partition, stream, version, position, error in found
        }

    async def requeue(self, views: Collection[str] | None = None) -> list[tuple[str, int]]:
        """Have the named views (None: all) try again; returns those that were stuck."""
        async with self._kept.connected() as connection:
            cursor = await connection.execute(_REQUEUE, (views is None, list(views or ())))
            return [(view, partition) for view, partition in await cursor.fetchall()]

    async def close(self) -> None:
        await self._kept.close()


def _storable(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:2_000]
