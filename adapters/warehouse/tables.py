"""The warehouse's tables and views, made of the declared facts' columns.

Each fact F has a table `F_raw` and a view `F`. The raw table may hold a row twice (a load that was
repeated after a crash), the view never does: ReplacingMergeTree with the key in ORDER BY, read
with FINAL. The month of `committed_at` is the partition; a position's month never changes, so
FINAL may look at each partition alone.
"""

import hashlib
from collections.abc import Iterable

from adapters.warehouse.client import Warehouse
from adapters.warehouse.columns import COLUMNS
from projections.facts import FACTS, VERSION
from projections.facts.base import Fact

RANGES = "ranges"
WINDOW = 1_000  # tokens that a table remembers; the key (position, leg) catches older repeats

Checksums = dict[str, tuple[int, str]]
"""Table -> rows, hash (hex)."""


def create_statements() -> list[str]:
    """Every table and view, idempotent; `ranges` last."""
    made = [_create_table(fact) for fact in FACTS] + [_create_view(fact) for fact in FACTS]
    return [*made, _EXECUTIONS, _create_ranges()]


def drop_statements() -> list[str]:
    """Drop every table and view; `ranges` first, because without it nothing counts as loaded."""
    views = [f"DROP VIEW IF EXISTS {name} SYNC" for name in (*_names(), "executions")]
    tables = [f"DROP TABLE IF EXISTS {name}_raw SYNC" for name in _names()]
    return [f"DROP TABLE IF EXISTS {RANGES} SYNC", *views, *tables]


async def prepare(warehouse: Warehouse) -> None:
    """Create the tables; if their columns or the facts' version differ, drop them all first.

    The tables hold only folds of the log: the loader fills them again from the log's start.
    """
    sql = (
        "SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = {t:String}"
    )
    found = (await warehouse.query(sql, {"t": RANGES})).rows
    if found and found[0][0] == fingerprint():
        return  # `ranges` comes last: it is there only when all else is
    await drop(warehouse)
    for statement in create_statements():
        await warehouse.command(statement)


async def drop(warehouse: Warehouse) -> None:
    """Drop everything; the next load starts at the beginning of the log."""
    for statement in drop_statements():
        await warehouse.command(statement)


def fingerprint() -> str:
    """Hash of the declared columns and the facts' version; kept as the comment of `ranges`."""
    declared = [_create_table(fact) for fact in FACTS]
    return hashlib.sha256("\n".join([str(VERSION), *declared]).encode()).hexdigest()[:16]


async def checksums(warehouse: Warehouse, position: int) -> Checksums:
    """Rows and an order-free hash of every fact table up to a log position."""
    out: Checksums = {}
    for fact in FACTS:
        sql = (
            f"SELECT count(), hex(sum(sipHash64(*))) FROM {fact.TABLE} "
            "WHERE position <= {position:UInt64}"
        )
        rows, digest = (await warehouse.query(sql, {"position": position})).rows[0]
        out[fact.TABLE] = (rows, digest)
    return out


def _names() -> Iterable[str]:
    return (fact.TABLE for fact in FACTS)


def _create_table(fact: type[Fact]) -> str:
    columns = ",\n    ".join(f"`{n}` {c.clickhouse}" for n, c in COLUMNS[fact].items())
    return (
        f"CREATE TABLE IF NOT EXISTS {fact.TABLE}_raw (\n    {columns}\n)\n"
        "ENGINE = ReplacingMergeTree\nPARTITION BY toYYYYMM(committed_at)\n"
        f"ORDER BY (position, leg)\nSETTINGS non_replicated_deduplication_window = {WINDOW}"
    )


def _create_view(fact: type[Fact]) -> str:
    return (
        f"CREATE OR REPLACE VIEW {fact.TABLE} AS SELECT * FROM {fact.TABLE}_raw FINAL "
        "SETTINGS do_not_merge_across_partitions_select_final = 1"
    )


_EXECUTIONS = """CREATE OR REPLACE VIEW executions AS SELECT * FROM fills
WHERE exec_type != 'cancel'
  AND trade_id NOT IN (SELECT trade_id FROM fills WHERE exec_type = 'cancel')"""
"""The executions that count: a busted one not at all, a corrected one as last corrected."""


def _create_ranges() -> str:
    return (
        f"CREATE TABLE IF NOT EXISTS {RANGES} (\n"
        "    after UInt64, until UInt64, events UInt64\n)\n"
        "ENGINE = ReplacingMergeTree\nORDER BY (until, after)\n"
        f"SETTINGS non_replicated_deduplication_window = {WINDOW}\nCOMMENT '{fingerprint()}'"
    )
