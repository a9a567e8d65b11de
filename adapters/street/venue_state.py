"""A simulated venue that survives its process: its orders and reports in a SQLite file.

    submit, advance -> what changed and what is to be sent, in one transaction -> sent -> marked

A venue that is killed at any moment knows every order that it acknowledged, and sends every report
that it has decided on, each once per FIX session (the session's own store tells which have left).
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from adapters.counterparties.fix import FromVenue, ToVenue
from adapters.simulators.market import Market
from adapters.simulators.misbehaviour import VenueFaults
from adapters.simulators.venue import SimulatedVenue
from adapters.simulators.venue_order import VenueOrder

_TABLES = """
create table if not exists orders (order_id text primary key, body blob not null);
create table if not exists names (cl_ord_id text primary key, order_id text not null);
create table if not exists waiting (n integer primary key, at text, label text, body blob);
create table if not exists outbox (n integer primary key, key text, body blob);
"""
_order = msgspec.json.Decoder(VenueOrder)
_report = msgspec.json.Decoder(FromVenue)
_encode = msgspec.json.encode


class Owed(NamedTuple):
    """A report that is to be sent."""

    number: int
    key: str  # its ExecID, or the ClOrdID of a refused request
    report: FromVenue


class OrderLine(Struct, frozen=True, kw_only=True):
    """An open order, for the status page."""

    order_id: str
    symbol: str
    side: str
    qty: Decimal
    cum: Decimal
    limit: Decimal | None
    time_in_force: str


class KeptVenue(SimulatedVenue):
    """A `SimulatedVenue` that keeps itself in a file.

    Args:
        path: the file; made if it is not there.
    """

    def __init__(
        self,
        market: Market,
        path: Path,
        *,
        seed: int,
        faults: VenueFaults | None = None,
        units: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(market, seed=seed, faults=faults, units=units)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=full")
        self._db.executescript(_TABLES)
        self._live: dict[str, VenueOrder] = {}  # open when it was last kept
        self._load()

    async def take(self, message: ToVenue) -> None:
        """Take a request and keep what came of it, before anyone is told."""
        await self.submit(message)
        self._save([], getattr(message, "cl_ord_id", ""))

    async def step(self, to: datetime) -> None:
        """Trade up to `to`; what is to be sent is in the outbox afterwards."""
        reports = await self.advance(to)
        if reports:
            self._save(reports)

    def owed(self) -> list[Owed]:
        """The reports that have not left, in order."""
        rows = self._db.execute("select n, key, body from outbox order by n").fetchall()
        return [Owed(n, key, _report.decode(body)) for n, key, body in rows]

    def sent(self, numbers: Collection[int]) -> None:
        self._db.executemany("delete from outbox where n = ?", [(n,) for n in numbers])

    def open_orders(self) -> list[OrderLine]:
        return [
            OrderLine(
                order_id=order.venue_order_id,
                symbol=order.received.symbol,
                side=order.received.side.value,
                qty=order.qty,
                cum=order.cum,
                limit=order.limit,
                time_in_force=order.received.time_in_force.value,
            )
            for order in self._open.values()
        ]

    def close(self) -> None:
        self._db.close()

    def _save(self, reports: Collection[FromVenue], name: str = "") -> None:
        """Keep the orders that may have changed, the reports in transit, and those to be sent."""
        orders = [*self._open.values(), *self._live.values()]
        fresh = []
        if name in self._orders:
            orders.append(self._orders[name])
            fresh = [(name, self._orders[name].received.secondary_cl_ord_id)]
        self._live = dict(self._open)
        bodies = {o.received.secondary_cl_ord_id: _encode(o) for o in orders}
        waiting = [
            (at.isoformat(), label, _encode(r)) for at, label, _, r in self._mailbox.waiting()
        ]
        rows = [(key_of(report), _encode(report)) for report in reports]
        with self._transaction() as db:
            db.executemany("insert or replace into orders values (?, ?)", bodies.items())
            db.executemany("insert or replace into names values (?, ?)", fresh)
            db.execute("delete from waiting")
            db.executemany("insert into waiting (at, label, body) values (?, ?, ?)", waiting)
            db.executemany("insert into outbox (key, body) values (?, ?)", rows)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("begin immediate")
        try:
            yield self._db
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def _load(self) -> None:
        orders = {
            order_id: _order.decode(body)
            for order_id, body in self._db.execute(
                "select order_id, body from orders order by rowid"
            )
        }
        for name, order_id in self._db.execute("select cl_ord_id, order_id from names"):
            self._orders[name] = orders[order_id]
            self._known.add(name)
        self._open = {order_id: order for order_id, order in orders.items() if not order.closed}
        self._live = dict(self._open)
        for at, label, body in self._db.execute("select at, label, body from waiting order by n"):
            self._mailbox.post(_report.decode(body), at=datetime.fromisoformat(at), label=label)


def key_of(report: FromVenue) -> str:
    return getattr(report, "exec_id", "") or report.cl_ord_id
