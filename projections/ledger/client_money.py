"""Client money: what the firm owes its clients in cash, and the money it holds for them.

Domain rules 20 and 22. Per currency and close, summed over the rows of the client estate:

    resource    = C.NOSTRO                                     at the banks, as they say
    requirement = sum of max(0, settled) over accounts + in flight + owed to authorities
    due         = -C.DUE                                       ours among it, to be swept
    resource    = settled + in flight + tax + due              always, by double entry

A client in debit covers nobody: his shortfall is the firm's to fund, so the requirement counts
only what is owed. Rows without an account are sharded by home; `standing` sums them.

Units: money at the currency's minor unit, positive as named.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar

from msgspec import Struct

from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.engine.exact import ZERO, add, subtract, total
from projections.engine.posted import POSTING, is_cash, posted
from projections.engine.shard import shard
from projections.ports import NOWHERE, Audience, Key, Row

NAME = "client_money"
VERSION = 1
AUDIENCE = Audience.OWN
HOME = NOWHERE


class Money(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("account_id", "currency", "shard")

    account_id: str  # "": of no single account
    currency: str
    shard: int
    settled: Decimal = ZERO  # owed to the client, less what is unsettled with the market
    in_flight: Decimal = ZERO  # payments, transfers, unallocated receipts, entitlements
    tax: Decimal = ZERO  # owed to authorities
    due: Decimal = ZERO  # owed to the firm
    resource: Decimal = ZERO  # at the banks


class Standing(Struct, frozen=True, kw_only=True):
    """One currency's figures at a close."""

    currency: str
    requirement: Decimal
    resource: Decimal
    due: Decimal
    in_debit: Decimal  # what clients below zero owe; to be funded by the firm

    @property
    def excess(self) -> Decimal:
        """Above zero: to be swept or explained; below: to be topped up today."""
        return subtract(self.resource, self.requirement)


ROW: type[Row] = Money
READS: frozenset[type[Event]] = POSTING
_FIELDS = {
    "C.CASH": "settled",
    "C.STREET": "settled",
    "C.CA": "settled",
    "C.ENT": "in_flight",
    "C.PAYOUT": "in_flight",
    "C.XFER": "in_flight",
    "C.UNALLOC": "in_flight",
    "C.TAX": "tax",
    "C.DUE": "due",
    "C.NOSTRO": "resource",
}


def facts(arrived: Envelope) -> Iterable[tuple[Key, dict[str, Decimal]]]:
    sums: dict[Key, dict[str, Decimal]] = {}
    for p in posted(arrived):
        field = _FIELDS.get(p.account)
        if field is None or not is_cash(p):
            continue
        key = (p.owner, p.unit, 0 if p.owner else shard(arrived.home))
        of_key = sums.setdefault(key, {})
        owed = p.amount if field == "resource" else -p.amount
        of_key[field] = add(of_key.get(field, ZERO), owed)
    return sums.items()


def fold(row: Money | None, key: Key, fact: dict[str, Decimal]) -> Money:
    account_id, currency, in_shard = key
    row = row or Money(account_id=account_id, currency=currency, shard=in_shard)
    return Money(
        account_id=account_id,
        currency=currency,
        shard=in_shard,
        settled=add(row.settled, fact.get("settled", ZERO)),
        in_flight=add(row.in_flight, fact.get("in_flight", ZERO)),
        tax=add(row.tax, fact.get("tax", ZERO)),
        due=add(row.due, fact.get("due", ZERO)),
        resource=add(row.resource, fact.get("resource", ZERO)),
    )


def standing(rows: Iterable[Money], currency: str) -> Standing:
    """Requirement against resource in one currency."""
    of_currency = [row for row in rows if row.currency == currency]
    owed = [max(ZERO, row.settled) for row in of_currency]
    shared = [add(row.in_flight, row.tax) for row in of_currency]
    return Standing(
        currency=currency,
        requirement=add(total(owed), total(shared)),
        resource=total(row.resource for row in of_currency),
        due=total(row.due for row in of_currency),
        in_debit=total(max(ZERO, -row.settled) for row in of_currency),
    )
