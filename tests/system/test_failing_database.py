"""The database goes away under a serving platform: clear errors, nothing lost or doubled, and back.

Callers behave as they should: an answer of 503, or none, is tried again under the same key.
"""

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from domain.shared.market_time import market_today
from tests.system.processes import (
    Served,
    children_of,
    client,
    deposit,
    folder,
    kill,
    serving,
    sql,
    until,
    verb,
)

pytestmark = pytest.mark.slow
CALLERS, EACH = 8, 40
CUT = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where pid <> pg_backend_pid() and backend_type = 'client backend'"
)


@pytest.fixture
def served() -> Iterator[Served]:
    with folder() as made, serving(made / "d") as up:
        yield up


class Callers:
    """Threads that deposit one dollar after the other, each on an account of its own."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self.statuses: Counter[int] = Counter()
        self.done = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(CALLERS)]

    def start(self) -> None:
        for n in range(CALLERS):
            client(self._served, f"A{n}")
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive()

    def _run(self, n: int) -> None:
        with httpx.Client(base_url=self._served.url, timeout=60) as http:
            for i in range(EACH):
                self._insist(http, f"A{n}", f"d{i}")

    def _insist(self, http: httpx.Client, account: str, key: str) -> None:
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline:
            answer = http.post(
                "/commands/DepositCash", json=deposit(account), headers={"Idempotency-Key": key}
            )
            with self._lock:
                self.statuses[answer.status_code] += 1
            if answer.status_code in (200, 201):
                with self._lock:
                    self.done += 1
                return
            assert answer.status_code == 503, answer.text
            assert answer.json()["type"] == "store_unavailable"
            assert "Retry-After" in answer.headers
            time.sleep(0.2)


def balances(data_dir: Path) -> list[tuple[object, ...]]:
    return sql(
        data_dir,
        "select account_id, settled from views.cash where currency = 'USD' order by account_id",
    )


def hit(served: Served, blow: Callable[[], object]) -> Callers:
    """Deal two blows while callers send; every command of theirs is in the log once."""
    callers = Callers(served)
    callers.start()
    for share in (4, 2):
        until(lambda s=share: callers.done > CALLERS * EACH / s)  # type: ignore[misc]
        blow()
    callers.join()
    assert callers.done == CALLERS * EACH
    assert set(callers.statuses) <= {200, 201, 503}
    until(lambda: served.ready().status_code == 200, what="ready again")
    caught_up(served)
    found = sql(
        served.data_dir,
        "select stream, count(*), count(distinct version), max(version) from log.events"
        " where name = 'cash.deposited' group by stream order by stream",
    )
    assert found == [(f"account-A{n}", EACH, EACH, EACH + 1) for n in range(CALLERS)]
    assert [tuple(map(str, row)) for row in balances(served.data_dir)] == [
        (f"A{n}", f"{EACH}.00") for n in range(CALLERS)
    ]
    return callers


def caught_up(served: Served) -> None:
    def level() -> bool:
        seen = served.ready().json()
        return all(view["lag"] == 0 for view in seen["views"].values())

    until(level, what="views at the end of the log")


def test_cut_connections_lose_no_command(served: Served) -> None:
    hit(served, lambda: sql(served.data_dir, CUT))
    client(served, "New", cash="5.00")  # writes its data key over a cut connection
    caught_up(served)
    assert sql(
        served.data_dir, "select settled::text from views.cash where account_id = 'New'"
    ) == [("5.00",)]
    assert verb("log", "verify", data_dir=served.data_dir).code == 0


def test_a_killed_server_is_started_again_and_nothing_is_lost(served: Served) -> None:
    pids: list[int] = []

    def blow() -> None:
        pids.append(postmaster(served))
        kill(pids[-1])
        until(lambda: postmaster(served, pids[-1]) != 0, what="another Postgres")

    hit(served, blow)
    assert len(set(pids)) == 2
    assert served.errors.count("the embedded Postgres has ended; starting it again") == 2
    order(served)
    assert verb("replay", "--json", data_dir=served.data_dir).json["equal"] is True
    assert served.terminate() < 20
    assert served.process.returncode == 0


def test_while_the_database_is_away_the_answer_is_503_and_health_says_why(served: Served) -> None:
    """Stop the whole server with SIGSTOP, as a hung disk or host would."""
    client(served, "A1", cash="1.00")
    stopped = [*children_of(postmaster(served)), postmaster(served)]
    signal_all(stopped, "STOP")
    try:
        started = time.monotonic()
        ready = served.ready()
        assert time.monotonic() - started < 10
        assert ready.status_code == 503
        assert any("log: no answer" in reason for reason in ready.json()["reasons"])
        assert served.http.get("/healthz").status_code == 200
        served.http.timeout = httpx.Timeout(120)  # a statement times out after 30
        answer = served.do("DepositCash", deposit("A1"), "stuck")
        assert answer.status_code == 503, answer.text
        assert answer.json()["type"] == "store_unavailable"
    finally:
        signal_all(stopped, "CONT")
    until(lambda: served.ready().status_code == 200)
    assert served.do("DepositCash", deposit("A1"), "stuck").status_code in (200, 201)
    caught_up(served)
    assert [tuple(map(str, r)) for r in balances(served.data_dir)] == [("A1", "2.00")]


def postmaster(served: Served, other_than: int = 0) -> int:
    """The pid of the running Postgres; 0 if none runs, or only `other_than`."""
    file = served.data_dir / "postgres/server/data/postmaster.pid"
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return 0
    ready = len(lines) >= 8 and lines[7].strip() == "ready"
    return int(lines[0]) if ready and int(lines[0]) != other_than else 0


def signal_all(pids: list[int], name: str) -> None:
    subprocess.run(["kill", f"-{name}", *map(str, pids)], check=False)


def order(served: Served) -> None:
    """The sagas still work: an order is placed, released, filled by the venue, and booked."""
    listed = {
        "instrument_id": "AAPL",
        "symbol": "AAPL",
        "isin": "US0378331005",
        "currency": "USD",
        "mic": "XNAS",
    }
    served.did("ListInstrument", listed, "list")
    marked = {
        "instrument_id": "AAPL",
        "isin": "US0378331005",
        "price": "10.00",
        "currency": "USD",
        "price_date": market_today("US", datetime.now(UTC)).isoformat(),
        "source": "test",
    }
    served.did("MarkPrice", marked, "mark")
    caught_up(served)
    placed = {
        "order_id": "O1",
        "account_id": "A0",
        "instrument_id": "AAPL",
        "side": "BUY",
        "qty": "2",
        "ord_type": "LIMIT",
        "limit_px": "11.00",
        "time_in_force": "GTC",
    }
    served.did("PlaceOrder", placed, "O1")
    query = "select count(*) from log.events where name = 'trade.booked'"
    until(lambda: sql(served.data_dir, query)[0][0] >= 1, what="a booked trade")
