"""The simulated custodian: matches at once, settles on the settlement date, or fails for a while.

    sese.023 -> accepted, matched -> at 21:00 UTC of the settlement date: sese.025
                                          `-fails: pending, then sese.025 k business days later
                                          `-partial: half of it now, the rest a business day later
    sese.020 -> sese.027: cancelled, or denied when it has settled

Like the venue it keeps no file: its behaviour depends only on the seed, the instructions and the
times at which they were sent.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from adapters.counterparties.sese import (
    CancellationAnswer,
    FromCustodian,
    SettlementCancellation,
    SettlementConfirmation,
    SettlementInstruction,
    SettlementRelease,
    SettlementStatus,
    ToCustodian,
)
from adapters.simulators.dice import happens, throw
from adapters.simulators.mailbox import Mailbox
from adapters.simulators.misbehaviour import CustodianFaults
from domain.settlement.events import Advice, StatusKind
from domain.shared.money import round_money

CYCLE = time(21, 0, tzinfo=UTC)  # the day's last settlement run

NextDay = Callable[[str, date, int], date]
"""(country, day, n) -> the n-th settlement day after `day`."""


def next_weekday(country: str, day: date, n: int) -> date:
    """The n-th weekday after `day`; it ignores holidays."""
    while n:
        day += timedelta(days=1)
        n -= day.weekday() < 5
    return day


class Part(Struct, frozen=True):
    """The part of an instruction that settles in one run. `number` 1: the whole; 1, 2: halves."""

    number: int
    at: datetime
    qty: Decimal
    amount: Decimal
    remaining: Decimal


class Held(Struct, kw_only=True):
    instruction: SettlementInstruction
    parts: list[Part]  # not settled yet
    on_hold: bool = False  # it does not settle before its release


class SimulatedCustodian:
    """Implements `adapters.counterparties.sese.Custodian`.

    Args:
        seed: of the faults.
        faults: probabilities of misbehaviour; all 0 by default.
        next_day: settlement days of a market; weekdays by default.
        advise: whether to send statuses besides confirmations and cancellation answers.
    """

    def __init__(
        self,
        *,
        seed: int,
        faults: CustodianFaults | None = None,
        next_day: NextDay = next_weekday,
        advise: bool = True,
    ) -> None:
        self._seed, self._faults = seed, faults or CustodianFaults()
        self._next_day, self._advise = next_day, advise
        self._known: set[str] = set()
        self._held: dict[str, Held] = {}  # instructions that are not wholly settled
        self._cancelled: dict[str, datetime] = {}  # cancellation requests, and when they were sent
        self._mailbox: Mailbox[FromCustodian] = Mailbox()

    async def submit(self, message: ToCustodian) -> None:
        match message:
            case SettlementInstruction() if message.tx_id not in self._known:
                self._take(message)
            case SettlementRelease():
                self._release(message)
            case SettlementCancellation() if message.tx_id not in self._cancelled:
                self._cancelled[message.tx_id] = message.sent_at
                self._cancel(message)

    async def advance(self, to: datetime) -> list[FromCustodian]:
        for held in list(self._held.values()):
            self._settle(held, to)
        return self._mailbox.take(to)

    def _take(self, message: SettlementInstruction) -> None:
        self._known.add(message.tx_id)
        parts = [] if message.hold else self._plan(message)
        self._held[message.tx_id] = Held(instruction=message, parts=parts, on_hold=message.hold)
        if self._advise:
            self._status(message, StatusKind.PROCESSING, Advice.ACCEPTED, at=message.sent_at)
            self._status(message, StatusKind.MATCHING, Advice.MATCHED, at=message.sent_at)
            if self._fails(message):
                due = self._due(message)
                self._status(message, StatusKind.SETTLEMENT, Advice.PENDING, at=due, why="LACK")

    def _release(self, message: SettlementRelease) -> None:
        """Let a held instruction settle from now on: on its date, or at once if that has passed."""
        held = self._held.get(message.tx_id)
        if held is not None and held.on_hold:
            held.on_hold = False
            held.parts = self._plan(replace(held.instruction, sent_at=message.sent_at))

    def _plan(self, message: SettlementInstruction) -> list[Part]:
        """The parts in which an instruction will settle, with their times."""
        first, tx_id = self._due(message), message.tx_id
        if self._fails(message):
            days = 1 + int(throw(self._seed, "days", tx_id) * self._faults.fail_days_max)
            first = self._later(message, first, days)
        half = message.qty // 2
        if half == 0 or not happens(self._faults.partial, self._seed, "partial", tx_id):
            return [Part(1, first, message.qty, message.amount, Decimal(0))]
        paid = round_money(message.amount * half / message.qty, message.currency)
        rest = message.qty - half
        return [
            Part(1, first, half, paid, rest),
            Part(2, self._later(message, first, 1), rest, message.amount - paid, Decimal(0)),
        ]

    def _due(self, message: SettlementInstruction) -> datetime:
        """The run of the settlement date; an instruction sent after it settles when it is sent."""
        return max(datetime.combine(message.settl_date, CYCLE), message.sent_at)

    def _later(self, message: SettlementInstruction, at: datetime, days: int) -> datetime:
        return datetime.combine(self._next_day(message.country, at.date(), days), CYCLE)

    def _fails(self, message: SettlementInstruction) -> bool:
        return happens(self._faults.fail, self._seed, "fail", message.tx_id)

    def _settle(self, held: Held, to: datetime) -> None:
        if held.on_hold:
            return
        while held.parts and held.parts[0].at <= to:
            self._confirm(held.instruction, held.parts.pop(0))
        if not held.parts:
            self._held.pop(held.instruction.tx_id, None)

    def _confirm(self, message: SettlementInstruction, part: Part) -> None:
        answer = SettlementConfirmation(
            tx_id=message.tx_id,
            confirmation_id=f"{message.tx_id}.{part.number}",
            qty=part.qty,
            amount=part.amount,
            remaining_qty=part.remaining,
            effective_date=part.at.date(),
            at=part.at,
        )
        self._mailbox.post(answer, at=part.at, label=answer.confirmation_id)
        if happens(self._faults.duplicate, self._seed, "duplicate", answer.confirmation_id):
            again = part.at + timedelta(minutes=1)
            self._mailbox.post(answer, at=again, label=answer.confirmation_id)

    def _cancel(self, message: SettlementCancellation) -> None:
        held = self._held.get(message.tx_id)
        if held is not None:
            self._settle(held, message.sent_at)
        denied = happens(self._faults.deny_cancel, self._seed, "deny", message.tx_id)
        accepted = message.tx_id in self._held and not denied
        if accepted:
            del self._held[message.tx_id]
        reason = "" if accepted else ("denied" if denied else "nothing to cancel")
        answer = CancellationAnswer(
            tx_id=message.tx_id, accepted=accepted, reason=reason, at=message.sent_at
        )
        self._mailbox.post(answer, at=message.sent_at, label=f"{message.tx_id}.cancel")

    def _status(
        self,
        message: SettlementInstruction,
        kind: StatusKind,
        status: str,
        *,
        at: datetime,
        why: str = "",
    ) -> None:
        answer = SettlementStatus(tx_id=message.tx_id, kind=kind, status=status, reason=why, at=at)
        self._mailbox.post(answer, at=at, label=message.tx_id)
