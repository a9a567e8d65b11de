"""The embedded warehouse: one owner process that all others attach to; it may be killed."""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from adapters.clickhouse.owner import HELD, LOCK, START_S, Owner, owner_of
from adapters.warehouse.client import Warehouse, WarehouseError, WarehouseUnavailable
from adapters.warehouse.tables import prepare
from tests.paths import ROOT

CREATE = """
CREATE TABLE IF NOT EXISTS numbers_held (n Int64, amount Decimal(38, 12), at DateTime64(6, 'UTC'))
ENGINE = ReplacingMergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 1000
"""
AT = datetime(2022, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def rows(*numbers: int) -> pa.Table:
    return pa.table(
        {
            "n": pa.array(numbers, pa.int64()),
            "amount": pa.array([Decimal(n) / 8 for n in numbers], pa.decimal128(38, 12)),
            "at": pa.array([AT for _ in numbers], pa.timestamp("us", "UTC")),
        }
    )


def in_another_process(code: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def running(directory: Path) -> Owner:
    owner = owner_of(directory)
    assert owner is not None
    return owner


def eventually(true: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not (held := true()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return held


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("warehouse")


@pytest.fixture(scope="module")
def warehouse(directory: Path) -> Iterator[Warehouse]:
    opened = Warehouse(f"chdb://{directory}")
    asyncio.run(opened.command(CREATE))
    asyncio.run(prepare(opened))
    yield opened
    asyncio.run(opened.close())
    assert owner_of(directory) is None


async def test_decimals_and_times_come_back_exactly(warehouse: Warehouse) -> None:
    exact = "12345678901234567890123456.000000000001"
    answer = await warehouse.query(
        "SELECT {d:Decimal(38, 12)} AS d, {s:String} AS s, toDateTime64({t:String}, 6, 'UTC') AS t",
        {"d": exact, "s": "it's\ta\n\\ é", "t": "2022-03-01 12:00:00.123456"},
    )
    assert answer.columns == ("d", "s", "t")
    assert answer.rows == [(Decimal(exact), "it's\ta\n\\ é", AT)]


async def test_a_block_under_a_used_token_counts_once(warehouse: Warehouse) -> None:
    for block in (rows(-1, -2), rows(-1, -2), rows(-3)):  # same token, even for other rows
        await warehouse.insert_arrow("numbers_held", block, token="once")
    held = await warehouse.query("SELECT n, amount, at FROM numbers_held WHERE n < 0 ORDER BY n")
    assert held.rows == [(-2, Decimal("-0.25"), AT), (-1, Decimal("-0.125"), AT)]


async def test_another_process_attaches_to_the_same_owner(
    warehouse: Warehouse, directory: Path
) -> None:
    await warehouse.insert_arrow("numbers_held", rows(700), token="shared")
    code = """
import asyncio, sys
from adapters.warehouse.client import Warehouse
async def main():
    warehouse = Warehouse(f"chdb://{sys.argv[1]}")
    print((await warehouse.query("SELECT count() FROM numbers_held WHERE n = 700")).rows[0][0])
    await warehouse.close()
asyncio.run(main())
"""
    before = running(directory)
    other = in_another_process(code, directory)
    result, _ = other.communicate(timeout=60)
    assert (result.strip(), other.returncode) == ("1", 0)
    assert running(directory) == before  # closing a client does not stop the owner


def test_a_second_owner_is_refused(warehouse: Warehouse, directory: Path) -> None:
    asyncio.run(warehouse.open())
    second = subprocess.run(
        [sys.executable, "-m", "adapters.clickhouse.process", "--dir", str(directory)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert second.returncode == HELD
    assert str(running(directory).pid) in second.stderr


async def test_no_acknowledged_row_is_lost_when_the_owner_is_killed(
    warehouse: Warehouse, directory: Path
) -> None:
    acknowledged: list[int] = []

    async def insert(first: int) -> None:
        for n in range(first, first + 40):
            await warehouse.insert_arrow("numbers_held", rows(1000 + n), token=f"kill-{n}")
            acknowledged.append(1000 + n)

    inserting = [asyncio.create_task(insert(first)) for first in (0, 100, 200)]
    for _ in range(2):
        owner = running(directory)
        for _ in range(500):
            await asyncio.sleep(0.01)
            if len(acknowledged) % 40 > 10:
                break
        assert not all(task.done() for task in inserting)
        os.kill(owner.pid, signal.SIGKILL)
        assert await asyncio.to_thread(eventually, lambda gone=owner: owner_of(directory) != gone)
        await warehouse.query("SELECT 1")
    await asyncio.gather(*inserting)
    held = await warehouse.query("SELECT n FROM numbers_held FINAL WHERE n >= 1000 ORDER BY n")
    assert [n for (n,) in held.rows] == sorted(acknowledged)
    assert len(acknowledged) == 120


async def test_processes_that_come_and_go_share_one_warehouse(tmp_path: Path) -> None:
    """They start together; one of them starts the owner, which ends with that process."""
    code = """
import asyncio, sys
from adapters.warehouse.client import Warehouse
from tests.contract.warehouse.test_warehouse_process import CREATE, rows
async def main():
    warehouse, me = Warehouse(f"chdb://{sys.argv[1]}"), int(sys.argv[2])
    await warehouse.command(CREATE)
    for n in range(10 + 15 * me):
        await warehouse.insert_arrow("numbers_held", rows(100 * me + n), token=f"{me}-{n}")
    await warehouse.close()
asyncio.run(main())
"""
    others = [in_another_process(code, tmp_path, me) for me in range(3)]
    for other in others:
        await asyncio.to_thread(other.communicate, timeout=120)
    assert [other.returncode for other in others] == [0, 0, 0]
    assert eventually(lambda: owner_of(tmp_path) is None)
    warehouse = Warehouse(f"chdb://{tmp_path}")
    held = await warehouse.query("SELECT n FROM numbers_held ORDER BY n")
    await warehouse.close()
    assert [n for (n,) in held.rows] == [
        100 * me + n for me in range(3) for n in range(10 + 15 * me)
    ]


def test_the_owner_ends_with_a_killed_parent(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from adapters.warehouse.client import Warehouse
asyncio.run(Warehouse(f"chdb://{sys.argv[1]}").open())
print("open", flush=True)
sys.stdin.read()
"""
    parent = in_another_process(code, tmp_path)
    assert parent.stdout is not None
    assert parent.stdout.readline().strip() == "open"
    assert owner_of(tmp_path) is not None
    parent.kill()
    parent.communicate()
    assert eventually(lambda: owner_of(tmp_path) is None)


async def test_a_detached_owner_ends_when_it_has_no_clients(tmp_path: Path) -> None:
    warehouse = Warehouse(f"chdb://{tmp_path}", idle_s=1)
    await warehouse.open()
    await warehouse.close()
    assert owner_of(tmp_path) is not None
    assert await asyncio.to_thread(eventually, lambda: owner_of(tmp_path) is None)


async def test_closing_does_not_wait_for_an_owner_that_does_not_come_up(tmp_path: Path) -> None:
    with (tmp_path / LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as an owner does before it listens
        warehouse = Warehouse(f"chdb://{tmp_path}")
        asked = asyncio.create_task(warehouse.open())
        await asyncio.sleep(0.5)
        assert not asked.done()
        began = time.monotonic()
        await warehouse.close()
        assert time.monotonic() - began < START_S / 2
        with pytest.raises(WarehouseUnavailable, match="no longer wanted"):
            await asked


async def test_a_stranger_without_the_token_is_turned_away(
    warehouse: Warehouse, directory: Path
) -> None:
    await warehouse.open()
    owner = running(directory)
    stranger = Warehouse(f"clickhouse://tidemark:guess@127.0.0.1:{owner.port}/tidemark")
    with pytest.raises(WarehouseUnavailable):
        await stranger.query("SELECT 1")
    await stranger.close()
    assert (directory / LOCK).stat().st_mode & 0o077 == 0
    assert json.loads((directory / LOCK).read_text())["pid"] == owner.pid


async def test_an_unreachable_warehouse_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("not a directory")
    for url in ("clickhouse://127.0.0.1:1/tidemark", f"chdb://{tmp_path}"):
        warehouse = Warehouse(url)
        with pytest.raises(WarehouseUnavailable) as raised:
            await warehouse.open()
        assert "\n" not in str(raised.value)
        await warehouse.close()
    for url in ("sqlite:///x", "chdb://"):
        with pytest.raises(ValueError, match=url.split(":", maxsplit=1)[0]):
            Warehouse(url)


REFUSED = [
    "INSERT INTO numbers_held VALUES (1, 1, 1)",
    "CREATE TABLE mine (n Int64) ENGINE = Memory",
    "DROP TABLE numbers_held",
    "ALTER TABLE numbers_held DELETE WHERE 1",
    "SET readonly = 0",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_result_rows = 0",
    "SELECT * FROM numbers(9) INTO OUTFILE '{there}'",
    "SELECT 1 INTO/**/OUTFILE '{there}'",
    "EXPLAIN SELECT 1 INTO OUTFILE '{there}'",
    "INSERT INTO FUNCTION file('{there}') SELECT 1",
    "SELECT * FROM file('{secret}', 'CSV')",
    "SELECT file('{secret}')",
    "SELECT `fi\\x6ce`('{secret}')",
    "SELECT * APPLY(file) FROM (SELECT '{secret}' AS a)",
    "SELECT arrayMap(file, ['{secret}'])",
    "SHOW TABLES WHERE file('{secret}') = ''",
    "DESCRIBE file('{secret}', 'CSV')",
    "DESCRIBE TABLE default.`{secret}`",
    "SELECT * FROM default.`{secret}`",
    "SELECT * FROM view(SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String'))",
    "SELECT * FROM sqlite('{there}', 't')",
    "SELECT * FROM remote('127.0.0.1:9000', 'system', 'one')",
    "SELECT * FROM s3('http://127.0.0.1:1/a/b', 'CSV', 'a String')",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM Python(tbl)",
    "SELECT 1 PARALLEL WITH KILL QUERY WHERE 1",
    "KILL QUERY WHERE 1",
    "SYSTEM SHUTDOWN",
    "BACKUP TABLE numbers_held TO File('{there}')",
    "ATTACH TABLE t FROM '/tmp' (n Int64) ENGINE = MergeTree ORDER BY n",
    "SELECT sleep(1)",
]


@pytest.mark.parametrize("sql", REFUSED)
async def test_the_analysts_door_refuses_what_is_not_a_plain_read(
    warehouse: Warehouse, tmp_path: Path, sql: str
) -> None:
    secret, there = tmp_path / "secret.csv", tmp_path / "there"
    secret.write_text("hidden\n")
    before = (await warehouse.query("SELECT count() FROM numbers_held")).rows
    with pytest.raises(WarehouseError) as raised:
        await warehouse.readonly(
            sql.replace("{secret}", str(secret)).replace("{there}", str(there)),
            max_rows=100, timeout_s=5,
        )  # fmt: skip
    assert raised.value.code == 164, raised.value
    assert not there.exists()
    assert (await warehouse.query("SELECT count() FROM numbers_held")).rows == before


async def test_two_statements_at_the_analysts_door_are_refused(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError) as raised:
        await warehouse.readonly("SELECT 1; SELECT 2", max_rows=1, timeout_s=1)
    assert raised.value.code == 62


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SELECT 1; -- the end",
        "-- a comment; with a semicolon\nWITH x AS (SELECT 1 AS one) SELECT one FROM x",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "SELECT 'it''s a file, into outfile' AS said, `number` FROM numbers(1) LIMIT 1",
        "FROM events SELECT max(position)",
        "EXPLAIN SELECT 1",
        "SHOW TABLES",
        "DESCRIBE TABLE postings",
        "EXISTS postings",
    ],
)
async def test_the_analysts_door_runs_plain_reads(warehouse: Warehouse, sql: str) -> None:
    answer = await warehouse.readonly(sql, max_rows=100, timeout_s=10)
    assert len(answer.rows) > 0


async def test_the_analysts_door_is_bounded_in_rows_and_time(warehouse: Warehouse) -> None:
    answer = await warehouse.readonly("SELECT * FROM numbers(10)", max_rows=10, timeout_s=5)
    assert answer.rows == [(n,) for n in range(10)]
    with pytest.raises(WarehouseError) as raised:
        await warehouse.readonly("SELECT * FROM numbers(11)", max_rows=10, timeout_s=5)
    assert raised.value.code == 396
    slow = "SELECT sum(cityHash64(number)) FROM numbers(1000000000000)"
    started = time.monotonic()
    with pytest.raises(WarehouseError) as raised:
        await warehouse.readonly(slow, max_rows=10, timeout_s=1)
    assert raised.value.code == 159
    assert time.monotonic() - started < 10
