"""The loader: every event's facts once, even if processes die meanwhile."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from adapters.clickhouse.owner import owner_of
from adapters.log.frame import unframe
from adapters.log.recorder import Stored
from adapters.warehouse import loader as warehouse_loader
from adapters.warehouse import tables as warehouse_tables
from adapters.warehouse.client import Warehouse, WarehouseUnavailable
from adapters.warehouse.loader import Loader
from domain.fx import RatesFixed
from domain.order.events import OrderFilled
from domain.price import PriceMarked
from domain.shared.envelope import Envelope, Metadata
from domain.shared.fix import Side
from domain.shared.message import Event

START = datetime(2022, 1, 30, tzinfo=UTC)
STEP = 3  # positions are increasing, not dense


def fill(n: int) -> OrderFilled:
    return OrderFilled(
        order_id=f"O{n}", account_id="A1", instrument_id="I1", isin="US0378331005",
        side=Side.BUY, exec_id=f"E{n}", trade_id=f"T{n}", venue_order_id="V1",
        last_qty=Decimal("0.00000001"), last_px=Decimal("12345678901.0123456789"),
        currency="USD", gross=Decimal("123.46"), transact_time=START, trade_date=START.date(),
        settl_date=date(2022, 2, 1), last_mkt="XNAS",
    )  # fmt: skip


def mark(n: int) -> PriceMarked:
    return PriceMarked(
        instrument_id="I1", isin="US0378331005", price=Decimal(n) + 1, currency="USD",
        price_date=START.date() + timedelta(days=n), source="close",
    )  # fmt: skip


class ListLog:
    """Events in memory, as stored bytes; the stored text differs from an encoder's output."""

    def __init__(self) -> None:
        self._stored: list[Stored] = []
        self._events: dict[int, tuple[Event, Metadata]] = {}
        self._grown = asyncio.Event()

    def append(self, *events: Event) -> int:
        for event in events:
            self._one(event)
        self._grown.set()
        return self._stored[-1].position

    def _one(self, event: Event) -> None:
        n = len(self._stored) + 1
        name = str(event.__struct_config__.tag)
        at = START + timedelta(hours=n)
        meta = Metadata(
            stream=f"order-O{n}", version=1, name=name, schema=1, event_id=f"id-{n}",
            recorded_at=at, actor="é", message_id=f"m{n}", request_hash="", home="A1",
        )  # fmt: skip
        payload = msgspec.json.format(msgspec.json.encode(event), indent=1)
        state = b'{"metadata": ' + msgspec.json.encode(meta) + b' , "payload": ' + payload + b"}"
        position = n * STEP
        self._stored.append(Stored(position, meta.stream, 1, name, state, bytes(32), at))
        self._events[position] = (event, meta)

    def payload(self, position: int) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self._events[position][0]), indent=1)

    async def stored(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Stored]:
        later = (s for s in self._stored if s.position > position)
        return [s for s in later if until is None or s.position <= until][:limit]

    def opened(self, stored: Stored, /) -> tuple[Envelope, bytes, bytes]:
        event, meta = self._events[stored.position]
        arrived = Envelope(
            position=stored.position, committed_at=stored.committed_at,
            meta=meta, event=event, hash=stored.hash.hex(),
        )  # fmt: skip
        return arrived, *unframe(stored.state)

    async def wait(self, position: int, /, *, timeout_s: float) -> bool:
        self._grown.clear()
        if self._stored and self._stored[-1].position > position:
            return True
        try:
            await asyncio.wait_for(self._grown.wait(), timeout_s)
        except TimeoutError:
            return False
        return True


@pytest.fixture
async def warehouse(tmp_path: Path) -> AsyncIterator[Warehouse]:
    opened = Warehouse(f"chdb://{tmp_path}")
    yield opened
    await opened.close()


async def counts(warehouse: Warehouse, suffix: str = "") -> dict[str, int]:
    return {
        name: (await warehouse.query(f"SELECT count() FROM {name}{suffix}")).rows[0][0]
        for name in ("events", "fills", "prices", "rates")
    }


async def test_facts_arrive_typed_and_exact_with_the_stored_bytes(warehouse: Warehouse) -> None:
    log = ListLog()
    rates = {"USD": Decimal("1.123456789012"), "GBP": Decimal("0.85")}
    last = log.append(fill(1), RatesFixed(source="ECB", rate_date=START.date(), rates=rates))
    assert await Loader(log, warehouse).load_until(last) == last
    sql = (
        "SELECT position, leg, last_qty, last_px, gross, settl_date, transact_time, late FROM fills"
    )
    assert (await warehouse.query(sql)).rows == [
        (STEP, 0, Decimal("0.00000001"), Decimal("12345678901.0123456789"), Decimal("123.46"),
         date(2022, 2, 1), START, False),
    ]  # fmt: skip
    sql = "SELECT leg, base, currency, rate FROM rates ORDER BY leg"
    expected = [(leg, "EUR", c, r) for leg, (c, r) in enumerate(rates.items())]
    assert (await warehouse.query(sql)).rows == expected
    sql = "SELECT payload, actor, effective_at, category, id FROM events WHERE position = 3"
    at = START + timedelta(hours=1)
    assert (await warehouse.query(sql)).rows == [
        (log.payload(STEP).decode(), "é", at, "order", "O1")
    ]


async def test_a_loader_goes_on_where_the_last_one_stopped(warehouse: Warehouse) -> None:
    log = ListLog()
    half = log.append(*(fill(n) for n in range(10)))
    last = log.append(*(mark(n) for n in range(10)))
    first = Loader(log, warehouse)
    assert await first.load_until(half) == half
    assert (await counts(warehouse))["events"] == 10
    assert await Loader(log, warehouse).load_until(last) == last
    assert await first.load_until(last) == last  # its own position is behind
    whole = {"events": 20, "fills": 10, "prices": 10, "rates": 0}
    assert await counts(warehouse) == whole
    assert await warehouse_tables.checksums(warehouse, half) != await warehouse_tables.checksums(
        warehouse, last
    )


class Dying:
    """A warehouse that fails at its n-th insert, before or after executing it."""

    def __init__(self, real: Warehouse, *, at: int, taken: bool) -> None:
        self._real, self._left, self._taken = real, at, taken

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def insert_arrow(self, table: str, rows: pa.Table, *, token: str) -> None:
        self._left -= 1
        if self._left == 0 and self._taken:
            await self._real.insert_arrow(table, rows, token=token)
        if self._left <= 0:
            raise WarehouseUnavailable("gone")
        await self._real.insert_arrow(table, rows, token=token)


async def test_a_load_cut_short_anywhere_is_made_whole_without_a_second_row(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_loader, "EVENTS_MAX", 4)
    log = ListLog()
    for at in range(1, 8):  # two ranges have eight inserts
        for taken in (False, True):
            last = log.append(*(e for n in range(4) for e in (fill(n), mark(n))))
            dying: Any = Dying(warehouse, at=at, taken=taken)
            with pytest.raises(WarehouseUnavailable):
                await Loader(log, dying).load_until(last)
    assert await Loader(log, warehouse).load_until(last) == last
    whole = {"events": 112, "fills": 56, "prices": 56, "rates": 0}
    assert await counts(warehouse) == whole
    assert await counts(warehouse, "_raw") == whole  # the tokens prevented repeated rows


async def test_rows_that_got_in_twice_are_one_row_of_the_view(warehouse: Warehouse) -> None:
    log = ListLog()
    last = log.append(*(fill(n) for n in range(5)))
    loader = Loader(log, warehouse)
    await loader.load_until(last)
    before = await warehouse_tables.checksums(warehouse, last)
    again = await loader._read(0, until=last, limit=3)
    assert again is not None
    await loader._insert(again)  # other blocks, so other tokens
    assert (await counts(warehouse, "_raw"))["fills"] > 5
    assert (await counts(warehouse))["fills"] == 5
    assert await warehouse_tables.checksums(warehouse, last) == before


async def test_killing_the_owner_while_it_loads_loses_and_doubles_nothing(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_loader, "EVENTS_MAX", 20)
    log = ListLog()
    last = log.append(*(e for n in range(400) for e in (fill(n), mark(n))))
    loader = Loader(log, warehouse)
    loading = asyncio.create_task(loader.load_until(last))
    for share in (0.2, 0.6):
        while loader.position < last * share:
            assert not loading.done()
            await asyncio.sleep(0.005)
        owner = owner_of(tmp_path)
        assert owner is not None
        assert not loading.done()
        os.kill(owner.pid, signal.SIGKILL)
    assert await loading == last
    assert await counts(warehouse) == {"events": 800, "fills": 400, "prices": 400, "rates": 0}


async def test_facts_of_another_version_are_loaded_again_from_the_start(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ListLog()
    last = log.append(fill(1), mark(1))
    await Loader(log, warehouse).load_until(last)
    stray = "INSERT INTO fills_raw SELECT * REPLACE (1 AS position) FROM fills_raw"
    await warehouse.command(stray)
    await Loader(log, warehouse).load_until(last)
    assert (await counts(warehouse))["fills"] == 2  # the same version: the tables are kept
    monkeypatch.setattr(warehouse_tables, "VERSION", warehouse_tables.VERSION + 1)
    assert await Loader(log, warehouse).load_until(last) == last
    assert await counts(warehouse) == {"events": 2, "fills": 1, "prices": 1, "rates": 0}


async def test_a_rebuild_gives_the_same_rows(warehouse: Warehouse) -> None:
    log = ListLog()
    last = log.append(*(e for n in range(10) for e in (fill(n), mark(n))))
    loader = Loader(log, warehouse)
    before, after = await loader.rebuild(last)
    assert before == after
    assert {table: rows for table, (rows, _) in after.items() if rows} == {
        "events": 20, "fills": 10, "prices": 10,
    }  # fmt: skip
    stray = "INSERT INTO fills_raw SELECT * REPLACE (1 AS position) FROM fills_raw LIMIT 1"
    await warehouse.command(stray)
    before, after = await loader.rebuild(last)
    assert before["fills"] != after["fills"]


async def test_decades_of_months_go_in_at_once(warehouse: Warehouse) -> None:
    rows = pa.table(
        {
            "position": pa.array(range(400), pa.uint64()),
            "leg": pa.array([0] * 400, pa.uint16()),
            "committed_at": pa.array(
                [datetime(1990 + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(400)],
                pa.timestamp("us", "UTC"),
            ),
        }
    )
    await warehouse_tables.prepare(warehouse)
    await warehouse.insert_arrow("prices_raw", rows, token="decades")
    assert (await counts(warehouse))["prices"] == 400


async def test_the_tail_carries_what_is_appended_meanwhile(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_loader, "FLUSH_S", 0.05)
    log = ListLog()
    loader = Loader(log, warehouse)
    tail = asyncio.create_task(loader.run())
    try:
        for n in range(3):
            last = log.append(fill(n))
            async with asyncio.timeout(20):
                while loader.position < last:
                    await asyncio.sleep(0.02)
            assert (await counts(warehouse))["fills"] == n + 1
    finally:
        tail.cancel()
        await asyncio.gather(tail, return_exceptions=True)
