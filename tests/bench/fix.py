"""FIX: order round trips over a session, against a bare QuickFIX pair.

    ours   order -> recorded -> the wire -> execution -> recorded -> handed to the gateway
    peer   order -> the wire -> execution, in QuickFIX's own files only

Ours is durable at both ends of the way: one commit before the order leaves, one before the report
is handed over. Sequential: the next order leaves when the last one's report is there. Pipelined:
64 orders are under way.
"""

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from adapters.counterparties.fix import ExecType, ExecutionReport, NewOrderSingle
from adapters.fix.engine import Ends, Engine
from adapters.fix.journal import Journal
from adapters.fix.orders import from_fields, to_fields
from adapters.fix.text import ADMIN, Fields, text_of
from adapters.fix.url import VenueUrl
from adapters.fix.venue import FixVenue
from domain.shared.fix import OrdStatus, OrdType, Side
from tests.bench.harness import Row, in_turn, quantile, report, row
from tests.bench.rig import WriteSide, complete, say, server
from tests.contract.fix.world import free_port
from tests.paths import ROOT

ROUNDS, ROUND_S, UNDER_WAY = 3, 5.0, 64
_orders = itertools.count(1)


class Echo:
    """A venue that executes every order at once."""

    def __init__(self, folder: Path, port: int) -> None:
        ends = Ends(sender_comp_id="VENUE", target_comp_id="US", port=port)
        self.engine = Engine(ends, folder, self)
        self._loop = asyncio.get_running_loop()

    def sent(self, raw: bytes, /) -> bool:
        return True

    def resent(self, raw: bytes, /) -> None:
        return

    def received(self, raw: bytes, /) -> None:
        fields = Fields.parse(text_of(raw))
        if fields.msg_type not in ADMIN:
            order = from_fields(fields)
            asyncio.run_coroutine_threadsafe(self._execute(order), self._loop)

    def up(self) -> None:
        return

    def down(self) -> None:
        return

    async def _execute(self, order: NewOrderSingle) -> None:
        filled = ExecutionReport(
            order_id="V1",
            cl_ord_id=order.cl_ord_id,
            secondary_cl_ord_id=order.secondary_cl_ord_id,
            exec_id=f"E{order.cl_ord_id}",
            exec_type=ExecType.TRADE,
            ord_status=OrdStatus.FILLED,
            symbol=order.symbol,
            side=order.side,
            order_qty=order.order_qty,
            last_qty=order.order_qty,
            last_px=Decimal("150.00"),
            cum_qty=order.order_qty,
            trade_date=order.transact_time.date(),
            transact_time=order.transact_time,
        )
        await asyncio.to_thread(self.engine.send, *to_fields(filled))


class Session:
    """Our side of a session, on a Postgres log."""

    def __init__(self, side: WriteSide, folder: Path, port: int) -> None:
        url = VenueUrl(host="127.0.0.1", port=port, sender_comp_id="US", target_comp_id="VENUE")
        journal = Journal("venue", side.log, side.dispatcher.submit_many, ("US", "VENUE"))
        self.venue = FixVenue(url, journal, folder, lambda: datetime.now(UTC))
        self.latencies: list[float] = []
        self._arrived = asyncio.Event()
        self.venue.notify = self._arrived.set

    async def sequential(self) -> float:
        return await self._trade(1)

    async def pipelined(self) -> float:
        return await self._trade(UNDER_WAY)

    async def _trade(self, under_way: int) -> float:
        """Round trips a second with so many orders under way."""
        left = {self._next() for _ in range(under_way)}
        began: dict[str, float] = {}
        done, start = 0, time.perf_counter()
        for name in left:
            began[name] = time.perf_counter()
            await self.venue.submit(_order(name))
        while time.perf_counter() - start < ROUND_S:
            await self._arrived.wait()
            self._arrived.clear()
            for found in await self.venue.advance(datetime.now(UTC)):
                done += 1
                self.latencies.append(time.perf_counter() - began.pop(found.cl_ord_id))
                name = self._next()
                began[name] = time.perf_counter()
                await self.venue.submit(_order(name))
        rate = done / (time.perf_counter() - start)
        while began:
            for found in await self.venue.advance(datetime.now(UTC)):
                began.pop(found.cl_ord_id)
            await asyncio.sleep(0.001)
        return rate

    def _next(self) -> str:
        return f"B{next(_orders)}.c1"


def _order(cl_ord_id: str) -> NewOrderSingle:
    return NewOrderSingle(
        cl_ord_id=cl_ord_id,
        secondary_cl_ord_id=cl_ord_id.partition(".")[0],
        symbol="AAPL",
        security_id="US0378331005",
        side=Side.BUY,
        order_qty=Decimal(10),
        ord_type=OrdType.LIMIT,
        price=Decimal("150.00"),
        currency="USD",
        transact_time=datetime.now(UTC),
    )


async def _peer() -> float:
    """Round trips a second of a bare pair, in a process of its own."""

    def measure() -> float:
        with TemporaryDirectory(prefix="tidemark-bench-") as folder:
            words = [sys.executable, "-m", "tests.bench.fix_peer", folder, str(free_port())]
            done = subprocess.run(
                [*words, str(ROUND_S)], cwd=ROOT, capture_output=True, text=True, check=True
            )
            return float(done.stdout.split()[-1])

    return await asyncio.to_thread(measure)


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="tidemark-bench-") as folder:
        yield Path(folder)


async def _measure() -> tuple[dict[str, list[Any]], list[float]]:
    with server() as postgres, _folder() as folder:
        side = await WriteSide.open(postgres)
        port = free_port()
        echo = Echo(folder / "venue", port)
        await asyncio.to_thread(echo.engine.start)
        session = Session(side, folder / "us", port)
        stop = asyncio.Event()
        listening = asyncio.create_task(session.venue.listen(stop))
        while not session.venue.up:
            await asyncio.sleep(0.01)
        sides = {"sequential": session.sequential, "bare pair": _peer}
        found = await in_turn(ROUNDS, sides, say)
        latencies, session.latencies = session.latencies, []
        found |= await in_turn(ROUNDS, {"pipelined": session.pipelined}, say)
        stop.set()
        await listening
        await asyncio.to_thread(echo.engine.stop)
        await side.close()
        return found, latencies


def run() -> dict[str, Any]:
    found, latencies = complete(_measure())
    return report("fix", ROUNDS, _rows(found, latencies))


def _rows(found: dict[str, list[float]], latencies: list[float]) -> list[Row]:
    unit, bare = "round trips/s", found["bare pair"]
    return [
        row("order to durable execution, sequential", found["sequential"], bare,
            peer_name="bare QuickFIX pair, sequential, nothing recorded", unit=unit, goal=0.6),
        row(f"the same, {UNDER_WAY} under way", found["pipelined"], bare,
            peer_name="bare QuickFIX pair, sequential, nothing recorded", unit=unit),
        row("latency, sequential, p50", [quantile(latencies, 0.5) * 1e3], unit="ms"),
        row("latency, sequential, p99", [quantile(latencies, 0.99) * 1e3], unit="ms"),
    ]  # fmt: skip
