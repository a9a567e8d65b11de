"""The bank, as ISO 20022 names its payment messages."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from msgspec import Struct


class PaymentInstruction(Struct, frozen=True, kw_only=True, tag="pain.001"):
    """Pays to the account's verified reference bank account; the payee is never sent in clear."""

    end_to_end_id: str  # our payment
    amount: Decimal
    currency: str
    sent_at: datetime
    poss_resend: bool = False


class PaymentStatus(Struct, frozen=True, kw_only=True, tag="pain.002"):
    """For information: only a rejection leads to a booking."""

    end_to_end_id: str
    status: str  # ACTC ACCP ACSP RJCT
    reason: str = ""
    at: datetime
    source: str = ""  # the recorded message that carried it, `stream@version`


class BankEntry(Struct, frozen=True, kw_only=True, tag="camt.054"):
    """A booked (BOOK) entry on the client money account: a debit, or its return (a credit)."""

    entry_ref: str  # the bank's, unique
    end_to_end_id: str
    amount: Decimal
    currency: str
    credit: bool  # money came back
    reason: str = ""
    value_date: date
    at: datetime
    source: str = ""  # the recorded message that carried it, `stream@version`


ToBank = PaymentInstruction
FromBank = PaymentStatus | BankEntry


class Bank(Protocol):
    async def submit(self, message: ToBank, /) -> None: ...

    async def advance(self, to: datetime, /) -> Sequence[FromBank]: ...
