"""The simulated bank: accepts payments, books them on the next weekday, rejects or returns some.

    pain.001 -> pain.002 ACSP -> 09:00 UTC of the next weekday: camt.054 BOOK
                                     `-some weekdays later: camt.054 credit (returned)
             -> pain.002 RJCT (an hour later)

Like the venue it keeps no file: its behaviour depends only on the seed, the payments and the times
at which they were sent.
"""

from datetime import UTC, datetime, time, timedelta

from adapters.counterparties.payments import (
    BankEntry,
    FromBank,
    PaymentInstruction,
    PaymentStatus,
    ToBank,
)
from adapters.simulators.custodian import next_weekday
from adapters.simulators.dice import happens
from adapters.simulators.mailbox import Mailbox
from adapters.simulators.misbehaviour import BankFaults

MORNING = time(9, 0, tzinfo=UTC)
REJECTED_AFTER = timedelta(hours=1)
RETURNED_AFTER = 3  # weekdays


class SimulatedBank:
    """Implements `adapters.counterparties.payments.Bank`.

    Args:
        seed: of the faults.
        faults: probabilities of misbehaviour; all 0 by default.
    """

    def __init__(self, *, seed: int, faults: BankFaults | None = None) -> None:
        self._seed, self._faults = seed, faults or BankFaults()
        self._known: set[str] = set()
        self._mailbox: Mailbox[FromBank] = Mailbox()

    async def submit(self, message: ToBank) -> None:
        if message.end_to_end_id in self._known:
            return
        self._known.add(message.end_to_end_id)
        if self._falls("silent", message):
            return
        if self._falls("reject", message):
            self._status(message, "RJCT", "AC04", at=message.sent_at + REJECTED_AFTER)
            return
        self._status(message, "ACSP", "", at=message.sent_at)
        self._book(message)

    async def advance(self, to: datetime) -> list[FromBank]:
        return self._mailbox.take(to)

    def _book(self, message: PaymentInstruction) -> None:
        day = next_weekday("", message.sent_at.date(), 1)
        entry = _entry(message, datetime.combine(day, MORNING), credit=False)
        self._post(entry)
        if self._falls("duplicate", message):
            self._post(entry, after=timedelta(minutes=5))
        if self._falls("give_back", message):
            later = next_weekday("", day, RETURNED_AFTER)
            self._post(_entry(message, datetime.combine(later, MORNING), credit=True))

    def _post(self, entry: BankEntry, *, after: timedelta = timedelta(0)) -> None:
        self._mailbox.post(entry, at=entry.at + after, label=entry.entry_ref)

    def _status(
        self, message: PaymentInstruction, status: str, reason: str, *, at: datetime
    ) -> None:
        payment_id = message.end_to_end_id
        answer = PaymentStatus(end_to_end_id=payment_id, status=status, reason=reason, at=at)
        self._mailbox.post(answer, at=at, label=f"{payment_id}.{status}")

    def _falls(self, fault: str, message: PaymentInstruction) -> bool:
        return happens(getattr(self._faults, fault), self._seed, fault, message.end_to_end_id)


def _entry(message: PaymentInstruction, at: datetime, *, credit: bool) -> BankEntry:
    return BankEntry(
        entry_ref=f"{message.end_to_end_id}.{'RTN' if credit else 'DBIT'}",
        end_to_end_id=message.end_to_end_id,
        amount=message.amount,
        currency=message.currency,
        credit=credit,
        reason="AC04" if credit else "",
        value_date=at.date(),
        at=at,
    )
