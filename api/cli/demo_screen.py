"""A demo's texts on its terminal: what it sets up, and, once it is up, what to try."""

import json
import shlex
from contextlib import suppress
from typing import Any
from uuid import uuid4

from adapters.market import history as market_history
from adapters.wiring.platform import Platform
from commands.ports import Unreadable
from domain.house import STREAM as HOUSE
from simulation.pace import Pace
from simulation.run import Spec

SHARE, CURRENCY = "AAPL", "USD"
SPARE = 20  # times its price in free cash: enough for several tries
LOOKED_AT = 200  # accounts searched for one with cash

NAV = (
    '{{ account(id: "{}") '
    "{{ nav {{ amount currency }} positions {{ instrument {{ symbol }} qty }} }} }}"
)
ORDER = '{{ order(id: "{}") {{ ordStatus cumQty avgPx }} }}'
BALANCES = (
    "SELECT account, unit, sum(amount) FROM postings WHERE book = 'C' "
    "GROUP BY account, unit ORDER BY account, unit"
)


def opening(spec: Spec, *, new: bool) -> str:
    """The line shown before the history is traded."""
    if new:
        return (
            f"a new demo: trading {spec.first} to {spec.last} for {spec.accounts} accounts on "
            "real prices, once; this takes some minutes"
        )
    return f"continuing the demo of {spec.accounts} accounts that began on {spec.first}"


async def first_screen(url: str, platform: Platform, pace: Pace) -> str:
    """What moves, three things to try, and how to stop; the order id is new each time."""
    account, order = await _account(platform), f"try-{uuid4().hex[:8]}"
    buy = {
        "order_id": order,
        "account_id": account,
        "instrument_id": SHARE,
        "side": "BUY",
        "qty": "1",
        "ord_type": "MARKET",
    }
    tidemark = "uv run tidemark"
    if str(platform.settings.data_dir) != ".tidemark":
        tidemark += f" --data-dir {shlex.quote(str(platform.settings.data_dir))}"
    return f"""
  It is {platform.clock():%Y-%m-%d %H:%M} UTC on the demo's clock; {pace}.
  {await _moves(platform, pace, tidemark)}

  Three things to try, at any time, in another terminal:

  1. What an account is worth. Ask again a little later: it has moved.
{_graphql(url, NAV.format(account))}

  2. Buy a share. See it filled some seconds later.
curl -s {url}/commands/PlaceOrder -H 'Idempotency-Key: {order}' \\
  -H 'content-type: application/json' -d {_quote(buy)}
{_graphql(url, ORDER.format(order))}

  3. The books of all clients, in SQL.
{tidemark} sql "{BALANCES}"

  in a browser   {url}/graphql
  also           {url}/openapi.json   {url}/readyz   {url}/metrics
  pause          {tidemark} demo pause      (resume; pace 1: a session a minute)
  stop           Ctrl-C; started again, it goes on from here
"""


async def _moves(platform: Platform, pace: Pace, tidemark: str) -> str:
    """A sentence on what moves now, and what becomes of an order."""
    house: Any = (await platform.handler.state(HOUSE))[0]
    ends = market_history.prices().dates[-1]
    if house.last_day is not None and house.last_day >= ends:
        return f"The market is closed for good: prices end on {ends}. An order (2.) is refused."
    if pace.paused:
        return f"Nothing moves, and an order (2.) waits, until `{tidemark} demo resume`."
    accounts = platform.origin.run.accounts
    return f"Prices tick, {accounts} accounts trade, orders fill; days settle and close."


async def _account(platform: Platform) -> str:
    """The first account with enough free cash to try something; A00001 if none has."""
    run, today = platform.origin.run, platform.clock().date()
    mark: Any = (await platform.handler.state(f"price-{SHARE}"))[0]
    names = [f"A{n:05d}" for n in range(1, min(run.accounts, LOOKED_AT) + 1)]
    for name in names:
        with suppress(Unreadable):  # skip a damaged account
            state: Any = (await platform.handler.state(f"account-{name}"))[0]
            if state.available_to_trade(CURRENCY, today) > SPARE * (mark.price or 1):
                return name
    return names[0]


def _graphql(url: str, query: str) -> str:
    body = _quote({"query": query})
    return f"curl -s {url}/graphql -H 'content-type: application/json' -d {body}"


def _quote(body: dict[str, str]) -> str:
    return shlex.quote(json.dumps(body))
