"""Checks the books of a world at rest: every copy of them against a fold of the log.

log verify           every hash, version and checkpoint
replay               every view in Postgres, row by row
log checksum         the warehouse's tables against a second warehouse, newly loaded
controls             domain.md's controls at a close, over three copies of the balances
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.operations.balances import from_warehouse
from adapters.simulators.statement import PostgresStatement
from adapters.wiring.platform import Platform
from domain import ledger
from domain.account.standing import AccountOpened
from domain.shared.envelope import Envelope
from projections.ledger.controls import Balances, Line, add, check
from streams.views.ledger_fold import open_refs
from tests.chaos.parts import PYTHON
from tests.system.processes import ROOT

VERB_S = 600.0


class Ledger:
    """The balances from a fold of the log."""

    def __init__(self) -> None:
        self.balances: dict[Line, Any] = {}
        self.accounts: set[str] = set()

    def note(self, arrived: Envelope) -> None:
        for entry in ledger.entries(arrived.event):
            add(self.balances, entry.postings)
        if isinstance(arrived.event, AccountOpened):
            self.accounts.add(arrived.event.account_id)


async def controls(platform: Platform, folded: Ledger) -> list[str]:
    """Every control that does not hold, and every copy of the balances that differs."""
    position = await platform.log.last()
    copies: Mapping[str, Balances] = {
        "read models": (await platform.served_balances()).balances,
        "ClickHouse": await from_warehouse(platform.warehouse, position),
    }
    out = [
        f"{name}: {line} is {copy.get(line)}, folded {folded.balances.get(line)}"
        for name, copy in copies.items()
        for line in sorted({*copy, *folded.balances})
        if copy.get(line) != folded.balances.get(line)
    ]
    statement = PostgresStatement(platform.database_url)
    try:
        closing = statement.closing()
        found = check(
            folded.balances,
            bank=closing.cash,
            custody=closing.stock,
            open_refs=open_refs([await _state(platform, a) for a in folded.accounts]),
        )
    finally:
        statement.close()
    return out + [f"{c.name} {c.unit}: {c.actual}, not {c.expected}" for c in found if not c.ok]


async def _state(platform: Platform, account_id: str) -> Any:
    return (await platform.handler.state(f"account-{account_id}"))[0]


def log_verifies(env: Mapping[str, str]) -> list[str]:
    result, code = _verb(env, "log", "verify")
    faults = [f"{f['stream']}@{f['version']}: {f['fault']}" for f in result["faults"]]
    return faults or ([f"exit code {code}"] if code else [])


def views_equal(env: Mapping[str, str], last: int) -> list[str]:
    """Views that differ by `replay`, or are not at the log's end."""
    result, code = _verb(env, "replay")
    out = [f"{v['view']} differs: {v}" for v in result["views"] if not v["equal"]]
    out += [f"{v['view']} stands at {v['position']}, the log ends at {last}"
            for v in result["views"] if v["position"] != last]  # fmt: skip
    return out or ([f"exit code {code}"] if code else [])


def warehouse_equal(env: Mapping[str, str], fresh: Path) -> list[str]:
    """Tables that differ by `log checksum` from a newly loaded warehouse."""
    live, _ = _verb(env, "log", "checksum")
    again, _ = _verb({**env, "TIDEMARK_WAREHOUSE": f"chdb://{fresh}"}, "log", "checksum")
    return [
        f"{table} is {rows}, loaded again {again['clickhouse'].get(table)}"
        for table, rows in live["clickhouse"].items()
        if rows != again["clickhouse"].get(table)
    ]


def _verb(env: Mapping[str, str], *words: str) -> tuple[Any, int]:
    """A verb's JSON answer and its exit code.

    Raises:
        RuntimeError: the verb printed no JSON.
    """
    done = subprocess.run(
        [*PYTHON, *words, "--json"], cwd=ROOT, env=dict(env), capture_output=True, text=True,
        timeout=VERB_S, check=False,
    )  # fmt: skip
    try:
        return json.loads(done.stdout), done.returncode
    except ValueError:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()[-500:]}") from None
