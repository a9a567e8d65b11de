"""deploy/clickhouse/analyst.xml before ClickHouse's own access control.

The engine in the wheel reads a server's users file, but has one user, `default`. It gets the rights
of `tidemark_analyst`, over tables that the loader has made.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from adapters.warehouse.client import Warehouse
from adapters.warehouse.tables import prepare
from tests.system.compose_file import DEPLOY
from tests.system.processes import folder

DENIED, READ_ONLY, TOO_MANY, BOUND = "497", "164", "396", "452"  # ClickHouse's error codes
ASK = """
import chdb, json, sys
engine = chdb.connect(sys.argv[1])
for sql in json.loads(sys.argv[2]):
    try:
        engine.query(sql, "TSV")
        print("")
    except Exception as error:
        print(str(error).split("Code: ", 1)[1].split(".", 1)[0])
"""


class Analyst:
    """The loader's tables, queried as the analysts' user."""

    def __init__(self, home: Path) -> None:
        users = ElementTree.parse(DEPLOY / "clickhouse" / "analyst.xml").getroot()
        (analyst,) = users[2]
        analyst.tag = "default"
        ElementTree.SubElement(analyst, "password")
        for part in users[:2]:
            ElementTree.SubElement(part, "default")
        ElementTree.ElementTree(users).write(home / "users.xml")
        (data,) = {file.parent for file in (home / "made").glob("*/metadata")}
        config = f"<path>{data}/</path><users_config>{home}/users.xml</users_config>"
        (home / "config.xml").write_text(f"<clickhouse>{config}</clickhouse>")
        self._url = f"{data}?config-file={home}/config.xml"

    def asked(self, *statements: str) -> list[str]:
        """The error code of each statement, run in order; "" if it succeeded."""
        done = subprocess.run(
            [sys.executable, "-c", ASK, self._url, json.dumps(statements)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.splitlines()


@pytest.fixture(scope="module")
def analyst() -> Iterator[Analyst]:
    import asyncio  # noqa: PLC0415

    async def load(home: Path) -> None:
        warehouse = Warehouse(f"chdb://{home / 'made'}")
        await prepare(warehouse)
        await warehouse.close()

    with folder() as home:
        asyncio.run(load(home))
        yield Analyst(home)


def test_the_analyst_reads_what_the_loader_makes_for_him(analyst: Analyst) -> None:
    tables = ("events", "postings", "fills", "executions", "prices", "rates")
    reads = [f"SELECT count() FROM tidemark.{name}" for name in tables]
    reads += ["SELECT count() FROM system.settings", "SELECT version(), timezone()"]
    assert analyst.asked(*reads) == [""] * len(reads)


def test_the_analyst_reads_and_writes_nothing_else(analyst: Analyst) -> None:
    refused = (
        "SELECT count() FROM tidemark.ranges",
        "INSERT INTO tidemark.ranges SELECT * FROM tidemark.ranges",
        "INSERT INTO tidemark.events_raw SELECT * FROM tidemark.events_raw",
        "CREATE TABLE tidemark.mine (n Int8) ENGINE = Memory",
        "DROP TABLE tidemark.events_raw",
        "ALTER TABLE tidemark.events_raw DELETE WHERE 1",
        "TRUNCATE TABLE tidemark.events_raw",
        "CREATE USER mine",
        "GRANT SELECT ON tidemark.ranges TO default",
        "SELECT * FROM url('http://127.0.0.1:1', 'CSV', 'a String')",
        "SELECT * FROM file('/etc/passwd', 'CSV', 'a String')",
    )
    codes = analyst.asked(*refused)
    assert dict(zip(refused, codes, strict=True)) == dict.fromkeys(refused, DENIED)


def test_the_analyst_lowers_his_bounds_and_cannot_raise_them(analyst: Analyst) -> None:
    result = {
        "SELECT * FROM numbers(100001)": TOO_MANY,
        "SET max_result_rows = 1000000": BOUND,
        "SET max_execution_time = 61": BOUND,
        "SET max_memory_usage = 2147483649": BOUND,
        "SET result_overflow_mode = 'break'": BOUND,
        "SET readonly = 0": READ_ONLY,
        "SET max_result_rows = 5": "",
        "SET result_overflow_mode = 'throw'": "",  # as the platform's client does
        "SELECT * FROM numbers(6)": TOO_MANY,
        "SELECT * FROM numbers(5)": "",
    }
    bounds = ("result_rows", "result_bytes", "execution_time", "memory_usage")
    result |= {f"SET max_{bound} = 0": BOUND for bound in bounds}  # 0: no limit
    assert dict(zip(result, analyst.asked(*result), strict=True)) == result
