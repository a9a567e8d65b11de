"""Each check of the chaos suite finds its fault in a broken world."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain import order
from domain.account.cash import CashDeposited
from domain.order.events import OrderFilled
from domain.shared.envelope import Envelope, Metadata
from domain.shared.fix import Side
from domain.shared.message import Event
from sagas.catalogue import SAGAS
from tests.chaos.conversations import Conversations
from tests.chaos.desk import Desk
from tests.chaos.faults import Blow, kinds, schedule
from tests.chaos.journal import Journal, Promise, read
from tests.chaos.promises import Seen
from tests.unit.domain.orders import desk, place

AT = datetime(2024, 3, 4, 10, tzinfo=UTC)
PARTS = ("api", "relay", "worker-1", "worker-2", "kafka", "postgres", "redis", "warehouse")


class Log:
    """Envelopes in order."""

    def __init__(self) -> None:
        self.all: list[Envelope] = []
        self._versions: Counter[str] = Counter()

    def add(self, stream: str, message: str, event: Event, **given: Any) -> Envelope:
        self._versions[stream] += 1
        version = self._versions[stream]
        meta = Metadata(
            stream=stream, version=version, name="x", schema=1, message_id=message, actor="a",
            event_id=given.get("event_id", f"{stream}@{version}"), recorded_at=AT,
            request_hash="", home=stream,
        )  # fmt: skip
        position = len(self.all) + 1
        envelope = Envelope(position=position, committed_at=AT, meta=meta, event=event, hash="")
        self.all.append(envelope)
        return envelope

    def seen(self) -> Seen:
        seen = Seen()
        for envelope in self.all:
            seen.note(envelope)
        return seen


def deposit(reference: str) -> CashDeposited:
    money = {"amount": Decimal(1), "currency": "USD", "reference": reference}
    return CashDeposited(account_id="A", available_on=AT.date(), value_date=AT.date(), **money)


def placed() -> Event:
    (event,) = order.decide(place(), order.INITIAL, desk())
    assert isinstance(event, Event)
    return event


def fill(number: int) -> OrderFilled:
    """All of the order, each time."""
    return OrderFilled(
        order_id="O1", account_id="A1", instrument_id="AAPL", isin="US0378331005", side=Side.BUY,
        exec_id=f"E{number}", trade_id=f"T{number}", venue_order_id="V1", last_qty=Decimal(100),
        last_px=Decimal(50), currency="USD", gross=Decimal(5000), transact_time=AT,
        trade_date=AT.date(), settl_date=AT.date(),
    )  # fmt: skip


def promise(key: str, version: int, position: int, status: int = 201) -> Promise:
    return Promise(key, "DepositCash", status, "account-A", version, position)


@pytest.fixture
def log() -> Log:
    made = Log()
    made.add("account-A", "k1", deposit("r1"))
    made.add("account-A", "k2", deposit("r2"))
    return made


def test_kept_promises_are_neither_lost_nor_doubled(log: Log) -> None:
    result = [promise("k1", 1, 1), promise("k2", 2, 2)]
    assert log.seen().lost(result) == [] == log.seen().doubled(result)


def test_an_answer_without_its_event_is_lost(log: Log) -> None:
    assert len(log.seen().lost([promise("k3", 3, 3)])) == 1


def test_an_answer_that_named_another_place_is_lost(log: Log) -> None:
    assert len(log.seen().lost([promise("k1", 1, 2)])) == 1


def test_a_refusal_that_was_done_all_the_same_is_found(log: Log) -> None:
    refused = Promise("k1", "DepositCash", 422, "", 0, 0)
    assert len(log.seen().doubled([refused])) == 1


def test_a_command_done_in_two_goes_is_doubled(log: Log) -> None:
    log.add("account-A", "k1", deposit("r3"))
    assert len(log.seen().doubled([])) == 1


def test_a_fact_that_is_there_twice_is_doubled(log: Log) -> None:
    log.add("account-A", "k3", deposit("r1"))
    assert len(log.seen().doubled([])) == 1


def test_an_event_id_that_is_there_twice_is_doubled(log: Log) -> None:
    log.add("account-A", "k3", deposit("r3"), event_id="account-A@1")
    assert len(log.seen().doubled([])) == 1


def test_more_executed_than_was_ordered_is_doubled(log: Log) -> None:
    log.add("order-O1", "k3", placed())
    for number in (1, 2):
        log.add("order-O1", f"fill{number}", fill(number))
    found = log.seen().doubled([])
    assert len(found) == 1 and found[0].startswith("O1: 200 executed of 100")


def test_a_saga_that_waits_for_nothing_is_stuck(log: Log) -> None:
    conversations = Conversations({})
    log.add("order-O1", "k3", placed())
    for envelope in log.all:
        conversations.note(envelope)
    assert ["order O1 waits for nothing" in line for line in conversations.stuck()] == [True]


class NothingKept:
    """A database without a row."""

    def execute(self, _: str) -> Any:
        return self

    def fetchall(self) -> list[Any]:
        return []


def test_a_sagas_row_is_the_fold_of_the_log_up_to_its_checkpoint(log: Log) -> None:
    log.add("order-O1", "k3", placed())
    log.add("order-O1", "fill1", fill(1))
    for stands, rows in ((0, set[str]()), (len(log.all), {"order"})):
        conversations = Conversations({"order": stands})
        for envelope in log.all:
            conversations.note(envelope)
        found = conversations.wrong(NothingKept(), rested=0)
        assert {line.split(" ")[0] for line in found} == rows
    found = conversations.wrong(NothingKept(), rested=len(log.all) + 1)
    assert sum("stands at" in line for line in found) == len(SAGAS)


def test_questions_and_answers_of_the_journal_are_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.asked("k1", "DepositCash")
    journal.asked("k2", "PlaceOrder")
    journal.answered("k1", 201, {"stream": "account-A", "version": 1, "position": 7})
    result, asked = read(tmp_path / "j")
    assert result == [promise("k1", 1, 7)]
    assert asked == {"k1": "DepositCash", "k2": "PlaceOrder"}


def test_every_kind_comes_and_a_seed_makes_the_schedule() -> None:
    every = kinds(PARTS, disk=True)
    groups = schedule(every, count=24, seed=5)
    dealt = [blow for group in groups for blow in group]
    assert len(dealt) == 24 and set(dealt) == set(every)
    assert groups == schedule(every, count=24, seed=5) != schedule(every, count=24, seed=6)


def test_a_full_disk_comes_alone_and_no_part_is_hit_twice_at_once() -> None:
    for seed in range(200):
        for group in schedule(kinds(PARTS, disk=True), count=24, seed=seed):
            assert Blow("disk full") not in group or len(group) == 1
            hit = {blow.target for blow in group}
            assert not (Blow("connections cut") in group and "postgres" in hit)
            assert len({blow.target for blow in group}) == len(group)


def test_a_desk_asks_the_same_again_for_the_same_seed() -> None:
    first, second = Desk(1, 7, 8), Desk(1, 7, 8)
    assert [first.next() for _ in range(200)] == [second.next() for _ in range(200)]
