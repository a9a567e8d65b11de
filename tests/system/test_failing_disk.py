"""A full disk: one clear error, no acknowledged event is lost, and serving goes on afterwards."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.clickhouse.owner import owner_of
from adapters.warehouse.client import Warehouse, WarehouseUnavailable
from tests.system.processes import (
    Served,
    client,
    deposit,
    folder,
    serving,
    sql,
    tidemark,
    until,
    verb,
)

pytestmark = pytest.mark.slow
ITEMS = 100


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 120 MB; an empty data directory takes 40."""
    with folder() as made:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", str(made)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if mounted.returncode != 0:
            pytest.skip(f"no small disk to fill: mounting needs root ({mounted.stderr.strip()})")
        try:
            yield made
        finally:
            subprocess.run(["umount", "--lazy", str(made)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the space there is."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(bytes(1 << 16))
        except OSError:
            pass
    assert os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize < 1 << 16
    return filler


def deposits(served: Served, round_: int) -> list[dict[str, Any]]:
    items = [
        {"name": "DepositCash", "key": f"d{round_}-{i}", "body": deposit("A1", reference="x" * 60)}
        for i in range(ITEMS)
    ]
    answers: list[dict[str, Any]] = served.http.post("/commands", json=items).json()
    return answers


def test_a_full_disk_is_reported_and_recovered_from(small_disk: Path) -> None:
    with serving(small_disk / "d") as served:
        client(served, "A1")
        until(lambda: served.ready().status_code == 200)
        taken = sum(answer["status"] == 201 for answer in deposits(served, 0))
        assert taken == ITEMS
        filler = fill(small_disk)
        refused: list[dict[str, Any]] = []
        rounds = 0
        while len(refused) < 3 * ITEMS:  # some writes fit into allocated space
            rounds += 1
            assert rounds < 500
            answers = deposits(served, rounds)
            taken += sum(answer["status"] == 201 for answer in answers)
            refused += [answer for answer in answers if answer["status"] != 201]
        assert Counter(a["status"] for a in refused) == {503: len(refused)}
        assert {a["body"]["type"] for a in refused} == {"store_unavailable"}
        assert {a["body"]["detail"] for a in refused} == {"the event log's disk is full"}
        assert served.http.get("/healthz").status_code == 200
        assert served.http.post("/graphql", json={"query": "{ log { position } }"}).json()["data"]
        filler.unlink()
        until(lambda: deposits(served, rounds + 1)[0]["status"] in (200, 201), seconds=30)
        again = deposits(served, rounds)  # 201 for those refused before, else 200
        assert {a["status"] for a in again} <= {200, 201}
        until(lambda: served.ready().status_code == 200)
        until(lambda: settled(served) is not None and settled(served) == booked(served))
        assert booked(served) >= taken + ITEMS
        result = served.errors.splitlines()
        assert sum("the event log's disk is full" in line for line in result) == 1
        assert sum("the event log accepts them again" in line for line in result) == 1
    assert verb("log", "verify", data_dir=small_disk / "d").code == 0
    assert verb("replay", data_dir=small_disk / "d").code == 0


def test_there_is_no_room_to_begin_with(small_disk: Path) -> None:
    filler = fill(small_disk)
    refused = tidemark("serve", "--port", "0", data_dir=small_disk / "d")
    assert refused.code == 1
    assert "No space left on device" in refused.complaint
    filler.unlink()
    with serving(small_disk / "d") as served:  # replaces the unfinished cluster
        client(served, "A1", cash="1.00")


async def test_a_warehouse_that_has_no_room_ends_and_comes_up_when_there_is(
    small_disk: Path,
) -> None:
    warehouse = Warehouse(f"chdb://{small_disk / 'w'}")
    (small_disk / "w").mkdir()
    filler = fill(small_disk)
    with pytest.raises(WarehouseUnavailable, match="its disk is full"):
        await warehouse.open()
    assert owner_of(small_disk / "w") is None
    filler.unlink()
    await warehouse.open()
    await warehouse.close()
    assert owner_of(small_disk / "w") is None


def booked(served: Served) -> int:
    """The dollars deposited according to the log: one per deposit, and each has its own version."""
    query = "select count(*), max(version) from log.events where stream = 'account-A1'"
    ((events, version),) = sql(served.data_dir, query)
    assert events == version
    return int(events) - 1  # the first opened the account


def settled(served: Served) -> int | None:
    rows = sql(served.data_dir, "select settled from views.cash where account_id = 'A1'")
    return int(rows[0][0]) if rows else None
