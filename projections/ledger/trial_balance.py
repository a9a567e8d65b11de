"""Trial balance: debit and credit totals per book, account of the chart and unit.

Sharded by home like the house rows of `balances`; readers sum the shards. Each entry is zero per
(book, unit), and so is each (book, unit, shard): debit = credit.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar

from domain.shared.envelope import Envelope
from domain.shared.message import Event
from domain.shared.money import ZERO
from projections.engine.exact import add, subtract
from projections.engine.posted import POSTING, posted
from projections.engine.shard import shard
from projections.ports import NOWHERE, Audience, Key, Row

NAME = "trial_balance"
VERSION = 1
AUDIENCE = Audience.OPERATIONS
HOME = NOWHERE


class Line(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("book", "account", "unit", "shard")

    book: str  # C client estate, H house, M memo
    account: str
    unit: str
    shard: int
    debit: Decimal
    credit: Decimal


Sum = tuple[Decimal, Decimal]
"""Debit, credit."""


ROW: type[Row] = Line
READS: frozenset[type[Event]] = POSTING


def facts(arrived: Envelope) -> Iterable[tuple[Key, Sum]]:
    sums: dict[Key, Sum] = {}
    in_shard = shard(arrived.home)
    for p in posted(arrived):
        account, amount = p.account, p.amount
        key = (account[0], account, p.unit, in_shard)  # `p.book`, without the call
        more = (amount, ZERO) if amount > ZERO else (ZERO, subtract(ZERO, amount))
        if (sofar := sums.get(key)) is not None:
            more = add(sofar[0], more[0]), add(sofar[1], more[1])
        sums[key] = more
    return sums.items()


def fold(row: Line | None, key: Key, fact: Sum) -> Line:
    book, account, unit, in_shard = key
    debit, credit = fact
    if row is not None:
        debit, credit = add(row.debit, debit), add(row.credit, credit)
    return Line(book=book, account=account, unit=unit, shard=in_shard, debit=debit, credit=credit)
