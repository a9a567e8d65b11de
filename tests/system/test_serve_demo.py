"""`tidemark serve` on a simulated log, as a new user sees it: a market that moves.

The small run of the session's fixture continues at a high pace, never on the machine's clock.
Tests that change nothing share a directory.
"""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.processes import (
    Served,
    Simulated,
    copied,
    folder,
    serving,
    sql,
    tidemark,
    until,
    verb,
)

pytestmark = pytest.mark.slow

ENDS = "2022-01-14"  # of the fixture's run: a Friday before a holiday on Monday
NEXT = "2022-01-18"


@pytest.fixture
def place() -> Iterator[Path]:
    with folder() as made:
        yield made


@pytest.fixture(scope="module")
def unchanged(simulated: Simulated) -> Iterator[Path]:
    """The run as it ended; tests only read it."""
    with folder() as made:
        yield copied(simulated.data_dir, made / "d")


@pytest.fixture(scope="module")
def real() -> Iterator[Path]:
    """A log of real business, not simulated, on the machine's clock."""
    with folder() as made:
        with serving(made / "real") as served:
            capital = {"currency": "USD", "amount": "1.00", "reference": "r"}
            served.did("FundHouse", capital, "fund")
        yield made / "real"


def ask(url: str, query: str) -> Any:
    answer = httpx.post(f"{url}/graphql", json={"query": query}, timeout=60).json()
    assert "errors" not in answer, answer
    return answer["data"]


def ticks(served: Served) -> bool:
    """Whether the last mark comes from the simulated market, between two closes."""
    found = ask(served.url, '{ instrument(id: "AAPL") { mark { source } } }')
    return bool(found["instrument"]["mark"]["source"] == "simulated")


def marks(data_dir: Path) -> list[tuple[str, str]]:
    """(price, date) of every mark of the simulated market between the closes."""
    found = sql(
        data_dir,
        "select convert_from(state, 'UTF8') from log.events where name = 'price.marked' "
        "and convert_from(state, 'UTF8') like '%\"source\":\"simulated\"%' order by position",
    )
    payloads = [json.loads(row[0])["payload"] for row in found]
    return [(p["price"], p["price_date"]) for p in payloads]


def events(data_dir: Path, name: str) -> int:
    return int(sql(data_dir, f"select count(*) from log.events where name = '{name}'")[0][0])


def latest(data_dir: Path) -> datetime:
    found: datetime = sql(data_dir, "select max(committed_at) from log.events")[0][0]
    return found.astimezone(UTC)


def paced(data_dir: Path, *words: str) -> None:
    ran = verb("demo", *words, data_dir=data_dir)
    assert ran.code == 0, ran.err


def test_a_plain_serve_goes_on_with_the_clock_of_the_log_and_the_market_moves(
    simulated: Simulated, place: Path
) -> None:
    data_dir = copied(simulated.data_dir, place / "d")
    paced(data_dir, "pace", "0.5")
    with serving(data_dir) as served:
        assert (
            f"this log runs on a simulated clock, which continues at {ENDS} 23:30" in served.errors
        )
        until(lambda: f"{NEXT}  open" in served.errors, what="the next session opens")
        until(lambda: ticks(served), what="marks tick")
        assert {day for _, day in marks(data_dir)} == {NEXT}
        _three_things(served)
        paced(data_dir, "pace", "0.1")
        closed = events(data_dir, "house.day_closed")
        until(lambda: f"{NEXT}  closed, every control holds" in served.errors, seconds=120)
        assert events(data_dir, "house.day_closed") == closed + 1
        assert latest(data_dir).year == 2022
        blocked = ask(served.url, '{ account(id: "A00001") { status } }')
        assert blocked["account"]["status"] == "open"
        assert served.ready().status_code == 200
    checked = verb("log", "verify", "--json", data_dir=data_dir)
    assert checked.code == 0, checked.out
    assert verb("replay", data_dir=data_dir).code == 0


def _three_things(served: Served) -> None:
    """Run the commands of the first screen in a shell."""
    until(lambda: "stop " in served.errors, what="the first screen")
    text = served.errors.split("Three things to try", 1)[1].split("in a browser", 1)[0]
    commands = re.sub(r"\\\n\s+", "", text).splitlines()
    curls = [line for line in commands if line.startswith("curl")]
    nav, order, filled = (_shell(line) for line in (curls[0], curls[1], curls[2]))
    assert json.loads(nav)["data"]["account"]["nav"], nav
    assert json.loads(order)["position"] > 0, order
    assert json.loads(filled)["data"]["order"], filled
    until(
        lambda: json.loads(_shell(curls[2]))["data"]["order"]["ordStatus"] == "FILLED",
        what="the order fills",
    )
    (query,) = [line for line in commands if " sql " in line]
    asked = query.split(" sql ", 1)[1].strip('"')
    balances = verb("sql", asked, data_dir=served.data_dir)
    assert balances.code == 0 and "C.CASH" in balances.out


def _shell(line: str) -> str:
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    return done.stdout


def test_killed_in_the_middle_of_a_session_it_goes_on_from_there(
    simulated: Simulated, place: Path
) -> None:
    data_dir = copied(simulated.data_dir, place / "d")
    paced(data_dir, "pace", "0.5")
    with serving(data_dir) as served:
        until(lambda: "stop " in served.errors and ticks(served))
        served.process.send_signal(signal.SIGKILL)
        served.process.wait(30)
    stood = latest(data_dir)
    again = verb("serve", "--demo", "--port", "0", data_dir=data_dir)
    assert again.code == 0 and f"owed, before the sweep of {NEXT}" in again.out, again.err
    assert latest(data_dir) == stood
    paced(data_dir, "pause")
    with serving(data_dir) as served:
        assert f"continues at {stood:%Y-%m-%d %H:%M}" in served.errors
        assert latest(data_dir) == stood  # paused: no event
        paced(data_dir, "pace", "0.1")
        paced(data_dir, "resume")
        until(lambda: f"{NEXT}  closed, every control holds" in served.errors, seconds=120)
    assert verb("log", "verify", data_dir=data_dir).code == 0


def test_a_simulated_log_is_refused_to_the_machine_s_clock_in_one_line(
    unchanged: Path,
) -> None:
    before = sql(unchanged, "select count(*) from log.events")
    ran = verb("serve", "--clock", "system", "--port", "0", data_dir=unchanged)
    assert (ran.code, ran.out) == (1, "")
    assert "simulated clock" in ran.complaint and "2022-01-14 23:30" in ran.complaint
    assert sql(unchanged, "select count(*) from log.events") == before


@pytest.mark.parametrize("words", [("serve", "--demo", "--port", "0"), ("simulate",)])
def test_a_real_log_is_refused_to_a_simulated_clock_in_one_line(
    words: tuple[str, ...], real: Path
) -> None:
    ran = verb(*words, data_dir=real)
    assert (ran.code, ran.out) == (1, "")
    assert "machine's clock" in ran.complaint
    begun = "select count(*) from log.events where stream like 'simulation%'"
    assert sql(real, begun) == [(0,)]


def test_a_real_log_has_no_pace(real: Path) -> None:
    ran = verb("serve", "--pace", "1", "--port", "0", data_dir=real)
    assert ran.code == 2 and "--pace" in ran.complaint


def test_serve_demo_on_a_run_that_is_there_says_what_it_checks_and_ends_without_a_terminal(
    simulated: Simulated, unchanged: Path
) -> None:
    count = simulated.answer["events"]
    ran = tidemark("serve", "--demo", "--json", "--port", "0", data_dir=unchanged)
    assert ran.code == 0, ran.err
    assert ran.json["accounts"] == 4 and ran.json["to"] == ENDS
    assert ran.json["root"] == simulated.answer["root"]
    assert ran.json["open_day"] is None
    ran = verb("serve", "--demo", "--port", "0", data_dir=unchanged)
    assert f"checking {count:,} events ... 100 %" in ran.err
    assert "0/?" not in ran.err and "accounts" in ran.out


def test_a_backup_remembers_the_clock(unchanged: Path, place: Path) -> None:
    assert verb("backup", str(place / "copy"), data_dir=unchanged).code == 0
    ran = verb("serve", "--clock", "system", "--port", "0", data_dir=place / "copy")
    assert ran.code == 1 and "simulated clock" in ran.complaint


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("serve", "--demo", "--clock", "system"), "--clock system"),
        (("demo", "pace"), "needs MINUTES"),
        (("demo", "pause", "3"), "needs MINUTES"),
        (("demo", "pace", "0"), "0.05 to 1440"),
    ],
)
def test_words_that_are_off_are_refused_in_one_line(
    words: tuple[str, ...], named: str, tmp_path: Path
) -> None:
    ran = verb(*words, data_dir=tmp_path)
    assert ran.code == 2 and named in ran.complaint
