"""`tidemark sql "SELECT ..."`: the analysts' door to the warehouse, read-only and bounded."""

import argparse
import json
import sys
from typing import Any

from adapters.warehouse import Warehouse
from api.cli import UsageError, add_verb, settings, wants_json

ROWS_MAX, TIMEOUT_S = 10_000, 60.0

MORE = """\
examples:
  tidemark sql "SELECT name, count() FROM events GROUP BY name ORDER BY 2 DESC LIMIT 10"
  tidemark sql --json < question.sql

Tables and what they mean: docs/analysts.md.
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "sql", more=MORE)
    verb.add_argument(
        "query", nargs="?", default="-", help="the SQL; - (the default) reads it from stdin"
    )
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> None:
    text = sys.stdin.read() if args.query == "-" else args.query
    if not text.strip():
        raise UsageError("the query is empty")
    warehouse = Warehouse(settings(args).read_warehouse_url)
    try:
        answer = await warehouse.readonly(text, max_rows=ROWS_MAX, timeout_s=TIMEOUT_S)
    finally:
        await warehouse.close()
    columns, rows = answer[0], answer[1]
    if wants_json(args):
        print(json.dumps({"columns": columns, "rows": rows}, default=str))
        return
    texts = [[str(v) for v in row] for row in rows]
    widths = [max(len(c), *(len(r[i]) for r in texts), 1) for i, c in enumerate(columns)]
    for line in [list(columns), *texts]:
        print("  ".join(v.ljust(w) for v, w in zip(line, widths, strict=True)).rstrip())
