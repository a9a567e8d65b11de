"""The simulated custodian and bank: when they settle and book, and their faults."""

import asyncio
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from adapters.counterparties.payments import BankEntry, PaymentInstruction, PaymentStatus
from adapters.counterparties.sese import (
    CancellationAnswer,
    SettlementCancellation,
    SettlementConfirmation,
    SettlementInstruction,
    SettlementRelease,
    SettlementStatus,
)
from adapters.simulators.bank import SimulatedBank
from adapters.simulators.custodian import SimulatedCustodian, next_weekday
from adapters.simulators.misbehaviour import BankFaults, CustodianFaults
from domain.shared.fix import Side

MONDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2024, 3, d) for d in (4, 6, 7, 8))
FAR = datetime(2024, 4, 1, tzinfo=UTC)


def moment(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), UTC)


def instruction(tx_id: str = "T1", **changes: Any) -> SettlementInstruction:
    terms: dict[str, Any] = {
        "tx_id": tx_id,
        "side": Side.BUY,
        "isin": "US0378331005",
        "qty": Decimal(101),
        "amount": Decimal("5050.01"),
        "currency": "USD",
        "trade_date": MONDAY,
        "settl_date": WEDNESDAY,
        "sent_at": moment(MONDAY, 14),
    }
    return SettlementInstruction(**(terms | changes))


def payment(payment_id: str = "P1", day: date = FRIDAY) -> PaymentInstruction:
    return PaymentInstruction(
        end_to_end_id=payment_id,
        amount=Decimal("100.00"),
        currency="USD",
        sent_at=moment(day, 14),
    )


def custody(*messages: Any, to: datetime = FAR, advise: bool = False, **faults: Any) -> list[Any]:
    custodian = SimulatedCustodian(seed=3, faults=CustodianFaults(**faults), advise=advise)
    return _reports(custodian, messages, to)


def banking(*messages: Any, to: datetime = FAR, **faults: Any) -> list[Any]:
    return _reports(SimulatedBank(seed=3, faults=BankFaults(**faults)), messages, to)


def _reports(counterparty: Any, messages: tuple[Any, ...], to: datetime) -> list[Any]:
    async def run() -> list[Any]:
        out: list[Any] = []
        for message in messages:
            out += await counterparty.advance(message.sent_at)
            await counterparty.submit(message)
        return out + list(await counterparty.advance(to))

    return asyncio.run(run())


def test_an_instruction_settles_whole_on_its_date() -> None:
    assert custody(instruction(), to=moment(WEDNESDAY, 20, 59)) == []
    (result,) = custody(instruction(), to=moment(WEDNESDAY, 21))
    assert result == SettlementConfirmation(
        tx_id="T1",
        confirmation_id="T1.1",
        qty=Decimal(101),
        amount=Decimal("5050.01"),
        remaining_qty=Decimal(0),
        effective_date=WEDNESDAY,
        at=moment(WEDNESDAY, 21),
    )


def test_what_is_instructed_after_its_date_settles_at_once() -> None:
    (result,) = custody(instruction(sent_at=moment(FRIDAY, 9)))
    assert (result.at, result.effective_date) == (moment(FRIDAY, 9), FRIDAY)


def released(day: date, hour: int = 12) -> SettlementRelease:
    return SettlementRelease(tx_id="T1", sent_at=moment(day, hour))


def test_a_held_delivery_settles_only_after_its_release() -> None:
    held = instruction(side=Side.SELL, hold=True)
    assert custody(held) == []
    (on_time,) = custody(held, released(WEDNESDAY))
    assert on_time.effective_date == WEDNESDAY
    (late,) = custody(held, released(FRIDAY))
    assert (late.effective_date, late.qty) == (FRIDAY, Decimal(101))


def test_a_release_reported_twice_settles_once() -> None:
    held = instruction(side=Side.SELL, hold=True)
    assert len(custody(held, released(WEDNESDAY), released(WEDNESDAY, 13))) == 1


def test_what_fails_settles_some_business_days_later() -> None:
    days = set()
    for n in range(40):
        (result,) = custody(instruction(f"T{n}"), fail=1.0)
        days.add(result.effective_date)
    assert days == {THURSDAY, FRIDAY, date(2024, 3, 11)}


def test_a_part_settles_first_and_the_last_takes_the_remainder() -> None:
    first, last = custody(instruction(), partial=1.0)
    assert (first.qty, first.remaining_qty, first.effective_date) == (50, 51, WEDNESDAY)
    assert (last.qty, last.remaining_qty, last.effective_date) == (51, 0, THURSDAY)
    assert first.amount + last.amount == Decimal("5050.01")
    assert first.amount == Decimal("2500.00")


def test_confirmations_may_come_twice_under_one_reference() -> None:
    first, second = custody(instruction(), duplicate=1.0)
    assert first == second


def test_a_cancellation_stops_what_has_not_settled() -> None:
    call = SettlementCancellation(tx_id="T1", sent_at=moment(MONDAY, 15))
    assert custody(instruction(), call) == [
        CancellationAnswer(tx_id="T1", accepted=True, at=call.sent_at)
    ]


def test_a_cancellation_of_what_has_settled_is_denied() -> None:
    call = SettlementCancellation(tx_id="T1", sent_at=moment(FRIDAY, 15))
    confirmed, answer = custody(instruction(), call)
    assert isinstance(confirmed, SettlementConfirmation)
    assert (answer.accepted, answer.reason) == (False, "nothing to cancel")


def test_a_denied_cancellation_leaves_the_rest_to_settle() -> None:
    call = SettlementCancellation(tx_id="T1", sent_at=moment(MONDAY, 15))
    answer, confirmed = custody(instruction(), call, deny_cancel=1.0)
    assert (answer.accepted, answer.reason) == (False, "denied")
    assert isinstance(confirmed, SettlementConfirmation)


def test_statuses_are_advised_and_never_mean_settled() -> None:
    reports = custody(instruction(), advise=True, fail=1.0)
    assert [type(r) for r in reports] == [SettlementStatus] * 3 + [SettlementConfirmation]
    assert [r.status for r in reports[:3]] == ["accepted", "matched", "pending"]
    assert reports[2].at == moment(WEDNESDAY, 21)


def test_an_instruction_sent_twice_settles_once() -> None:
    again = instruction(poss_resend=True)
    assert len(custody(instruction(), again)) == 1
    late = instruction(poss_resend=True, sent_at=moment(FRIDAY, 9))
    assert len(custody(instruction(), late)) == 1


def test_the_next_weekday_skips_weekends() -> None:
    assert next_weekday("US", FRIDAY, 1) == date(2024, 3, 11)
    assert next_weekday("US", MONDAY, 4) == FRIDAY


def test_a_payment_is_booked_on_the_next_weekday() -> None:
    status, entry = banking(payment())
    assert isinstance(status, PaymentStatus) and status.status == "ACSP"
    assert entry == BankEntry(
        entry_ref="P1.DBIT",
        end_to_end_id="P1",
        amount=Decimal("100.00"),
        currency="USD",
        credit=False,
        value_date=date(2024, 3, 11),
        at=moment(date(2024, 3, 11), 9),
    )


def test_a_rejected_payment_is_never_booked() -> None:
    (status,) = banking(payment(), reject=1.0)
    assert (status.status, status.reason) == ("RJCT", "AC04")


def test_a_payment_may_come_back_after_it_was_booked() -> None:
    _, debit, credit = banking(payment(), give_back=1.0)
    assert (debit.credit, credit.credit) == (False, True)
    assert credit.at == moment(date(2024, 3, 14), 9)


def test_a_silent_bank_says_nothing_and_a_repeating_one_the_same_entry() -> None:
    assert banking(payment(), silent=1.0) == []
    _, first, second = banking(payment(), duplicate=1.0)
    assert first == second


def test_a_payment_sent_twice_is_paid_once() -> None:
    assert len(banking(payment(), payment())) == 2
