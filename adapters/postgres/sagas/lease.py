"""The lease to run the sagas: one holder at a time, for a limited time, under a growing number.

    free | run out --take--> held under fence n --renew--> ... --release | runs out--> free

Each new holder gets the next fence. The sagas' store accepts writes only under the current fence
(`PostgresSagaStore.fence`), so a holder that slept beyond its time changes nothing. The database's
clock decides when a lease runs out; the holder counts from before its request.
"""

from typing import Any, NamedTuple

from adapters.postgres.link.kept import KeptConnection

LEASE_S = 10.0
_TAKE = """
    insert into sagas.lease as l
    values (%(partition)s, %(holder)s, 1, clock_timestamp() + %(for)s::interval)
    on conflict (partition) do update
    set holder = excluded.holder, fence = l.fence + 1, until = excluded.until
    where l.until < clock_timestamp() or l.holder = excluded.holder
    returning fence
"""
_RENEW = """
    update sagas.lease set until = clock_timestamp() + %(for)s::interval
    where partition = %(partition)s and holder = %(holder)s and fence = %(fence)s
"""
_RELEASE = """
    update sagas.lease set until = '-infinity'
    where partition = %(partition)s and holder = %(holder)s and fence = %(fence)s
"""
_HOLDER = """
    select holder, fence from sagas.lease
    where partition = %(partition)s and until >= clock_timestamp()
"""


class Holder(NamedTuple):
    name: str
    fence: int


class SagaLease:
    """One saga partition's lease for one holder; the sagas' store has made the table.

    Args:
        name: unique among all processes that may ask; a restarted process of the same name takes
            over at once.
    """

    def __init__(self, url: str, name: str, *, partition: int = 0, lease_s: float = LEASE_S):
        self.name, self.lease_s = name, lease_s
        self._partition = partition
        self._kept = KeptConnection(url, "the sagas' lease", "-c application_name=lease")

    async def take(self) -> int | None:
        """Take the lease; returns its fence, or None if another holder has it.

        Raises:
            Unavailable: the database cannot be reached.
        """
        found = await self._ask(_TAKE)
        return int(found[0]) if found else None

    async def renew(self, fence: int) -> bool:
        """Extend the lease by `lease_s` from now; False if it is no longer ours."""
        return await self._ask(_RENEW, fence) is not None

    async def release(self, fence: int) -> None:
        """Give up the lease, so that the next holder can take it at once."""
        await self._ask(_RELEASE, fence)

    async def holder(self) -> Holder | None:
        """The present holder, if there is one."""
        found = await self._ask(_HOLDER)
        return Holder(str(found[0]), int(found[1])) if found else None

    async def close(self) -> None:
        await self._kept.close()

    async def _ask(self, sql: str, fence: int = 0) -> Any:
        """The first row; an empty one for an update that found its row."""
        given = {"partition": self._partition, "holder": self.name, "fence": fence}
        span = f"{self.lease_s} seconds"
        async with self._kept.connected() as connection:
            cursor = await connection.execute(sql.encode(), given | {"for": span})
            if cursor.description is None:
                return () if cursor.rowcount else None
            return await cursor.fetchone()
