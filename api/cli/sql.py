"""`tidemark sql "SELECT ..."`: asks the warehouse, read-only and bounded."""

import argparse
import json
import sys
from decimal import Decimal
from typing import Any

from adapters.settings import Settings
from adapters.settings_error import SettingsError
from adapters.warehouse.client import directory_of, warehouse_of
from api.cli import UsageError, add_verb, settings, wants_json
from api.http import wire

ROWS_MAX, TIMEOUT_S = 10_000, 60.0

ABOUT = """\
Ask the warehouse a question in SQL (ClickHouse's), over every event, posting, fill and price. It
reads only.
"""
MORE = """\
examples:
  tidemark sql "SELECT name, count() FROM events GROUP BY name ORDER BY 2 DESC LIMIT 10"
  tidemark sql --json < question.sql

Tables and what they mean: docs/analysts.md.
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "sql", about=ABOUT, more=MORE)
    verb.add_argument(
        "query",
        nargs="?",
        default="-",
        metavar="SQL",
        help="the question; - (the default) reads it from stdin",
    )
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> None:
    text = sys.stdin.read() if args.query == "-" else args.query
    if not text.strip():
        raise UsageError("the query is empty")
    config = settings(args)
    _require(config)
    variable = "TIDEMARK_READ_WAREHOUSE" if config.read_warehouse else "TIDEMARK_WAREHOUSE"
    warehouse = warehouse_of(variable, config.read_warehouse_url)
    try:
        answer = await warehouse.readonly(text, max_rows=ROWS_MAX, timeout_s=TIMEOUT_S)
    finally:
        await warehouse.close()
    columns, rows = answer[0], answer[1]
    if wants_json(args):
        print(json.dumps({"columns": columns, "rows": rows}, default=_plain))
        return
    texts = [[_shown(v) for v in row] for row in rows]
    widths = [max(len(c), *(len(r[i]) for r in texts), 1) for i, c in enumerate(columns)]
    for line in [list(columns), *texts]:
        print("  ".join(v.ljust(w) for v, w in zip(line, widths, strict=True)).rstrip())


def _plain(value: Any) -> str:
    """A value that JSON has no type for; a decimal without exponent, as in `POST /warehouse`."""
    return wire.decimal(value) if isinstance(value, Decimal) else str(value)


def _shown(value: Any) -> str:
    """A cell of the table; a decimal without exponent and trailing zeros, as in ClickHouse."""
    return wire.quantity(value) if isinstance(value, Decimal) else str(value)


def _require(config: Settings) -> None:
    """Refuse to run where there is no warehouse: opening it would create an empty one."""
    if config.read_warehouse or not config.embedded_warehouse:
        return
    if config.embedded_server and not (config.data_dir / "postgres").exists():
        where = config.data_dir
        raise SettingsError(f"TIDEMARK_DATA_DIR: no log in {where} (serve or simulate creates one)")
    directory = directory_of(config.warehouse_url)
    if not (directory / "db").is_dir():
        raise SettingsError(f"no warehouse in {directory}: serve or simulate fills one")
