"""Workers as processes on Kafka and Postgres, killed and wiped; the views equal those of one fold.

Killing a worker: our workers are static members, so the supervised successor takes the dead one's
place by its name. Kafka gives it the dead one's partitions. The broker in a wheel never evicts the
dead one. Sometimes it gives the living member's partitions to the successor as well, and the dead
one's to no member: then a worker adopts them.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from adapters.bus.url import Bus
from adapters.postgres.views.stuck_views import StuckViews
from projections.catalogue import VIEWS
from tests.contract.bus.kafka_broker import Broker, broker
from tests.contract.bus.kafka_reader import records
from tests.system.processes import (
    ROOT,
    Served,
    client,
    cpu_s,
    deposit,
    folder,
    is_alive,
    kill,
    serving,
    sql,
    tidemark,
    until,
    verb,
)

pytestmark = pytest.mark.slow

MONTHS = ("--from", "2022-01-03", "--accounts", "3", "--seed", "5")
FIVE_WEEKS, TWO_MONTHS = "2022-02-04", "2022-02-28"
"""The last day of a simulation."""
WARM_S = 90.0
IDLE_S, IDLE_CPU_MAX = 3.0, 0.3  # of a core; polling without a pause took 0.4 on a quiet machine


@pytest.fixture
def home() -> Iterator[Path]:
    with folder() as made:
        yield made


def bus(kafka: Broker, prefix: str, partitions: int = 4) -> dict[str, str]:
    url = f"kafka://{kafka.address}?prefix={prefix}&partitions={partitions}"
    return {"TIDEMARK_BUS": url, "TIDEMARK_WORKERS": "2"}


def sums(data_dir: Path, env: dict[str, str] | None = None) -> dict[str, Any]:
    ran = tidemark("log", "checksum", "--json", data_dir=data_dir, env=env)
    assert ran.code == 0, ran.err
    return dict(ran.json)


def replayed(data_dir: Path, env: dict[str, str]) -> dict[str, Any]:
    """Compare the views with a fresh fold of the log; they must be equal."""
    ran = tidemark("replay", "--json", data_dir=data_dir, env=env)
    assert ran.code == 0, ran.out
    return dict(ran.json)


def behind(served: Served) -> int:
    """Positions from the slowest view to the log's end."""
    body = served.ready().json()
    return max(view["lag"] for view in body["views"].values())


def workers(served: Served) -> dict[str, str]:
    """Name -> URL of each worker's endpoint; the newest if a name repeats."""
    found: dict[str, str] = {}
    for log in sorted((served.data_dir / "workers").glob("*.log")):
        for line in log.read_text().splitlines():
            if line.startswith("worker ") and " on http" in line:
                found[line.split()[1]] = line.rsplit(" ", 1)[1]
    return found


def status(url: str) -> dict[str, Any]:
    return dict(httpx.get(f"{url}/status", timeout=10).json())


def statuses(served: Served) -> list[dict[str, Any]]:
    found = []
    for url in workers(served).values():
        try:
            found.append(status(url))
        except (httpx.HTTPError, json.JSONDecodeError):
            continue
    return found


def shared(served: Served) -> bool:
    """Whether both workers have partitions, together all of them, and one leads the sagas."""
    found = statuses(served)
    parts = sorted(p for one in found for p in one["partitions"])
    led = [one["sagas"] for one in found].count("leads")
    return parts == [0, 1, 2, 3] and all(one["partitions"] for one in found) and led == 1


def covered(served: Served) -> bool:
    """Two workers run, every partition is folded by one of them, and one leads the sagas."""
    found = statuses(served)
    parts = {p for one in found for p in [*one["partitions"], *one["adopted"]]}
    led = [one["sagas"] for one in found].count("leads")
    return len(found) == 2 and parts == {0, 1, 2, 3} and led == 1


@pytest.mark.parametrize("last", [FIVE_WEEKS, pytest.param(TWO_MONTHS, marks=pytest.mark.faults)])
def test_months_over_kafka_with_two_workers_give_the_log_and_the_views_of_inline(
    kafka: Broker, home: Path, last: str
) -> None:
    env = bus(kafka, "months")
    for name, given in (("inline", None), ("kafka", env)):
        words = ("simulate", *MONTHS, "--to", last, "--no-warehouse", "--json")
        ran = tidemark(*words, data_dir=home / name, env=given, seconds=250)
        assert ran.code == 0, ran.err
    one, other = sums(home / "inline"), sums(home / "kafka", env)
    assert one["log"] == other["log"]
    assert one["postgres"] == other["postgres"]
    assert len(other["postgres"]) == len(VIEWS)
    assert other["position"] > 1_000
    checkpoints = sql(
        home / "kafka", "select view, count(*), min(partitions) from views.checkpoints group by 1"
    )
    assert {row[1:] for row in checkpoints} == {(4, 4)}


def test_a_day_with_a_worker_killed_and_kafka_wiped_ends_with_the_views_of_one_fold(
    home: Path,
) -> None:
    with broker() as own:
        env = bus(own, "day") | {"TIDEMARK_SEAL_S": "86400"}  # it seals only at the shutdown
        with serving(home / "data", env) as served:
            until(lambda: shared(served), seconds=WARM_S, what="two workers share the partitions")
            for n in range(4):
                client(served, f"K{n}", cash="100.00")
            until(lambda: behind(served) == 0, what="the views follow")

            killed = _kill_a_worker(served)
            _transfer(served, "K0", "K1", "10.00", "X1")
            again = shared if own.real else covered
            until(lambda: again(served), seconds=WARM_S, what="its successor takes its place")
            assert not is_alive(killed)
            until(lambda: behind(served) == 0, what="the views follow after the kill")

            own.wipe()
            _transfer(served, "K2", "K3", "20.00", "X2")
            for n in range(30):
                served.did("DepositCash", deposit("K2", "1.00", f"late{n}"), f"late{n}")
            until(lambda: behind(served) == 0, seconds=WARM_S, what="the views follow again")
            until(lambda: _settled(served, "K3") == "120.00", what="the transfer is whole")
            until(lambda: behind(served) == 0, what="the views follow the sagas")
            until(lambda: _relayed(own, "day") == _last(served), seconds=WARM_S,
                  what="Kafka holds the log again")  # fmt: skip
            assert _settled(served, "K1") == "110.00"
            until(lambda: served.ready().status_code == 200, seconds=WARM_S, what="all is well")
            position, took = _last(served), served.terminate()
            assert took < 20
        found = replayed(home / "data", env)
        assert found["equal"]
        assert {view["position"] for view in found["views"]} == {position}
        counts = {view["view"]: view["rows"] for view in found["views"]}
        assert counts["accounts"] == counts["clients"] == 4
        assert sql(home / "data", "select count(*) from log.events") == [(position + 2,)]
        beyond = f"select stream from log.events where position > {position} order by position"
        assert sql(home / "data", beyond) == [("saga_seal-log",), ("checkpoint-log",)]


def test_serve_tells_who_waits_and_who_subscribes_what_workers_have_folded(
    kafka: Broker, home: Path
) -> None:
    with serving(home, bus(kafka, "tells")) as served:
        until(lambda: shared(served), seconds=WARM_S, what="two workers share the partitions")
        client(served, "S1", cash="10.00")
        answer = served.do("DepositCash", deposit("S1", "5.00", "more"), "more").json()
        query = f'{{ account(id: "S1", atLeast: "{answer["position"]}") {{ cash {{ settled }} }} }}'
        got = served.http.post("/graphql", json={"query": query}).json()
        assert got["data"]["account"]["cash"] == [{"settled": "15.00"}]

        listing = {
            "instrument_id": "AAPL", "symbol": "AAPL", "isin": "US0378331005", "currency": "USD",
            "mic": "XNAS", "asset_class": "equity", "lot_size": "1", "tick_size": "0.01",
        }  # fmt: skip
        served.did("ListInstrument", listing, "list")
        with _subscribed(
            served, 'subscription { orderChanged(accountId: "S1") { id ordStatus } }'
        ) as s:
            order = {
                "order_id": "O1", "account_id": "S1", "instrument_id": "AAPL", "side": "BUY",
                "qty": "1", "ord_type": "LIMIT", "limit_px": "1.00", "time_in_force": "GTC",
            }  # fmt: skip
            served.did("PlaceOrder", order, "order")
            result = json.loads(s.recv(timeout=20))
        assert result["type"] == "next", result
        assert result["payload"]["data"]["orderChanged"]["id"] == "O1"

        until(lambda: behind(served) == 0, what="the views follow")
        used = {pid: cpu_s(pid) for pid in _worker_pids(served)}
        time.sleep(IDLE_S)  # the lag is measured every half second
        for pid, before in used.items():
            assert cpu_s(pid) - before < IDLE_S * IDLE_CPU_MAX, "an idle worker computes"
        urls = workers(served)
        text = "".join(httpx.get(f"{url}/metrics").text for url in urls.values())
        assert "tidemark_worker_lag_seconds 0.0" in text
        assert "tidemark_worker_partitions 2.0" in text
        assert all(httpx.get(f"{url}/readyz").status_code == 200 for url in urls.values())


def test_workers_end_with_their_parent_however_it_ends(kafka: Broker, home: Path) -> None:
    before = set(ROOT.iterdir())
    with serving(home, bus(kafka, "orphans")) as served:
        until(lambda: len(workers(served)) == 2, seconds=WARM_S)
        made = {path.name for path in set(ROOT.iterdir()) - before}
        assert not [name for name in made if name.endswith("-data")], "written where it was started"
        pids = _worker_pids(served)
        assert len(pids) == 2
        kill(served.process.pid)
        until(lambda: not any(is_alive(pid) for pid in pids), seconds=30)


def test_views_stand_still_in_the_open_when_relay_and_workers_run_nowhere(
    kafka: Broker, home: Path
) -> None:
    env = bus(kafka, "nobody") | {"TIDEMARK_SUPERVISE": "no"}
    with serving(home, env) as served:
        client(served, "N1")
        assert behind(served) > 0
        assert not (home / "workers").exists()


def test_a_worker_without_a_bus_and_a_bus_that_is_away_are_each_reported_in_one_line(
    home: Path,
) -> None:
    day = ("--from", "2022-01-03", "--to", "2022-01-03", "--accounts", "1")
    assert verb("simulate", *day, "--no-warehouse", data_dir=home).code == 0
    ran = verb("worker", data_dir=home)
    assert (ran.code, ran.complaint[:24]) == (1, "tidemark: TIDEMARK_BUS: ")
    ran = tidemark("worker", data_dir=home, env={"TIDEMARK_BUS": "kafka://127.0.0.1:9?wait=1"})
    assert (ran.code, ran.complaint[:24]) == (1, "tidemark: TIDEMARK_BUS: ")
    ran = verb("worker", "--views", "cash,gold", data_dir=home)
    assert ran.code in (1, 2)


async def test_a_view_that_is_stuck_is_marked_for_everybody_until_it_is_requeued(
    database_url: str,
) -> None:
    from projections.engine.runner import Stuck  # noqa: PLC0415

    marks = StuckViews(database_url)
    stuck = Stuck(view="cash", stream="account-A", version=3, position=9, error="no\0way")
    try:
        assert await marks.mark(2, stuck)
        assert not await marks.mark(2, stuck)
        assert await marks.mark(3, stuck)
        found = await marks.all()
        assert found["cash", 2].position == 9
        assert "\0" not in found["cash", 2].error
        await marks.clear(3, "cash")
        assert await marks.requeue(["orders"]) == []
        assert await marks.requeue() == [("cash", 2)]
        assert await marks.all() == {}
    finally:
        await marks.close()


def _kill_a_worker(served: Served) -> int:
    """SIGKILL to the worker that leads the sagas: the harder case."""
    leads = next(one["name"] for one in statuses(served) if one["sagas"] == "leads")
    pid = next(pid for pid, words in _worker_words(served) if leads in words)
    kill(pid)
    until(lambda: not is_alive(pid))
    return pid


def _worker_words(served: Served) -> list[tuple[int, list[str]]]:
    found = []
    for pid in served.children:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        except FileNotFoundError:
            continue
        if "worker" in words:
            found.append((pid, words))
    return found


def _worker_pids(served: Served) -> list[int]:
    return [pid for pid, _ in _worker_words(served)]


def _transfer(served: Served, source: str, target: str, amount: str, transfer: str) -> None:
    body = {
        "account_id": source, "to_account_id": target, "transfer_id": transfer,
        "amount": amount, "currency": "USD",
    }  # fmt: skip
    served.did("TransferCash", body, f"transfer-{transfer}")


def _settled(served: Served, account: str) -> str:
    query = f'{{ account(id: "{account}") {{ cash {{ settled }} }} }}'
    found = served.http.post("/graphql", json={"query": query}).json()["data"]["account"]
    return str(found["cash"][0]["settled"]) if found and found["cash"] else ""


def _last(served: Served) -> int:
    return int(served.ready().json()["log"]["position"])


def _relayed(kafka: Broker, prefix: str) -> int:
    """The lowest relayed position over the partitions of the log topic."""
    found = Bus.parse(bus(kafka, prefix)["TIDEMARK_BUS"])
    relayed = dict.fromkeys(range(found.partitions), 0)
    for record in records(found):
        relayed[record.partition] = record.span.end
    return min(relayed.values())


@contextmanager
def _subscribed(served: Served, query: str) -> Iterator[Any]:
    """A socket with a running subscription."""
    url = served.url.replace("http", "ws") + "/graphql"
    with connect(url, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(socket.recv(timeout=10))["type"] == "connection_ack"
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
        time.sleep(0.5)  # the server does not confirm a subscription
        yield socket
