"""`tidemark replay`, `rebuild`, and rules of all verbs: arguments, exit codes, clean output."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from adapters.postgres.embedded import EmbeddedPostgres
from projections.catalogue import VIEWS
from sagas.catalogue import SAGAS
from tests.system.processes import (
    ROOT,
    TIDEMARK,
    Simulated,
    copied,
    folder,
    sql,
    tidemark,
    until,
    verb,
)

pytestmark = pytest.mark.slow
NAMES = [view.NAME for view in VIEWS]
KEPT = [*(saga.NAME for saga in SAGAS), "venue", "custodian", "bank"]


@pytest.fixture(scope="module")
def data_dir(simulated: Simulated) -> Iterator[Path]:
    """A copy, because rebuilding swaps tables; its Postgres is up."""
    with folder() as made:
        own = copied(simulated.data_dir, made / "d")
        with EmbeddedPostgres(own / "postgres"):
            yield own


def test_replay_finds_every_view_equal(simulated: Simulated, data_dir: Path) -> None:
    ran = verb("replay", "--json", data_dir=data_dir)
    assert (ran.code, ran.json["equal"]) == (0, True)
    rows = {row["view"]: row for row in ran.json["views"]}
    assert set(rows) == set(NAMES)
    assert all(row["hash"] == row["replayed_hash"] for row in rows.values())
    assert {row["position"] for row in rows.values()} == {simulated.answer["log_position"]}
    text = verb("replay", data_dir=data_dir)
    assert text.code == 0
    result = [line.split() for line in text.lines]
    assert [words[0] for words in result if words[0] != "saga"] == [*NAMES, "street", "schema"]
    assert [words[1] for words in result if words[0] == "saga"] == KEPT
    assert all(line.endswith("equal") for line in text.lines)


def test_replay_and_rebuild_find_a_changed_row(data_dir: Path) -> None:
    sql(data_dir, "update views.cash set settled = settled + 1 where account_id = 'A00001'")
    ran = verb("replay", "--json", data_dir=data_dir)
    assert (ran.code, ran.json["equal"]) == (1, False)
    assert [r["view"] for r in ran.json["views"] if not r["equal"]] == ["cash"]
    look = verb("rebuild", "cash", "--no-swap", "--json", data_dir=data_dir)
    assert (look.code, look.json["equal"], look.json["swapped"]) == (1, False, False)
    assert look.json["different"] >= 1 and look.json["differences"]
    assert verb("replay", data_dir=data_dir).code == 1  # --no-swap changed nothing
    mended = verb("rebuild", "cash", "--json", data_dir=data_dir)
    assert (mended.json["equal"], mended.json["swapped"]) == (False, True)
    assert verb("replay", data_dir=data_dir).code == 0


def test_rebuild_all_gives_identical_rows(simulated: Simulated, data_dir: Path) -> None:
    ran = verb("rebuild", "all", "--json", data_dir=data_dir)
    assert ran.code == 0
    assert [r["view"] for r in ran.json["views"]] == NAMES
    for report in ran.json["views"]:
        assert report["equal"] and report["swapped"] and report["different"] == 0, report
        assert report["position"] == simulated.answer["log_position"]
    assert len(ran.err.splitlines()) == len(NAMES)  # progress goes to stderr
    assert verb("replay", data_dir=data_dir).code == 0


def test_a_rebuild_beside_another_one_is_refused_in_one_line(data_dir: Path) -> None:
    with (
        EmbeddedPostgres(data_dir / "postgres") as server,
        psycopg.connect(server.uri, autocommit=True) as other,
    ):
        other.execute("select pg_advisory_lock(hashtext('rebuild of views'))")
        ran = verb("rebuild", "cash", data_dir=data_dir)
    assert ran.code == 1
    assert ran.err == "tidemark: another rebuild of these read models is under way\n"
    assert verb("rebuild", "cash", data_dir=data_dir).code == 0


def test_rebuild_of_one_view_as_text(data_dir: Path) -> None:
    ran = verb("rebuild", "orders", data_dir=data_dir)
    assert ran.code == 0
    assert "orders" in ran.err and "equal" in ran.err


USAGE = [
    ("rebuild", "nonsense"),
    ("rebuild",),
    ("log",),
    ("log", "nonsense"),
    ("log", "tail", "-n", "many"),
    ("log", "trace"),
    ("nonsense",),
    (),
    ("simulate", "--from", "yesterday"),
    ("simulate", "--accounts", "0"),
    ("simulate", "--from", "2022-02-01", "--to", "2022-01-01"),
    ("simulate", "--from", "1889-01-01", "--to", "1889-02-01"),
    ("serve", "--port", "http"),
]


@pytest.mark.parametrize("words", USAGE, ids=lambda words: " ".join(words) or "nothing")
def test_wrong_words_are_exit_code_2_and_say_which(data_dir: Path, words: tuple[str, ...]) -> None:
    ran = verb(*words, data_dir=data_dir)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.strip() and "Traceback" not in ran.err
    if words == ("rebuild", "nonsense"):
        assert "'nonsense'" in ran.complaint and "cash" in ran.complaint


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("--demo", "--pace", "0"), "--pace"),
        (("--demo", "--pace", "nan"), "--pace"),
        (("--demo", "--pace", "fast"), "--pace"),
        (("--pace", "0"), "--pace"),
        (("--pace", "3"), "--pace"),
        (("--pace", "paused"), "--pace"),
        (("--demo", "--clock", "system"), "--clock"),
        (("--clock", "system", "--pace", "3"), "--pace"),
        (("--port", "99999"), "--port"),
        (("--port", "-1"), "--port"),
        (("--demo", "--port", "65536"), "--port"),
    ],
    ids=lambda found: " ".join(found) if isinstance(found, tuple) else "",
)
def test_a_serve_that_is_refused_makes_nothing_and_names_the_option(
    tmp_path: Path, words: tuple[str, ...], option: str
) -> None:
    ran = verb("serve", *words, data_dir=tmp_path / "d")
    assert (ran.code, ran.out) == (2, "")
    assert option in ran.err.splitlines()[-1] and "TIDEMARK_PORT" not in ran.err
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("words", [(), ("log",), ("serve",), ("simulate",), ("sql",), ("rebuild",)])
def test_help_is_there(data_dir: Path, words: tuple[str, ...]) -> None:
    ran = verb(*words, "--help", data_dir=data_dir)
    assert ran.code == 0 and ran.out.startswith("usage: tidemark")


def test_a_reader_that_goes_away_early_is_no_error(data_dir: Path) -> None:
    words = ["log", "tail", "--after", "0", "-n", "100000", "--data-dir", str(data_dir)]
    reader = subprocess.Popen(
        [*TIDEMARK, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None and reader.stderr is not None
    reader.stdout.readline()
    reader.stdout.close()
    assert reader.wait(30) == 0
    assert "Traceback" not in reader.stderr.read()
    reader.stderr.close()


def test_following_goes_on_until_it_is_interrupted(simulated: Simulated, data_dir: Path) -> None:
    last = simulated.answer["log_position"]
    words = ["log", "tail", "--json", "-f", "--after", str(last - 2), "--data-dir", str(data_dir)]
    with (data_dir.parent / "followed").open("w+") as out:
        reader = subprocess.Popen(
            [*TIDEMARK, *words], cwd=ROOT, stdout=out, stderr=subprocess.DEVNULL
        )
        try:
            shown = Path(out.name)
            until(lambda: len(shown.read_text().splitlines()) == 2)
            added = tidemark("simulate", "--help")  # only to wait a verb's time
            assert added.code == 0 and reader.poll() is None
            positions = [json.loads(line)["position"] for line in shown.read_text().splitlines()]
            assert positions == [last - 1, last]
        finally:
            reader.send_signal(signal.SIGINT)
            assert reader.wait(30) in (130, -signal.SIGINT)
