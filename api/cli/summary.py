"""The summary of a run: a table for a wealth manager, and one JSON object."""

import io
from collections import defaultdict
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from adapters.market import history as market_history
from adapters.proof.log_audit import stats
from adapters.wiring.platform import Platform
from projections.ledger.controls import client_money
from simulation.endings import endings
from simulation.run import Outcome


async def figures(platform: Platform, outcome: Outcome) -> dict[str, Any]:
    """The summary as JSON; `table` shows a part of it."""
    census, history = outcome.census, outcome.history
    counted = await stats(platform.recorder)
    added = census.fold.events - outcome.events_before
    _, committed_at = await platform.recorder.last()
    ended_at = max(platform.clock(), committed_at or platform.clock())
    return {
        "accounts": len(outcome.plans),
        **{name: census.counts[name] for name in ("orders", "fills", "busts", "settled")},
        "events": counted["events"],
        "log_position": counted["position"],
        "root": counted["root"],
        **_money(outcome),
        "failed": len(census.failed),
        **_obligations(outcome),
        "declined": outcome.declined,
        "sagas": endings(await platform.saga_store.everything()),
        "suspense": census.counts["suspense"],
        "fix": {
            "sessions": len(census.fix_sessions),
            "messages": census.counts["fix_messages"],
            "resends": census.counts["fix_resends"],
        },
        "prices": market_history.PRICES,
        "from": str(history.sessions[0]),
        "to": str(history.sessions[-1]),
        "open_day": str(census.open_day) if census.open_day else None,
        "ended_at": ended_at.isoformat(),
        "wall_s": round(outcome.wall_s, 2),
        "events_per_s": round(added / outcome.wall_s) if outcome.wall_s else 0,
    }


def _money(outcome: Outcome) -> dict[str, Any]:
    history, balances = outcome.history, outcome.census.fold.balances
    last = history.sessions[-1]
    rates = history.rates(last)
    closes = history.closes(last)
    navs = {p.account_id: outcome.books.nav(p, closes, rates, day=last) for p in outcome.plans}
    nav: dict[str, Decimal] = defaultdict(Decimal)
    for plan in outcome.plans:
        nav[plan.base_currency] += navs[plan.account_id]
    trial: dict[str, Decimal] = defaultdict(Decimal)
    for line, amount in balances.items():
        trial[line.unit] += amount
    ranked = _rank(outcome, navs)
    return {
        "trial_balance": {u: f"{a:f}" for u, a in sorted(trial.items())},
        "nav": {c: f"{a:f}" for c, a in sorted(nav.items())},
        "best_account": ranked[0],
        "worst_account": ranked[-1],
        "client_money": {
            unit: {"requirement": f"{found.requirement:f}", "resource": f"{found.resource:f}"}
            for unit, found in client_money(balances).items()
        },
    }


def _obligations(outcome: Outcome) -> dict[str, int]:
    states = [outcome.books.state(p) for p in outcome.plans]
    every = [o for s in states for o in s.obligations.values()]
    return {"open": len(every), "failing_now": sum(o.failing for o in every)}


def _rank(outcome: Outcome, navs: dict[str, Decimal]) -> list[dict[str, str]]:
    """Accounts by NAV relative to the cash paid in, best first."""
    rows = []
    for plan in outcome.plans:
        paid_in = outcome.census.paid_in[plan.account_id]
        gain = navs[plan.account_id] / paid_in - 1 if paid_in else Decimal(0)
        rows.append((gain, plan))
    rows.sort(key=lambda r: (-r[0], r[1].account_id))
    return [
        {
            "account": plan.account_id,
            "strategy": plan.strategy.value,
            "nav": f"{navs[plan.account_id]:f} {plan.base_currency}",
            "on_paid_in": f"{gain * 100:.2f} %",
        }
        for gain, plan in rows
    ]


def table(answer: dict[str, Any]) -> str:
    out = io.StringIO()
    console = Console(file=out, width=100)
    title, open_day = f"{answer['from']} to {answer['to']}", answer["open_day"]
    title += f", and {open_day} up to now" if open_day else ""
    grid = Table(title=title, show_header=False)
    for name in ("accounts", "orders", "fills", "settled", "failed", "failing_now", "open"):
        grid.add_row(name.replace("_", " "), f"{answer[name]:,}")
    for currency, amount in answer["nav"].items():
        grid.add_row(f"NAV {currency}", f"{Decimal(amount):,}")
    for word in ("best_account", "worst_account"):
        one = answer[word]
        grid.add_row(
            word.replace("_", " "),
            f"{one['account']} ({one['strategy']}): {one['nav']}, {one['on_paid_in']} on paid in",
        )
    for unit, money in answer["client_money"].items():
        need, have = Decimal(money["requirement"]), Decimal(money["resource"])
        when = f", before the sweep of {open_day}" if open_day else ""
        grid.add_row(f"client money {unit}", f"{have:,} held for {need:,} owed{when}")
    off = {u: a for u, a in answer["trial_balance"].items() if Decimal(a)}
    units = len(answer["trial_balance"])
    grid.add_row("trial balance", f"zero in all {units} units" if not off else f"OFF: {off}")
    grid.add_row("events", f"{answer['events']:,} (position {answer['log_position']:,})")
    if answer["events_per_s"]:
        grid.add_row("speed", f"{answer['events_per_s']:,} events/s, {answer['wall_s']} s")
    grid.add_row("root", answer["root"][:32] + "...")
    grid.add_row("prices", answer["prices"])
    console.print(grid)
    return out.getvalue().rstrip()
