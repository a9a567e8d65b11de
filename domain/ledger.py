"""The ledger: every posting event to balanced journal entries, by the chart of accounts.

    event --entries--> (Entry, ...)   each zero per (book, unit)

An event posts whole or not at all, and each fact is posted by exactly one event type.
+ is debit, - is credit; a client's cash balance shown is -sum(C.CASH).
"""

from datetime import date
from decimal import Decimal

from msgspec import Struct


class Posting(Struct, frozen=True, kw_only=True):
    """One line. `account` is the chart's name ("C.CASH"); [owner, ref] is its key."""

    account: str
    unit: str  # ISO 4217 currency or ISIN
    amount: Decimal  # signed: + debit, - credit
    owner: str = ""  # account id: C.CASH C.SEC C.STREET C.ENT M.HOLD M.FEE H.ACCRUED
    ref: str = ""  # lot, obligation, payment, order, tax authority, bank or custodian account
    trade_date: date | None = None  # None: the date the event is effective
    value_date: date | None = None

    @property
    def book(self) -> str:
        """C client estate, H house, M memo."""
        return self.account[0]


class Entry(Struct, frozen=True, kw_only=True):
    rule: str  # which line of the journal it is, "J4 stock"
    postings: tuple[Posting, ...]
