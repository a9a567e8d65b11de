"""A real log in the warehouse: its exact bytes, its hash chains, its journal, and no names."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from adapters.host.entropy import SeededEntropy
from adapters.log.codec import Codec
from adapters.log.event_log import RecorderLog
from adapters.log.keys import MemoryKeyStore
from adapters.memory.recorder import MemoryRecorder
from adapters.warehouse.client import Warehouse
from adapters.warehouse.loader import Loader
from commands.ports import EMPTY, Appended, Head, Proposal, Request
from domain.account.cash import CashDeposited, DepositCash
from domain.account.withdrawals import WithdrawalRequested
from domain.shared.message import Event
from tests.contract.warehouse.test_warehouse_analysts import statements

START = datetime(2022, 3, 1, tzinfo=UTC)
COMMAND = DepositCash(account_id="A1", amount=Decimal(1), currency="USD", reference="R")


def deposited(n: int, currency: str) -> CashDeposited:
    amount = Decimal(n).scaleb(-2) + 1
    return CashDeposited(
        account_id="A1", amount=amount, currency=currency, reference=f"R{n}",
        value_date=date(2022, 3, 1),
    )  # fmt: skip


def withdrawal(n: int) -> WithdrawalRequested:
    return WithdrawalRequested(
        account_id="A1", client_id="K1", payment_id=f"P{n}", amount=Decimal(1), currency="USD",
        reference=f"W{n}", payee="Jane Doe",
    )  # fmt: skip


async def grow(log: RecorderLog) -> int:
    """Three streams of twenty events each; the position of the last."""
    heads: dict[str, Head] = {}
    position = 0
    for n in range(60):
        stream = f"account-A{n % 3 + 1}"
        event: Event = withdrawal(n) if n % 5 == 0 else deposited(n, "USD" if n % 2 else "JPY")
        proposal = Proposal(
            stream=stream, expected=heads.get(stream, EMPTY), events=[event], home="A1",
            request=Request(command=COMMAND, message_id=f"m{n}"),
        )  # fmt: skip
        (done,) = await log.append([proposal], now=START + timedelta(minutes=n))
        assert isinstance(done, Appended)
        heads[stream], position = done.head, done.position
    return position


@pytest.fixture(scope="module")
def log() -> RecorderLog:
    keys = MemoryKeyStore(SeededEntropy(1))
    codec = Codec(keys, SeededEntropy(2))
    return RecorderLog(MemoryRecorder(), codec, request_key=keys.request_key)


@pytest.fixture(scope="module")
def warehouse(log: RecorderLog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    opened = Warehouse(f"chdb://{tmp_path_factory.mktemp('warehouse')}")

    async def load() -> None:
        position = await grow(log)
        assert await Loader(log, opened).load_until(position) == position

    asyncio.run(load())
    yield opened
    asyncio.run(opened.close())


async def test_the_hash_chain_holds_in_sql_over_the_stored_bytes(warehouse: Warehouse) -> None:
    sql = statements()["The trace of a stream"]
    answer = await warehouse.readonly(sql, max_rows=100, timeout_s=20)
    assert len(answer.rows) == 20
    assert [(row[0], row[-1]) for row in answer.rows] == [(v, 1) for v in range(1, 21)]


async def test_the_bytes_are_those_of_the_log(warehouse: Warehouse, log: RecorderLog) -> None:
    sql = "SELECT position, metadata, payload, hash, committed_at FROM events ORDER BY position"
    found = (await warehouse.query(sql)).rows
    stored = await log.stored(0, limit=100)
    assert len(found) == len(stored) == 60
    for (position, metadata, payload, digest, committed_at), event in zip(
        found, stored, strict=True
    ):
        framed = f'{{"metadata":{metadata},"payload":{payload}}}'.encode()
        assert (position, framed, digest) == (event.position, event.state, event.hash.hex())
        assert committed_at == event.committed_at


async def test_the_journal_balances_and_is_the_clients_cash(warehouse: Warehouse) -> None:
    answer = await warehouse.readonly(statements()["Trial balance"], max_rows=100, timeout_s=20)
    assert {(book, unit) for book, unit, *_ in answer.rows} >= {("C", "USD"), ("C", "JPY")}
    assert all(balance == 0 for *_, balance in answer.rows)
    sql = "SELECT unit, -sum(amount) FROM postings WHERE account = 'C.CASH' GROUP BY unit"
    cash = dict((await warehouse.query(sql)).rows)
    for currency in ("USD", "JPY"):
        events = (deposited(n, "USD" if n % 2 else "JPY") for n in range(60) if n % 5)
        assert cash[currency] == sum(e.amount for e in events if e.currency == currency)


async def test_no_table_names_a_person(warehouse: Warehouse) -> None:
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%_raw'"
    for (table,) in (await warehouse.query(sql)).rows:
        rows = (await warehouse.query(f"SELECT * FROM {table}")).rows
        assert "Jane" not in str(rows)
    # Every event here carries a reference or a payee.
    sealed = "SELECT countIf(payload LIKE '%aes-gcm:%') FROM events"
    assert (await warehouse.query(sealed)).rows == [(60,)]
