"""Checksums of everything at one position: the log, every view, every warehouse table."""

from typing import Any

from adapters.proof.log_audit import stats
from adapters.warehouse.loader import Loader
from adapters.warehouse.tables import checksums as table_checksums
from adapters.wiring.platform import Platform
from projections.catalogue import VIEWS


async def checksums(platform: Platform) -> dict[str, Any]:
    """Rows and hash of each, at the views' common position.

    The warehouse is loaded up to that position first (its loader resumes where it was).
    """
    await platform.sink.prepare(VIEWS, take=False)
    views = await platform.sink.checksums(VIEWS)
    position = min(v.position for v in views)
    counted = await stats(platform.recorder)
    loader = Loader(platform.log, platform.warehouse)
    await loader.load_until(position)
    tables = await table_checksums(platform.warehouse, position)
    return {
        "position": position,
        "log": {"log": {"rows": counted["events"], "hash": counted["root"]}},
        "postgres": {
            v.view: {"rows": v.rows, "hash": v.hash, "position": v.position} for v in views
        },
        "clickhouse": {
            table: {"rows": rows, "hash": digest} for table, (rows, digest) in tables.items()
        },
    }
