"""Which views stand before an event that they cannot fold, for everybody to see.

    views.stuck (view, partition) -> the event and what is wrong with it

A worker writes a row when a view of its partition gets stuck and takes it away when the view has
got past the event. Whoever deletes the row (`requeue`) makes the worker try again.
"""

from collections.abc import Collection

from adapters.postgres.link.single import Single
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
        self._single = Single(url, "read models", name="stuck", schema="views")

    async def mark(self, partition: int, stuck: Stuck) -> bool:
        """Whether it is news: not marked at this event with this error before.

        Raises:
            Unavailable: the server cannot be reached.
        """
        s = stuck
        row = (s.view, partition, s.position, s.stream, s.version, _storable(s.error))
        async with self._single.connected() as connection:
            return (await connection.execute(_MARK, row)).rowcount > 0

    async def clear(self, partition: int, view: str) -> None:
        """The view of this partition is past its event."""
        async with self._single.connected() as connection:
            await connection.execute(
                "delete from views.stuck where view = %s and partition = %s", (view, partition)
            )

    async def all(self) -> dict[tuple[str, int], Stuck]:
        """By view and partition."""
        async with self._single.connected() as connection:
            found = await (await connection.execute(_ALL)).fetchall()
        return {
            (view, partition): Stuck(
                view=view, stream=stream, version=version, position=position, error=error
            )
            for view, partition, stream, version, position, error in found
        }

    async def requeue(self, views: Collection[str] | None = None) -> list[tuple[str, int]]:
        """Have the named views (None: all) try again; those that were stuck."""
        async with self._single.connected() as connection:
            cursor = await connection.execute(_REQUEUE, (views is None, list(views or ())))
            return [(view, partition) for view, partition in await cursor.fetchall()]

    async def close(self) -> None:
        await self._single.close()


def _storable(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:2_000]
