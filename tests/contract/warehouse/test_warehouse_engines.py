"""One suite over both ways to a warehouse: the embedded owner, and a server by URL with users.

No ClickHouse server is available: `clickhouse_server` serves chdb, the same engine, over HTTP.
Its differences from a server are listed in docs/operations.md.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pyarrow as pa
import pytest

from adapters.clickhouse.engine import Engine
from adapters.settings import Settings
from adapters.warehouse.client import Warehouse, WarehouseError, WarehouseUnavailable
from adapters.warehouse.loader import Loader
from adapters.warehouse.tables import checksums, prepare
from tests.contract.warehouse.clickhouse_server import Running, running
from tests.contract.warehouse.test_warehouse_loader import ListLog, fill, mark
from tests.system.certificates import issue
from tests.system.processes import ROOT, Ran, folder, serving, verb

CREATE = """
CREATE TABLE IF NOT EXISTS held (n Int64, amount Decimal(38, 12), at DateTime64(6, 'UTC'))
ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 1000
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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("clickhouse")) as up:
        yield up


@pytest.fixture(scope="module", params=["embedded", "server"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "embedded":
        return f"chdb://{tmp_path_factory.mktemp('embedded')}"
    found: Running = request.getfixturevalue("server")
    return found.url()


@pytest.fixture
async def warehouse(url: str) -> AsyncIterator[Warehouse]:
    opened = Warehouse(url)
    await opened.command("DROP TABLE IF EXISTS held SYNC")
    await opened.command(CREATE)
    yield opened
    await opened.close()


async def test_decimals_texts_and_times_come_back_exactly(warehouse: Warehouse) -> None:
    exact = "12345678901234567890123456.000000000001"
    answer = await warehouse.query(
        "SELECT {d:Decimal(38, 12)} AS d, {s:String} AS s, toDateTime64({t:String}, 6, 'UTC') AS t",
        {"d": exact, "s": "it's\ta\n\\ é", "t": "2022-03-01 12:00:00.123456"},
    )
    assert answer.columns == ("d", "s", "t")
    assert answer.rows == [(Decimal(exact), "it's\ta\n\\ é", AT)]


async def test_a_block_under_a_used_token_counts_once(warehouse: Warehouse) -> None:
    for block in (rows(1, 2), rows(1, 2), rows(3)):
        await warehouse.insert_arrow("held", block, token="once")
    await warehouse.insert_arrow("held", rows(4), token="another")
    held = await warehouse.query("SELECT n, amount, at FROM held ORDER BY n")
    assert held.rows == [(n, Decimal(n) / 8, AT) for n in (1, 2, 4)]


async def test_a_declined_statement_has_the_engines_code(warehouse: Warehouse) -> None:
    for sql, code in (("SELECT * FROM nowhere", 60), ("SELEC 1", 62), ("SELECT missing", 47)):
        with pytest.raises(WarehouseError) as raised:
            await warehouse.query(sql)
        assert raised.value.code == code, sql
        assert "\n" not in str(raised.value)


async def test_statements_run_side_by_side(warehouse: Warehouse) -> None:
    blocks = [warehouse.insert_arrow("held", rows(n), token=f"side-{n}") for n in range(20)]
    asked = [warehouse.query("SELECT {n:Int64}", {"n": n}) for n in range(20)]
    done = await asyncio.gather(*blocks, *asked)
    assert [answer.rows for answer in done[20:]] == [[(n,)] for n in range(20)]
    assert (await warehouse.query("SELECT count() FROM held")).rows == [(20,)]


async def test_reads_of_others_write_nothing_and_are_bounded(warehouse: Warehouse) -> None:
    await warehouse.insert_arrow("held", rows(1, 2, 3), token="bounded")
    three = "SELECT number AS n FROM numbers(3) ORDER BY n;"
    answer = await warehouse.readonly(three, max_rows=3, timeout_s=5)
    assert answer.rows == [(0,), (1,), (2,)]
    for sql, code in (
        ("INSERT INTO held VALUES (9, 9, now())", 164),
        ("DROP TABLE held", 164),
        ("SET max_threads = 1", 164),
        ("SELECT 1 SETTINGS max_result_rows = 0", 164),
        ("SELECT n FROM held", 164),
        ("SELECT 1 WHERE 1 IN other.held", 164),
        ("SELECT * FROM system.one", 164),
        ("SELECT file('/etc/hostname')", 164),
        (three, 396),
        ("SELECT arrayJoin(range(20000))", 396),
        ("SELECT 1 AS", 62),
    ):
        with pytest.raises(WarehouseError) as raised:
            await warehouse.readonly(sql, max_rows=2, timeout_s=5)
        assert raised.value.code == code, sql
    assert (await warehouse.query("SELECT count() FROM held")).rows == [(3,)]


async def test_the_loader_fills_it_once_and_again_to_the_same_hash(warehouse: Warehouse) -> None:
    log = ListLog()
    last = log.append(*(event for n in range(200) for event in (fill(n), mark(n))))
    for _ in range(2):  # the second loader repeats the last range
        assert await Loader(log, warehouse).load_until(last) == last
    found = await checksums(warehouse, last)
    assert {name: count for name, (count, _) in found.items() if count} == {
        "events": 400, "fills": 200, "prices": 200,
    }  # fmt: skip
    before, after = await Loader(log, warehouse).rebuild(last)
    assert before == after == found


async def test_a_server_that_dies_loses_nothing_and_is_found_again(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        warehouse = Warehouse(server.url())
        await warehouse.command(CREATE)
        await warehouse.insert_arrow("held", rows(1), token="1")
        await asyncio.to_thread(server.kill)
        with pytest.raises(WarehouseUnavailable) as raised:
            await warehouse.query("SELECT 1")
        assert str(raised.value) == (
            f"clickhouse://127.0.0.1:{server.port}/books does not answer: "
            "[Errno 111] Connection refused"
        )
        await asyncio.to_thread(server.start)
        await warehouse.insert_arrow(
            "held", rows(1), token="1"
        )  # the deduplication window survives the kill
        await warehouse.insert_arrow("held", rows(2), token="2")
        assert (await warehouse.query("SELECT n FROM held ORDER BY n")).rows == [(1,), (2,)]
        await warehouse.close()


async def test_a_wrong_password_is_reported_at_once_and_not_shown(server: Running) -> None:
    for url in (server.url(password="guess"), server.url("analyst", password="guess")):
        warehouse = Warehouse(url)
        with pytest.raises(WarehouseUnavailable) as raised:
            async with asyncio.timeout(1):  # no retries
                await warehouse.open()
        user = url.split("//")[1].split(":")[0]
        assert str(raised.value) == (
            f"clickhouse://127.0.0.1:{server.port}/books refuses user '{user}': "
            "wrong password, or no such user"
        )
        await warehouse.close()


async def test_a_database_that_is_not_there_is_named(server: Running) -> None:
    warehouse = Warehouse(server.url(database="other"))
    with pytest.raises(WarehouseError, match="Database other does not exist") as raised:
        await warehouse.open()
    assert raised.value.code == 81
    await warehouse.close()


async def test_tls_trusts_only_the_given_authority(tmp_path: Path) -> None:
    certificate, key = issue(tmp_path)
    with running(tmp_path / "w", tls=(certificate, key)) as server:
        warehouse = Warehouse(f"{server.url()}?ca_cert={certificate}")
        assert (await warehouse.query("SELECT 1")).rows == [(1,)]
        await warehouse.close()
        stranger = Warehouse(server.url())
        with pytest.raises(WarehouseUnavailable, match="certificate verify failed"):
            await stranger.open()
        await stranger.close()
        clear = Warehouse(server.url().replace("clickhouses:", "clickhouse:"))
        with pytest.raises(WarehouseUnavailable):
            await clear.open()
        await clear.close()


def test_an_unknown_option_of_the_url_is_refused() -> None:
    with pytest.raises(ValueError, match="'verify' is no option"):
        Warehouse("clickhouses://h/db?verify=false")


async def test_a_user_with_a_read_only_profile_is_bounded_by_it(server: Running) -> None:
    owner, analyst = Warehouse(server.url()), Warehouse(server.url("analyst"))
    await owner.command(CREATE)
    answer = await analyst.readonly("SELECT count() FROM numbers(5)", max_rows=5, timeout_s=5)
    assert len(answer.rows) == 1
    with pytest.raises(WarehouseError) as raised:
        await analyst.readonly("SELECT * FROM numbers(6)", max_rows=5, timeout_s=5)
    assert raised.value.code == 396
    for sql in ("DROP TABLE held", "INSERT INTO held VALUES (1, 1, now())"):
        with pytest.raises(WarehouseError) as raised:
            await analyst.readonly(sql, max_rows=5, timeout_s=5)
        assert raised.value.code == 164
    with pytest.raises(WarehouseError) as raised:
        await analyst.insert_arrow("held", rows(1), token="theirs")
    assert raised.value.code == 164
    for one in (owner, analyst):
        await one.close()


def run(env: dict[str, str], *words: str, data_dir: Path) -> Ran:
    ours = {k: v for k, v in os.environ.items() if not k.startswith("TIDEMARK_")}
    with patch.dict(os.environ, ours | env, clear=True):
        return verb(*words, data_dir=data_dir)


@pytest.mark.slow
def test_sql_and_the_http_door_reach_a_server(server: Running) -> None:
    env = {"TIDEMARK_WAREHOUSE": server.url(), "TIDEMARK_READ_WAREHOUSE": server.url("analyst")}
    with folder() as made:
        with serving(made / "d", env=env) as served:
            asked = {"query": "SELECT count() FROM postings"}
            found: Any = None
            for _ in range(200):
                found = served.http.post("/warehouse", json=asked)
                if found.status_code == 200:
                    break
            assert found.json()["rows"] == [[0]], found.text
            dropped = {"query": "DROP TABLE postings"}
            refused: httpx.Response = served.http.post("/warehouse", json=dropped)
            assert (refused.status_code, refused.json()["code"]) == (400, 164)
            assert served.ready().status_code == 200
        result = run(env, "sql", "SELECT count() AS n FROM postings", "--json", data_dir=made / "d")
        assert result.json == {"columns": ["n"], "rows": [[0]]}
        decimals = "SELECT toDecimal128('0', 12) AS zero, toDecimal128('-2.5', 12) AS more"
        result = run(env, "sql", decimals, data_dir=made / "d")
        assert [line.split() for line in result.out.splitlines()] == [
            ["zero", "more"],
            ["0", "-2.5"],
        ]
        result = run(env, "sql", decimals, "--json", data_dir=made / "d")
        assert result.json["rows"] == [["0.000000000000", "-2.500000000000"]]
        wrong = {"TIDEMARK_WAREHOUSE": server.url(password="guess")}
        result = run(wrong, "sql", "SELECT 1", data_dir=made / "d")
        assert (result.code, "wrong password" in result.complaint) == (1, True)
        result = run(
            {"TIDEMARK_READ_WAREHOUSE": "chdb:///x"}, "sql", "SELECT 1", data_dir=made / "d"
        )
        assert result.complaint.startswith("tidemark: TIDEMARK_READ_WAREHOUSE: its scheme must be")


async def test_the_analysts_grants_parse_and_cover_every_table(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "clickhouse" / "analyst.sql").read_text()
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    engine = Engine(tmp_path / "db")
    statements = [one.strip() for one in bare.split(";") if one.strip()]
    for one in statements:
        form = "SELECT formatQuerySingleLine({sql:String})"
        escaped = one.replace("\\", "\\\\").replace("\n", "\\n")
        assert engine.run(form, "TSVRaw", {"sql": escaped}, {}), one
    engine.close()
    warehouse = Warehouse(f"chdb://{tmp_path / 'other'}")
    await prepare(warehouse)
    listed = await warehouse.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase()"
    )
    await warehouse.close()
    granted = {one.split("tidemark.")[1].split()[0] for one in statements if "GRANT" in one}
    assert granted == {name for (name,) in listed.rows} - {"ranges"}


def test_the_settings_of_an_analyst_are_the_warehouses_unless_they_are_named() -> None:
    assert Settings(warehouse="clickhouse://h/d").read_warehouse_url == "clickhouse://h/d"
    both = Settings(warehouse="clickhouse://h/d", read_warehouse="clickhouse://a@h/d")
    assert both.read_warehouse_url == "clickhouse://a@h/d"
