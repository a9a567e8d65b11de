"""`tidemark simulate` as its user runs it: answers, refusals, resumed runs, kills.

Real processes on the embedded engines, each test in a directory of its own.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.host.data_dir import DataDir
from api.cli import main
from tests.paths import ROOT

pytestmark = pytest.mark.slow

CONTRACT = {
    "accounts", "orders", "fills", "events", "log_position", "trial_balance", "nav", "settled",
    "failed", "open", "failing_now", "prices", "wall_s", "events_per_s", "sagas", "suspense",
    "fix",
}  # fmt: skip
BUSINESS = (
    "accounts", "orders", "fills", "busts", "settled", "failed", "open", "failing_now", "declined",
    "trial_balance", "nav", "client_money", "best_account", "worst_account",
)  # fmt: skip
WEEK = ("--from", "2022-01-03", "--to", "2022-01-07", "--accounts", "2", "--seed", "2")
MONTHS = ("--from", "2022-01-03", "--to", "2022-02-11", "--accounts", "10", "--seed", "2")


def begin(*words: object, folder: Path) -> "subprocess.Popen[str]":
    code = "import sys; from api.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "--data-dir", str(folder), *map(str, words)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(*words: object, folder: Path) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    process = begin(*words, folder=folder)
    try:
        out, err = process.communicate(timeout=200)
    finally:
        process.kill()
    return process.returncode, out, err


def answer(*words: object, folder: Path) -> dict[str, Any]:
    code, out, err = run(*words, "--json", folder=folder)
    assert code == 0, err
    (line,) = out.splitlines()  # one object, and nothing else
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def business(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in BUSINESS}


def test_hostile_counterparties_leave_every_saga_in_a_named_state(
    tmp_path: Path, week: tuple[Path, dict[str, Any]]
) -> None:
    """The controls of every day hold, or the run would end with exit code 1."""
    hostile = answer("simulate", *WEEK, "--no-warehouse", "--faults", "hostile", folder=tmp_path)
    assert hostile["root"] != week[1]["root"]
    for found in (hostile, week[1]):
        assert set(found["trial_balance"].values()) <= {"0", "0.00"}
        assert found["suspense"] == 0 and found["sagas"]["order"]["open"] == 0
        settlement = found["sagas"]["settlement"]
        assert set(settlement) <= {"open", "settled", "cancelled", "failing", "instructed"}
        assert settlement["settled"] >= found["settled"] > 0
    code, _, err = run("simulate", *WEEK, "--no-warehouse", folder=tmp_path)
    assert code == 2 and "faults hostile, not some" in err


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a simulated week, and its JSON answer."""
    folder = tmp_path_factory.mktemp("week")
    return folder, answer("simulate", *WEEK, "--no-warehouse", folder=folder)


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The answer of a two-month run without interruption."""
    folder = tmp_path_factory.mktemp("months")
    return answer("simulate", *MONTHS, "--no-warehouse", folder=folder)


def test_json_is_one_object_with_the_contract_s_keys(week: tuple[Path, dict[str, Any]]) -> None:
    _, result = week
    assert set(result) >= CONTRACT
    assert result["accounts"] == 2
    assert result["orders"] > 0 < result["fills"]
    assert result["prices"] == "adjusted"
    assert {float(amount) for amount in result["trial_balance"].values()} == {0.0}
    assert all(isinstance(amount, str) for amount in result["nav"].values())


def test_a_second_run_of_a_whole_period_changes_nothing(week: tuple[Path, dict[str, Any]]) -> None:
    folder, result = week
    again = answer("simulate", *WEEK, "--no-warehouse", folder=folder)
    assert (again["root"], again["events"]) == (result["root"], result["events"])
    assert business(again) == business(result)


def test_a_second_directory_and_the_same_seed_give_the_same_root(
    week: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    assert answer("simulate", *WEEK, "--no-warehouse", folder=tmp_path)["root"] == week[1]["root"]


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (("--seed", "3"), "seed 2, not 3"),
        (("--accounts", "3"), "accounts 2, not 3"),
        (("--from", "2022-01-04"), "from 2022-01-03, not 2022-01-04"),
    ],
)
def test_a_used_directory_is_refused_to_another_run(
    week: tuple[Path, dict[str, Any]], other: tuple[str, str], named: str
) -> None:
    code, out, err = run("simulate", *WEEK, *other, "--json", folder=week[0])
    assert (code, out) == (2, "")
    assert named in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--accounts", "0"), "--accounts must be from 1"),
        (("--accounts", "-5"), "--accounts must be from 1"),
        (("--accounts", "100001"), "--accounts must be from 1"),
        (("--from", "2022-03-01", "--to", "2022-02-01"), "2022-03-01 is after --to 2022-02-01"),
        (("--from", "2022-01-08", "--to", "2022-01-09"), "no session from"),
        (("--from", "2031-01-01", "--to", "2031-02-01"), "no session from"),
        (("--from", "1990-01-02", "--to", "1990-01-05"), "no prices before 1990-01-02"),
        (("--crash", "--crash-every", "0"), "--crash-every must be at least 1"),
    ],
)
def test_a_run_that_cannot_be_had_is_refused_in_one_line(
    words: tuple[str, ...], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data-dir", str(tmp_path / "x"), "simulate", *words]) == 2
    out, err = capsys.readouterr()
    assert named in err
    assert (out, err.count("\n")) == ("", 1)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("day", ["2022-13-01", "yesterday", "2022-02-30"])
def test_what_is_no_date_is_refused(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["simulate", "--from", day])
    assert end.value.code == 2
    assert f"'{day}' is not a date" in capsys.readouterr().err


def test_the_crash_mode_needs_no_directory_and_says_what_it_put_to_the_test(
    tmp_path: Path,
) -> None:
    few = ("--crash-every", "12", "--from", "2022-01-03", "--to", "2022-01-06", "--accounts", "2")
    result = answer("simulate", "--crash", *few, folder=tmp_path / "x")
    assert result["equal"]
    assert result["differences"] == []
    assert result["crashes"] > result["points"] > 5
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("verb", ["serve", "simulate"])
def test_a_directory_that_is_held_says_by_whom(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    holder = DataDir(tmp_path)
    holder.hold("simulate")
    try:
        assert main([verb, "--data-dir", str(tmp_path)]) == 1
    finally:
        holder.release()
    held = f"tidemark: {tmp_path} is held by tidemark simulate (pid {os.getpid()})\n"
    assert capsys.readouterr().err == held


def test_a_run_from_before_the_euro_trades_in_dollars(tmp_path: Path) -> None:
    period = ("--from", "1998-12-28", "--to", "1999-01-05", "--accounts", "2")
    result = answer("simulate", *period, "--no-warehouse", folder=tmp_path)
    assert list(result["nav"]) == ["USD"]
    assert result["orders"] > 0


@contextmanager
def trading(folder: Path, *words: object) -> "Iterator[subprocess.Popen[str]]":
    """A run that has closed a day and goes on; killed at the end."""
    process = begin("simulate", *MONTHS, *words, folder=folder)
    try:
        assert process.stderr is not None
        heard = [""]
        while "sessions" not in heard[-1]:  # printed when its first day is closed
            heard.append(process.stderr.readline())
            assert heard[-1], "".join(heard)
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"


def test_serve_says_who_has_its_directory(tmp_path: Path) -> None:
    with trading(tmp_path, "--no-warehouse") as process:
        code, out, err = run("serve", "--port", "0", folder=tmp_path)
        assert (code, out) == (1, "")
        held = f"{tmp_path} is held by tidemark simulate (pid {process.pid})"
        assert err == f"tidemark: {held}\n"


def test_killed_twice_a_run_ends_in_the_figures_of_one_that_was_not(
    tmp_path: Path, months: dict[str, Any]
) -> None:
    with trading(tmp_path, "--no-warehouse"):
        pass
    first = answer("log", "stats", folder=tmp_path)
    with trading(tmp_path, "--no-warehouse"):
        pass
    second = answer("log", "stats", folder=tmp_path)
    assert 0 < first["events"] < second["events"] < months["events"]
    result = answer("simulate", *MONTHS, "--no-warehouse", folder=tmp_path)
    assert business(result) == business(months)
    assert answer("log", "verify", folder=tmp_path)["ok"]
    replayed = answer("replay", folder=tmp_path)
    assert replayed["equal"]
    assert [v["view"] for v in replayed["views"] if not v["equal"]] == []


def test_killed_with_its_warehouse_it_agrees_with_all_three_books(
    tmp_path: Path, months: dict[str, Any]
) -> None:
    """Every later close compares ClickHouse, the read models and the log."""
    with trading(tmp_path):
        time.sleep(0.1)
    result = answer("simulate", *MONTHS, folder=tmp_path)
    assert business(result) == business(months)
    sums = answer("log", "checksum", folder=tmp_path)
    assert sums["log"]["log"] == {"rows": result["events"], "hash": result["root"]}
    assert sums["clickhouse"]["events"]["rows"] == result["events"]
    assert {view["position"] for view in sums["postgres"].values()} == {result["log_position"]}
