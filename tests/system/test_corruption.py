"""Damaged bytes of the log: found, named, not skipped by any reader, and repaired."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from adapters.postgres.embedded import EmbeddedPostgres
from adapters.proof.log_audit import verify
from adapters.settings import Settings
from adapters.wiring.platform import open_platform
from tests.system.processes import (
    Served,
    Simulated,
    copied,
    deposit,
    folder,
    serving,
    sql,
    until,
    verb,
)

pytestmark = pytest.mark.slow

BYTE = "octet_length(state) - 4"
FLIP = f"set state = set_byte(state, {BYTE}, get_byte(state, {BYTE}) # 1)"
REWRITE = "set state = convert_to(replace(convert_from(state, 'UTF8'), {0}, {1}), 'UTF8')"
DAMAGES = {
    "a flipped byte": (FLIP, None),
    "another amount": (REWRITE.format('\'"amount":"\'', '\'"amount":"1\''), "do not give its hash"),
    "another hash": ("set hash = set_byte(hash, 0, get_byte(hash, 0) # 1)", "do not give its hash"),
    "an unknown event": (REWRITE.format("'cash.deposited'", "'cash.conjured'"), "cash.conjured"),
    "an event of the future": (REWRITE.format("'\"schema\":2'", "'\"schema\":99'"), "v99"),
    "another name beside it": ("set name = 'cash.conjured'", "names another event"),
    "no JSON at all": ("set state = '\\x00ff'", None),
    "nothing at all": ("set state = ''", None),
    "its time turned back": ("set committed_at = committed_at - interval '9 years'", "backwards"),
}
"""Damages to a deposit in the middle of its stream: (SQL, text of the fault)."""


class Place(NamedTuple):
    stream: str
    version: int
    position: int

    @property
    def source(self) -> str:
        return f"{self.stream}@{self.version}"


class Own:
    """A data directory to damage; its Postgres runs during the test."""

    def __init__(self, data_dir: Path, url: str) -> None:
        self.data_dir, self.url = data_dir, url

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def deposit(self) -> Place:
        """A deposit with events of its stream before and after it."""
        query = (
            "select stream, version, position from log.events e where name = 'cash.deposited'"
            " and version > 1 and exists (select from log.events n where n.stream = e.stream"
            " and n.version > e.version) order by position limit 1"
        )
        return Place(*self.rows(query)[0])

    @contextmanager
    def damaged(self, position: int, change: str) -> Iterator[None]:
        self.rows("drop table if exists kept")
        self.rows(f"create table kept as select * from log.events where position = {position}")
        statement = change if change == "delete" else f"update log.events {change}"
        if change == "delete":
            statement = "delete from log.events"
        self.rows(f"{statement} where position = {position}")
        try:
            yield
        finally:
            self.rows(f"delete from log.events where position = {position}")
            self.rows("insert into log.events select * from kept")

    def faults(self) -> list[dict[str, Any]]:
        async def look() -> dict[str, Any]:
            settings = Settings(data_dir=self.data_dir)
            async with await open_platform(settings, verb="test", exclusive=False) as platform:
                return await verify(platform.log, platform.signer.verifier)

        found = asyncio.run(look())
        assert found["ok"] == (not found["faults"])
        faults: list[dict[str, Any]] = found["faults"]
        return faults


@pytest.fixture(scope="module")
def own(simulated: Simulated) -> Iterator[Own]:
    with folder() as made:
        data_dir = copied(simulated.data_dir, made / "d")
        with EmbeddedPostgres(data_dir / "postgres") as server:
            yield Own(data_dir, server.uri)


@pytest.mark.parametrize("damage", DAMAGES)
def test_verify_finds_it_and_names_the_event(own: Own, damage: str) -> None:
    place = own.deposit()
    change, words = DAMAGES[damage]
    with own.damaged(place.position, change):
        found = own.faults()
        assert found, "nothing found"
        first = found[0]
        assert (first["stream"], first["version"]) == (place.stream, place.version)
        assert first["position"] == place.position
        assert words is None or words in first["fault"]
    assert own.faults() == []


def test_verify_says_so_in_words_and_by_its_exit_code(own: Own) -> None:
    place = own.deposit()
    with own.damaged(place.position, DAMAGES["another amount"][0]):
        text = verb("log", "verify", data_dir=own.data_dir)
        assert text.code == 1
        assert text.lines[0] == f"{place.source}: its bytes do not give its hash"
        ran = verb("log", "verify", "--json", data_dir=own.data_dir)
        assert (ran.code, ran.json["ok"], ran.json["faults"][0]["stream"]) == (
            1,
            False,
            place.stream,
        )


def test_verify_finds_a_row_that_is_gone(own: Own) -> None:
    place = own.deposit()
    with own.damaged(place.position, "delete"):
        found = own.faults()
        print("FAULTS", found[:4])
        behind = (place.stream, place.version + 1, f"version {place.version} is missing")
        assert behind in [(f["stream"], f["version"], f["fault"]) for f in found]
        assert {f["stream"] for f in found} <= {place.stream, "log", "checkpoint-log"}


def test_verify_finds_that_the_end_is_gone(own: Own) -> None:
    [(last,)] = own.rows("select max(position) from log.events")
    with own.damaged(last, "delete"):
        assert {"stream": "log", "version": last, "position": last} in [
            {k: f[k] for k in ("stream", "version", "position")} for f in own.faults()
        ]


def test_tail_shows_the_events_before_it_and_names_it(own: Own) -> None:
    place = own.deposit()
    with own.damaged(place.position, DAMAGES["an unknown event"][0]):
        after = str(place.position - 4)
        ran = verb("log", "tail", "--json", "--after", after, "-n", "10", data_dir=own.data_dir)
        assert ran.code == 1
        assert len(ran.lines) == 3
        assert place.source in ran.complaint and "cash.conjured" in ran.complaint
        stream = verb("log", "tail", "--stream", place.stream, "-n", "999", data_dir=own.data_dir)
        assert stream.code == 1 and len(stream.lines) == place.version - 1
        assert place.source in stream.complaint


@pytest.mark.parametrize("words", [("replay",), ("rebuild", "cash")])
def test_nothing_is_rebuilt_over_it(own: Own, words: tuple[str, ...]) -> None:
    place = own.deposit()
    before = own.rows("select * from views.cash order by 1, 2")
    with own.damaged(place.position, DAMAGES["an unknown event"][0]):
        ran = verb(*words, data_dir=own.data_dir)
        assert ran.code == 1
        assert place.source in ran.complaint
    assert own.rows("select * from views.cash order by 1, 2") == before
    assert verb(*words, data_dir=own.data_dir).code == 0


def test_serving_goes_on_around_it(simulated: Simulated) -> None:
    """Commands on the damaged stream fail, others in the batch succeed; views stop before it."""
    with folder() as made:
        data_dir = copied(simulated.data_dir, made / "d")
        with EmbeddedPostgres(data_dir / "postgres") as server:
            own = Own(data_dir, server.uri)
            place = own.deposit()
            others = own.rows(
                "select stream from log.events where name = 'account.opened'"
                f" and stream <> '{place.stream}' order by stream"
            )
            neighbour = others[0][0].removeprefix("account-")
            own.rows(
                "delete from views.checkpoints"
            )  # so that the views fold the damaged event again
            own.rows("truncate log.snapshots")
            own.rows(
                f"create table kept as select * from log.events where position = {place.position}"
            )
            change = DAMAGES["an unknown event"][0]
            own.rows(f"update log.events {change} where position = {place.position}")
        with serving(data_dir) as served:
            _commands(served, place, neighbour)
            _views_wait(served, place)
            kept = "(select state from kept)"
            sql(data_dir, f"update log.events set state = {kept} where position = {place.position}")
            until(lambda: served.ready().status_code == 200, what="views go on after the repair")
            lags = {v["lag"] for v in served.ready().json()["views"].values()}
            assert lags == {0}
            result = [line for line in served.errors.splitlines() if line]
            assert len(result) == len(set(result))  # each line once, although the fault lasted
            own_account = place.stream.removeprefix("account-")
            assert served.do("DepositCash", deposit(own_account), "mended").status_code == 201
        checked = verb("log", "verify", data_dir=data_dir)
        assert checked.code == 0, checked.out + checked.err
        assert verb("replay", data_dir=data_dir).code == 0


def _commands(served: Served, place: Place, neighbour: str) -> None:
    broken = place.stream.removeprefix("account-")
    items = [
        {"name": "DepositCash", "key": f"k{i}", "body": deposit(account)}
        for i, account in enumerate([neighbour, broken, neighbour, broken, neighbour])
    ]
    for attempt in (201, 201):  # a repeat has the status of the first answer
        answers = served.http.post("/commands", json=items).json()
        assert [a["status"] for a in answers] == [attempt, 500, attempt, 500, attempt]
        problem = answers[1]["body"]
        assert problem["type"] == "log_unreadable"
        assert place.source in problem["detail"] and "cash.conjured" in problem["detail"]


def _views_wait(served: Served, place: Place) -> None:
    def stands_before() -> bool:
        body = served.ready().json()
        return {v["position"] for v in body["views"].values()} == {place.position - 1}

    until(stands_before, what="the views right before the event")
    answer = served.ready()
    assert answer.status_code == 503
    reasons = answer.json()["reasons"]
    assert any("views" in r and place.source in r for r in reasons), reasons
