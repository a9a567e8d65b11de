"""The limits behind the vetting: the fence, the bounds, and callers that do not disturb others.

`Warehouse.query` is the owner's own access to the engine and is not vetted. If the engine refuses
a statement there, it refuses it from a caller that got past the vetting too.
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from adapters.clickhouse import analysts as warehouse_analysts
from adapters.clickhouse.owner import owner_of
from adapters.clickhouse.sandbox import OUT_OF_MEMORY
from adapters.warehouse.client import Warehouse, WarehouseError
from adapters.warehouse.tables import prepare
from tests.paths import ROOT

ENDLESS = "SELECT count() FROM numbers(1000000000000)"
UNSTOPPABLE = "SELECT arrayDistinct(arrayMap(x -> rand(x), range(10000000)))"
"""Runs some ten seconds within one block, where the engine checks no time limit."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fenced")


@pytest.fixture(scope="module")
def warehouse(home: Path) -> Iterator[Warehouse]:
    opened = Warehouse(f"chdb://{home}/warehouse")
    asyncio.run(prepare(opened))
    yield opened
    asyncio.run(opened.close())


@pytest.fixture
def fenced(warehouse: Warehouse) -> None:
    if warehouse.missing:
        pytest.skip(f"no sandbox here: {warehouse.missing}")


async def declined(warehouse: Warehouse, sql: str, *, rows: int = 100, seconds: float = 5) -> int:
    with pytest.raises(WarehouseError) as raised:
        await warehouse.readonly(sql, max_rows=rows, timeout_s=seconds)
    return raised.value.code


@pytest.mark.usefixtures("fenced")
async def test_below_the_vetting_no_file_beside_the_warehouse_is_read_or_written(
    warehouse: Warehouse, home: Path
) -> None:
    key, there = home / "keys" / "master.key", home / "there"
    key.parent.mkdir()
    key.write_text("canary")
    for sql in (
        f"SELECT file('{key}')",
        "SELECT file('/etc/hostname')",
        "SELECT file('/proc/1/environ')",
        f"SELECT * FROM file('{key}', 'RawBLOB')",
        f"SELECT 1 INTO OUTFILE '{there}'",
        f"INSERT INTO FUNCTION file('{there}', 'TSV', 'a UInt8') SELECT 1",
        f"SELECT * FROM sqlite('{there}', 't')",
    ):
        with pytest.raises(WarehouseError):
            await warehouse.query(sql)
        assert not there.exists()
    assert key.read_text() == "canary"


async def test_below_the_vetting_the_engine_is_granted_no_source_but_its_database(
    warehouse: Warehouse,
) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.2)
    port = listening.getsockname()[1]
    for sql in (
        f"SELECT * FROM url('http://127.0.0.1:{port}/', 'CSV', 'a String')",
        f"SELECT * FROM remote('127.0.0.1:{port}', 'system', 'one')",
        f"SELECT * FROM s3('http://127.0.0.1:{port}/a/b', 'CSV', 'a String')",
        f"SELECT * FROM postgresql('127.0.0.1:{port}', 'a', 'b', 'c', 'd')",
        f"SELECT * FROM mysql('127.0.0.1:{port}', 'a', 'b', 'c', 'd')",
        "SELECT * FROM executable('id', 'TSV', 'a String')",
    ):
        with pytest.raises(WarehouseError):
            await warehouse.query(sql)
    with pytest.raises(TimeoutError):
        listening.accept()
    listening.close()


TRIES = """
import json, os, socket, sys
from pathlib import Path
from adapters.clickhouse.sandbox import confine
home, secret = Path(sys.argv[1]), sys.argv[2]
listening = socket.create_server(("127.0.0.1", 0))
fence = confine(home)

def udp():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 53))

tries = {
    "read": lambda: open(secret).read(),
    "write": lambda: open(secret, "a").write("x"),
    "make": lambda: open(secret + ".new", "w"),
    "list": lambda: os.listdir(os.path.dirname(secret)),
    "passwd": lambda: open("/etc/passwd").read(),
    "environ": lambda: open("/proc/1/environ", "rb").read(),
    "run": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "tcp": lambda: socket.create_connection(listening.getsockname(), 1),
    "udp": udp,
    "own": lambda: (home / "mine").write_text("x"),
}
done = {}
for name, act in tries.items():
    try:
        act()
        done[name] = True
    except OSError:
        done[name] = False
print(json.dumps({"missing": fence.missing, "done": done}))
"""


def test_a_fenced_process_has_its_folder_and_nothing_else(tmp_path: Path) -> None:
    home, secret = tmp_path / "home", tmp_path / "secret"
    home.mkdir()
    secret.write_text("canary")
    ran = subprocess.run(
        [sys.executable, "-c", TRIES, str(home), str(secret)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    result = json.loads(ran.stdout)
    if result["missing"]:
        pytest.skip(f"no sandbox here: {result['missing']}")
    assert [name for name, done in result["done"].items() if done] == ["own"]
    assert secret.read_text() == "canary"


def test_a_process_that_holds_too_much_memory_ends_whatever_the_engine_counts() -> None:
    code = (
        "import time; from adapters.clickhouse.sandbox import bound_memory; "
        "bound_memory(200 << 20); held = bytearray(400 << 20); time.sleep(30)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == OUT_OF_MEMORY
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT arrayJoin(range(20000))", 396),
        ("SELECT arrayJoin(range(200000))", 396),
        ("SELECT * FROM numbers(101)", 396),
        ("SELECT range(1000000) FROM numbers(5)", 396),
        ("SELECT arrayMap(x -> toUInt8(1), range(1000000)) FROM numbers(5)", 396),
        ("SELECT repeat('x', 1000000) FROM numbers(50)", 396),
        ("SELECT arrayJoin(range(100000000))", 69),
        ("SELECT arraySum(arrayMap(x -> arraySum(range(x)), range(100000)))", 69),
        (ENDLESS, 159),
    ],
)
async def test_every_result_and_statement_is_bounded(
    warehouse: Warehouse, sql: str, code: int
) -> None:
    began = time.monotonic()
    assert await declined(warehouse, sql, seconds=2) in (code, 241)
    assert time.monotonic() - began < 20


async def test_a_statement_that_cannot_be_ended_takes_the_owner_and_the_next_one_is_served(
    warehouse: Warehouse, home: Path
) -> None:
    directory = home / "warehouse"
    before = owner_of(directory)
    began = time.monotonic()
    assert await declined(warehouse, UNSTOPPABLE, seconds=1) in (159, 241)
    assert time.monotonic() - began < 1 + warehouse_analysts.PATIENCE_S + 5
    answer = await warehouse.readonly("SELECT count() FROM events", max_rows=1, timeout_s=5)
    assert answer.rows == [(0,)]
    after = owner_of(directory)
    assert before is not None and after is not None


async def test_a_statement_ends_when_its_caller_disconnects(warehouse: Warehouse) -> None:
    asked = asyncio.create_task(warehouse.readonly(ENDLESS, max_rows=1, timeout_s=60))
    running = "SELECT count() FROM system.processes WHERE query LIKE '%1000000000000%'"
    while (await warehouse.query(f"{running} AND query NOT LIKE '%processes%'")).rows != [(1,)]:
        await asyncio.sleep(0.05)
    asked.cancel()
    began = time.monotonic()
    while (await warehouse.query(f"{running} AND query NOT LIKE '%processes%'")).rows != [(0,)]:
        await asyncio.sleep(0.05)
        assert time.monotonic() - began < 5


async def test_the_loader_does_not_wait_for_analysts(warehouse: Warehouse) -> None:
    row = {name: pa.array([n], pa.uint64()) for n, name in enumerate(("after", "until", "events"))}
    asked = [
        asyncio.create_task(warehouse.readonly(ENDLESS, max_rows=1, timeout_s=60)) for _ in range(8)
    ]
    await asyncio.sleep(1)
    began = time.monotonic()
    for nth in range(5):
        await warehouse.insert_arrow("ranges", pa.table(row), token=f"beside-{nth}")
    assert time.monotonic() - began < 5
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
