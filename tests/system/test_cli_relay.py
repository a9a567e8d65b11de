"""`tidemark relay` at the terminal: one round, its refusals, and dead letters."""

import itertools
from pathlib import Path

import pytest

from adapters.bus.page import encode
from adapters.bus.url import Bus
from adapters.kafka.dead_letters import DeadLetters
from adapters.kafka.topics import ensure_topics
from adapters.postgres.views.stuck_views import StuckViews
from projections.engine.runner import Stuck
from tests.contract.bus.kafka_broker import Broker
from tests.contract.bus.kafka_reader import records
from tests.system.processes import Simulated, copied, folder, tidemark
from tests.unit.adapters.relay_world import event

EMBEDDED = {"TIDEMARK_BUS": "kafka:?partitions=2"}

_numbers = itertools.count(1)


def test_a_simulated_log_is_relayed_in_one_round_and_the_next_has_nothing_to_do(
    simulated: Simulated, kafka: Broker
) -> None:
    url = f"kafka://{kafka.address}?prefix=cli{next(_numbers)}&partitions=2"
    with folder() as made:
        data_dir = copied(simulated.data_dir, made / "d")
        first = tidemark("relay", "--once", "--json", data_dir=data_dir, env={"TIDEMARK_BUS": url})
        again = tidemark("relay", "--once", data_dir=data_dir, env={"TIDEMARK_BUS": url})
    bus = Bus.parse(url)
    assert first.code == again.code == 0, first.err + again.err
    result, last = first.json, simulated.answer["log_position"]
    assert result["events"] == result["position"] == result["log_position"] == last
    assert result["topic"] == bus.log_topic and result["lag_events"] == 0
    assert again.out == f"relayed to {last}, {bus.log_topic}\n"
    assert sum(r.value is not None for r in records(bus)) > 0


def test_the_embedded_broker_is_started_found_empty_and_stopped(simulated: Simulated) -> None:
    with folder() as made:
        data_dir = copied(simulated.data_dir, made / "d")
        ran = tidemark("relay", "--once", "--json", data_dir=data_dir, env=EMBEDDED)
        assert ran.code == 0, ran.err
        assert ran.json["position"] == simulated.answer["log_position"]
        assert (data_dir / "kafka" / "port").exists()
        wider = {"TIDEMARK_BUS": "kafka:?partitions=4"}
        refused = tidemark("relay", "--once", data_dir=data_dir, env=wider)
    assert refused.code == 1
    assert refused.complaint == (
        "tidemark: TIDEMARK_BUS: topic tidemark.log.1 has 2 partitions, not 4: "
        "a new generation is needed (generation=2)"
    )


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("inline:", "TIDEMARK_BUS: relay and workers need a kafka: bus"),
        ("kafka://k", "TIDEMARK_BUS: broker 'k' must be host:port"),
    ],
)
def test_a_bus_that_will_not_do_is_named(simulated: Simulated, url: str, complaint: str) -> None:
    with folder() as made:
        data_dir = copied(simulated.data_dir, made / "d")
        ran = tidemark("relay", "--once", data_dir=data_dir, env={"TIDEMARK_BUS": url})
    assert ran.code == 1
    assert ran.complaint.startswith(f"tidemark: {complaint}")


async def test_a_letter_is_listed_requeued_and_gone(
    kafka: Broker, database_url: str, tmp_path: Path
) -> None:
    url = f"kafka://{kafka.address}?prefix=cli{next(_numbers)}"
    env = {"TIDEMARK_BUS": url, "TIDEMARK_LOG": database_url}
    ensure_topics(Bus.parse(url))
    letters, marks = DeadLetters(Bus.parse(url)), StuckViews(database_url)
    stuck = Stuck(view="orders", stream="account-A1", version=7, position=7, error="boom")
    await marks.mark(1, stuck)
    for view in ("orders", "positions"):
        letters.publish(encode([event(7, "A1")]), view, 1, 7, error="boom")

    listed = tidemark("relay", "dead", "list", data_dir=tmp_path, env=env)
    assert listed.lines == [
        "orders, partition 1: account-A1@7 (position 7): boom",
        "positions, partition 1: account-A1@7 (position 7): boom [past it]",
    ]
    unknown = tidemark("relay", "dead", "requeue", "nothing", data_dir=tmp_path, env=env)
    assert unknown.code == 2 and "no view 'nothing'" in unknown.complaint
    again = tidemark("relay", "dead", "requeue", "orders", "--json", data_dir=tmp_path, env=env)
    assert again.json["again"] == [{"view": "orders", "partition": 1}]
    assert [a["view"] for a in again.json["answered"]] == ["orders"]
    assert await marks.all() == {}
    left = tidemark("relay", "dead", "list", "--json", data_dir=tmp_path, env=env)
    assert [(f["view"], f["stuck"]) for f in left.json["letters"]] == [("positions", False)]
    await marks.close()
