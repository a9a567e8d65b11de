"""Balances: the general ledger, one row per account of the chart and key.

    every posting --> (account, owner, ref, unit, shard): debit, credit, amount = debit - credit

House and estate accounts (no owner) get postings from many homes and are split by `shard`; readers
sum the shards. A row of an open item (an obligation, a lot, a hold, a payment in flight) is deleted
at zero, so the open items bound the table; a transfer's two halves are in the shards of its two
accounts. All other rows stay at zero, with their turnover.

Units: minor units of a currency, or pieces of an ISIN. + debit, - credit.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar

from domain.ledger import CLEARING
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from domain.shared.money import ZERO
from projections.engine.exact import add, subtract
from projections.engine.posted import POSTING, posted
from projections.engine.shard import shard
from projections.ports import NOWHERE, Audience, Key, Row

NAME = "balances"
VERSION = 1
AUDIENCE = Audience.OWN
HOME = NOWHERE

ITEMS = CLEARING | {"C.SEC"}
"""Accounts of open items: their rows are deleted at zero."""


class Balance(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("account", "owner", "ref", "unit", "shard")

    account: str  # the chart's name, "C.CASH"
    owner: str  # account id, or ""
    ref: str  # lot, obligation, payment, order, authority, bank account
    unit: str
    shard: int
    debit: Decimal
    credit: Decimal
    amount: Decimal  # debit - credit


Sum = tuple[Decimal, Decimal]
"""Debit, credit."""


ROW: type[Row] = Balance
READS: frozenset[type[Event]] = POSTING


def facts(arrived: Envelope) -> Iterable[tuple[Key, Sum]]:
    """One sum per row and event: an item that the event opens and closes leaves no row."""
    sums: dict[Key, Sum] = {}
    in_shard = shard(arrived.home)
    for p in posted(arrived):
        owner, amount = p.owner, p.amount
        key = (p.account, owner, p.ref, p.unit, 0 if owner else in_shard)
        more = (amount, ZERO) if amount > ZERO else (ZERO, subtract(ZERO, amount))
        if (sofar := sums.get(key)) is not None:
            more = add(sofar[0], more[0]), add(sofar[1], more[1])
        sums[key] = more
    return sums.items()


def fold(row: Balance | None, key: Key, fact: Sum) -> Balance | None:
    debit, credit = fact
    if row is not None:
        debit, credit = add(row.debit, debit), add(row.credit, credit)
    amount = subtract(debit, credit)
    account, owner, ref, unit, in_shard = key
    if not amount and account in ITEMS:
        return None
    return Balance(
        account=account, owner=owner, ref=ref, unit=unit, shard=in_shard,
        debit=debit, credit=credit, amount=amount,
    )  # fmt: skip
