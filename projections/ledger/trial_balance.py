"""Trial balance: debit and credit totals per book, account of the chart and unit.

Sharded by home like the house rows of `balances`; readers sum the shards. Each entry is zero per
(book, unit), so each (book, unit, shard) is: debit = credit.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar, NamedTuple

from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.engine.exact import ZERO, add, subtract
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


class Sum(NamedTuple):
    debit: Decimal
    credit: Decimal


ROW: type[Row] = Line
READS: frozenset[type[Event]] = POSTING


def facts(arrived: Envelope) -> Iterable[tuple[Key, Sum]]:
    sums: dict[Key, Sum] = {}
    for p in posted(arrived):
        key = (p.book, p.account, p.unit, shard(arrived.home))
        debit, credit = sums.get(key, (ZERO, ZERO))
        if p.amount > 0:
            sums[key] = Sum(add(debit, p.amount), credit)
        else:
            sums[key] = Sum(debit, subtract(credit, p.amount))
    return sums.items()


def fold(row: Line | None, key: Key, fact: Sum) -> Line:
    book, account, unit, in_shard = key
    return Line(
        book=book, account=account, unit=unit, shard=in_shard,
        debit=fact.debit if row is None else add(row.debit, fact.debit),
        credit=fact.credit if row is None else add(row.credit, fact.credit),
    )  # fmt: skip
