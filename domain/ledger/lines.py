"""Functions that write entries: lines of the chart, entries of two lines, entries of many lots."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from domain.ledger.chart import BANK, CUSTODIAN, Entry, Posting
from domain.rules.lots import LotMove

Line = tuple[str, str, str]
"""Account, owner, ref."""

NOSTRO: Line = ("C.NOSTRO", "", BANK)
DEPOT: Line = ("C.DEPOT", "", CUSTODIAN)
HOUSE_BANK: Line = ("H.NOSTRO", "", BANK)
CONTRA: Line = ("M.CONTRA", "", "")
C_DUE: Line = ("C.DUE", "", "")
H_DUE: Line = ("H.DUE", "", "")


def cash_of(account_id: str) -> Line:
    return ("C.CASH", account_id, "")


def hold_of(account_id: str, ref: str) -> Line:
    return ("M.HOLD", account_id, ref)


def street_of(account_id: str, ref: str) -> Line:
    return ("C.STREET", account_id, ref)


def move(
    rule: str,
    debit: Line,
    credit: Line,
    unit: str,
    *,
    amount: Decimal,
    trade_date: date | None = None,
    value_date: date | None = None,
) -> tuple[Entry, ...]:
    """One entry of two lines; a negative amount swaps them, and a zero amount makes no entry."""
    if not amount:
        return ()
    debited = Posting(
        account=debit[0],
        owner=debit[1],
        ref=debit[2],
        unit=unit,
        amount=amount,
        trade_date=trade_date,
        value_date=value_date,
    )
    credited = Posting(
        account=credit[0],
        owner=credit[1],
        ref=credit[2],
        unit=unit,
        amount=-amount,
        trade_date=trade_date,
        value_date=value_date,
    )
    return (Entry(rule=rule, postings=(debited, credited)),)


def shares(
    rule: str,
    account_id: str,
    against: Sequence[tuple[Line, Decimal]],
    isin: str,
    *,
    moves: Iterable[LotMove],
    trade_date: date | None = None,
    value_date: date | None = None,
) -> tuple[Entry, ...]:
    """One entry that moves shares into or out of lots (credit C.SEC), against the given lines."""
    lines = [(line, amount) for line, amount in against if amount]
    lines += [(("C.SEC", account_id, m.lot_id), -m.qty) for m in moves if m.qty]
    postings = tuple(
        Posting(
            account=account,
            owner=owner,
            ref=ref,
            unit=isin,
            amount=amount,
            trade_date=trade_date,
            value_date=value_date,
        )
        for (account, owner, ref), amount in lines
    )
    return (Entry(rule=rule, postings=postings),) if postings else ()
