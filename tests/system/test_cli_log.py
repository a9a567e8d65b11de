"""`tidemark log ...` and `tidemark sql`, as people and programs run them."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.postgres.embedded import EmbeddedPostgres
from adapters.warehouse.client import Warehouse
from projections.catalogue import VIEWS
from projections.facts import FACTS
from tests.system.processes import ROOT, TIDEMARK, Simulated, tidemark, verb

pytestmark = pytest.mark.slow
HEX = set("0123456789abcdef")


@pytest.fixture(scope="module")
def data_dir(simulated: Simulated) -> Iterator[Path]:
    """A simulated directory, only read here; its engines run, so that no verb has to start one."""
    warehouse = Warehouse(f"chdb://{simulated.data_dir}/warehouse")
    with EmbeddedPostgres(simulated.data_dir / "postgres"):
        asyncio.run(warehouse.open())
        try:
            yield simulated.data_dir
        finally:
            asyncio.run(warehouse.close())


def is_hash(text: str) -> bool:
    return len(text) == 64 and set(text) <= HEX


def test_the_directory_may_stand_before_or_after_the_verb(
    simulated: Simulated, data_dir: Path
) -> None:
    where = ("--data-dir", str(data_dir))
    ways = [
        (*where, "--json", "log", "stats"),
        (*where, "log", "stats", "--json"),
        ("--json", "log", "stats", *where),
        ("log", "stats", *where, "--json"),
    ]
    answers = [tidemark(*words) for words in ways]
    assert [a.code for a in answers] == [0, 0, 0, 0]
    assert all(a.json == answers[0].json for a in answers)
    by_variable = tidemark("log", "stats", "--json", env={"TIDEMARK_DATA_DIR": str(data_dir)})
    assert by_variable.json == answers[0].json
    assert answers[0].json["root"] == simulated.answer["root"]


def test_stats(simulated: Simulated, data_dir: Path) -> None:
    ran = verb("log", "stats", "--json", data_dir=data_dir)
    result = simulated.answer
    assert ran.code == 0
    assert ran.json["events"] == result["events"] and ran.json["position"] == result["log_position"]
    assert ran.json["root"] == result["root"]
    assert sum(ran.json["names"].values()) == ran.json["events"]
    assert ran.json["names"]["order.filled"] >= result["fills"]
    text = verb("log", "stats", data_dir=data_dir)
    assert text.code == 0 and result["root"] in text.out and "order.filled" in text.out


def test_verify(simulated: Simulated, data_dir: Path) -> None:
    ran = verb("log", "verify", "--json", data_dir=data_dir)
    assert (ran.code, ran.json["ok"], ran.json["faults"]) == (0, True, [])
    assert ran.json["events"] == simulated.answer["events"]
    assert ran.json["root"] == simulated.answer["root"]
    text = verb("log", "verify", data_dir=data_dir)
    assert text.code == 0
    assert text.out.startswith(f"{simulated.answer['events']} events in ")


def tail(data_dir: Path, *words: str) -> list[dict[str, Any]]:
    """Events as JSON Lines, and nothing else on stdout."""
    ran = verb("log", "tail", "--json", *words, data_dir=data_dir)
    assert (ran.code, ran.err) == (0, "")
    return [json.loads(line) for line in ran.lines]


def test_tail_shows_the_last_or_what_follows_a_position(
    simulated: Simulated, data_dir: Path
) -> None:
    last = simulated.answer["log_position"]
    assert [e["position"] for e in tail(data_dir)] == list(range(last - 19, last + 1))
    assert [e["position"] for e in tail(data_dir, "-n", "3")] == [last - 2, last - 1, last]
    assert [e["position"] for e in tail(data_dir, "--after", "10", "-n", "4")] == [11, 12, 13, 14]
    assert tail(data_dir, "--after", str(last)) == []
    assert tail(data_dir, "-n", "0") == []
    (event,) = tail(data_dir, "-n", "1")
    assert {"position", "stream", "version", "name", "committed_at", "hash", "metadata"} <= set(
        event
    )
    assert event["metadata"]["stream"] == event["stream"] and is_hash(event["hash"])
    text = verb("log", "tail", "-n", "2", data_dir=data_dir)
    assert len(text.lines) == 2
    assert text.lines[-1].split()[0] == str(last)
    assert f"{event['stream']}@{event['version']}" in text.lines[-1]


def test_tail_of_one_stream(data_dir: Path) -> None:
    whole = tail(data_dir, "--stream", "account-A00001", "-n", "9999")
    assert [e["version"] for e in whole] == list(range(1, len(whole) + 1))
    assert {e["stream"] for e in whole} == {"account-A00001"}
    assert tail(data_dir, "--stream", "account-A00001", "-n", "2") == whole[-2:]
    assert tail(data_dir, "--stream", "account-A00001", "-n", "0") == []
    after = ("--after", str(whole[1]["position"]))
    assert tail(data_dir, "--stream", "account-A00001", *after, "-n", "2") == whole[2:4]
    assert tail(data_dir, "--stream", "account-nobody") == []


def test_tail_keeps_personal_data_sealed(data_dir: Path) -> None:
    (first, *_) = tail(data_dir, "--stream", "client-C00001", "-n", "9999")
    assert first["name"] == "client.onboarded"
    assert first["payload"]["legal_name"].startswith("aes-gcm:")


def settled_trade(data_dir: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """An order's first event, and the settlement of one of its trades."""
    events = tail(data_dir, "--after", "0", "-n", "100000")
    settled = next(e for e in events if e["name"] == "obligation.settled")
    order = settled["payload"]["obligation_id"].rpartition(".t")[0]
    placed = next(e for e in events if e["stream"] == f"order-{order}" and e["version"] == 1)
    return placed, settled


def test_trace_shows_the_chain_from_an_order_to_its_settlement(data_dir: Path) -> None:
    placed, settled = settled_trade(data_dir)
    source = f"{settled['stream']}@{settled['version']}"
    answers = {
        named: verb("log", "trace", named, "--json", data_dir=data_dir).json
        for named in (source, str(settled["position"]), settled["metadata"]["event_id"])
    }
    found = answers[source]
    assert all(answer["asked"] == source for answer in answers.values())
    assert all(answer["events"] == found["events"] for answer in answers.values())
    names = [e["name"] for e in found["events"]]
    assert (names[0], found["events"][0]["source"]) == (
        "order.placed",
        f"order-{order_of(placed)}@1",
    )
    chain = (
        "funds.reserved",
        "order.released",
        "order.accepted",
        "order.filled",
        "trade.booked",
        "settlement.instructed",
        "settlement.confirmed",
        "obligation.settled",
    )
    places = [names.index(name) for name in chain]
    assert places == sorted(places)
    assert found["events"][0]["depth"] == 0 and all(e["depth"] > 0 for e in found["events"][1:])
    assert source in [e["source"] for e in found["events"]]


def order_of(placed: dict[str, Any]) -> str:
    order_id: str = placed["payload"]["order_id"]
    return order_id


def test_trace_for_people_and_of_what_is_not_there(data_dir: Path) -> None:
    placed, _ = settled_trade(data_dir)
    text = verb("log", "trace", f"{placed['stream']}@1", data_dir=data_dir)
    assert text.code == 0
    assert text.lines[0] == f"{placed['stream']}@1 order.placed"
    assert all(line.startswith("  ") for line in text.lines[1:])
    for nothing in ("account-A00001@0", "999999999", "no-such-event-id"):
        ran = verb("log", "trace", nothing, data_dir=data_dir)
        assert (ran.code, ran.out) == (2, "")
        assert nothing in ran.complaint


def test_checksum_has_everything_at_one_position(simulated: Simulated, data_dir: Path) -> None:
    ran = verb("log", "checksum", "--json", data_dir=data_dir)
    assert ran.code == 0
    found = ran.json
    assert found["position"] == simulated.answer["log_position"]
    assert found["log"]["log"] == {
        "rows": simulated.answer["events"],
        "hash": simulated.answer["root"],
    }
    assert set(found["postgres"]) == {view.NAME for view in VIEWS}
    assert set(found["clickhouse"]) >= {fact.TABLE for fact in FACTS}
    for one in (*found["postgres"].values(), *found["clickhouse"].values()):
        assert one["rows"] >= 0 and one["hash"]
    assert {v["position"] for v in found["postgres"].values()} == {found["position"]}
    assert found["clickhouse"]["events"]["rows"] == simulated.answer["events"]
    assert verb("log", "checksum", "--json", data_dir=data_dir).json == found
    text = verb("log", "checksum", data_dir=data_dir)
    assert text.lines[0] == f"position {found['position']}"
    assert len(text.lines) == 2 + len(found["postgres"]) + len(found["clickhouse"])


def test_sql_as_text_and_as_json(simulated: Simulated, data_dir: Path) -> None:
    query = "select name, count() as n from events where name = 'order.filled' group by name"
    ran = verb("sql", query, "--json", data_dir=data_dir)
    assert ran.json["columns"] == ["name", "n"]
    ((name, count),) = ran.json["rows"]
    assert name == "order.filled" and count >= simulated.answer["fills"]
    text = verb("sql", query, data_dir=data_dir)
    assert [line.split() for line in text.lines] == [["name", "n"], ["order.filled", str(count)]]
    piped = tidemark_in(f"{query};", data_dir)
    assert piped == text.out


def tidemark_in(query: str, data_dir: Path) -> str:
    """The output for a query on stdin."""
    done = subprocess.run(
        [*TIDEMARK, "sql", "-", "--data-dir", str(data_dir)], cwd=ROOT, input=query,
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout


REFUSED = [
    "insert into rates_raw select * from rates_raw",
    "drop table events_raw",
    "alter table events_raw delete where 1",
    "create table mine (x Int8) engine = Memory",
    "select * from url('http://127.0.0.1:1/', 'CSV', 'x String')",
    "select 1 into outfile '/tmp/tidemark-should-not-be-here'",
    "select * from nowhere",
    "selec 1",
    "",
]


@pytest.mark.parametrize("query", REFUSED)
def test_sql_refuses_what_does_not_just_read(data_dir: Path, query: str) -> None:
    refused = verb("sql", query, data_dir=data_dir)
    assert (refused.code, refused.out) == (2 if not query else 1, "")
    assert refused.complaint.startswith("tidemark: ")
    assert not Path("/tmp/tidemark-should-not-be-here").exists()


def test_sql_is_bounded(data_dir: Path) -> None:
    refused = verb("sql", "select number from numbers(1000000)", data_dir=data_dir)
    assert refused.code == 1 and "tidemark: " in refused.complaint
