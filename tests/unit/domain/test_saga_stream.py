"""Saga streams: the answers to a saga's commands, as events."""

from datetime import UTC, datetime, timedelta

from domain import saga
from domain.saga import CommandRefused, DeadlinePassed, PassDeadline, RecordRefusal
from domain.shared.message import Seen
from tests.unit.domain.scenario import given

DUE = datetime(2024, 3, 6, 23, tzinfo=UTC)
deadline = {"saga": "settlement", "saga_id": "T1", "name": "unsettled_at_close", "due_at": DUE}
passed = DeadlinePassed(**deadline)  # type: ignore[arg-type]
refusal = {
    "saga": "order",
    "saga_id": "O1",
    "command": "ReserveForOrder",
    "refusal": "insufficient_funds",
    "state": {"required": "10"},
    "target": "account-A1",
    "refused_id": "order-O1@1#order.0",
}


def test_a_stream_is_named_after_its_saga_and_is_its_own_home() -> None:
    command = PassDeadline(**deadline)  # type: ignore[arg-type]
    assert saga.stream(command) == "saga_settlement-T1"
    assert saga.home(saga.INITIAL, "saga_settlement-T1") == "saga_settlement-T1"
    assert saga.reads(command) == () and saga.key(command) == "T1"


def test_a_refusal_is_recorded_with_what_caused_it() -> None:
    recorded = RecordRefusal(**refusal)  # type: ignore[arg-type]
    given(saga).when(recorded).then(CommandRefused(**refusal))  # type: ignore[arg-type]


def test_a_deadline_passes_once() -> None:
    given(saga).when(PassDeadline(**deadline)).then(passed)  # type: ignore[arg-type]
    given(saga, passed).when(PassDeadline(**deadline)).then()  # type: ignore[arg-type]


def test_the_same_deadline_at_another_moment_passes_again() -> None:
    later = deadline | {"due_at": DUE + timedelta(days=1)}
    given(saga, passed).when(PassDeadline(**later), seen=Seen()).then(DeadlinePassed(**later))  # type: ignore[arg-type]
