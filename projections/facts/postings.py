"""The table `postings`: every line of the journal."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import ClassVar

from domain import ledger
from domain.shared.envelope import Envelope
from projections.facts.base import Fact, Repeating


class PostingFact(Fact, frozen=True, kw_only=True):
    TABLE: ClassVar[str] = "postings"

    rule: Repeating  # line of the journal: which entry of the event
    book: Repeating  # C client estate, H house, M memo
    account: Repeating  # of the chart: C.CASH
    owner: str  # account id
    ref: str  # lot, obligation, payment, order, tax authority, bank or custodian account
    unit: Repeating  # currency or ISIN
    amount: Decimal  # + debit, - credit
    trade_date: date
    value_date: date
    booking_date: date


def posting_facts(arrived: Envelope) -> Sequence[PostingFact]:
    entries = ledger.entries(arrived.event)
    if not entries:
        return ()
    effective, booked = arrived.effective_at.date(), arrived.meta.recorded_at.date()
    return [
        PostingFact(
            rule=entry.rule,
            book=posting.account[0],  # `posting.book` without the call: most rows are these
            account=posting.account,
            owner=posting.owner,
            ref=posting.ref,
            unit=posting.unit,
            amount=posting.amount,
            trade_date=(traded := posting.trade_date or effective),
            value_date=posting.value_date or traded,
            booking_date=booked,
        )
        for entry in entries
        for posting in entry.postings
    ]
