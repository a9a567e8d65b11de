"""Client money: what the firm owes its clients in cash, and the money it holds for them.

Domain rules 20 and 22. Each account of the chart has one role (`domain.ledger.CLIENT_MONEY`), and
each role adds to one column. Per currency and close, summed over the rows of the client estate:

    resource    = C.NOSTRO                                     money at the banks
    requirement = sum of max(0, settled) over accounts + in flight + owed to authorities
    due         = -C.DUE                                       the firm's part, to be swept
    resource    = requirement - in debit + due                 always, by double entry

One client's debit reduces no other client's claim: the firm has to fund it. Entitlements (C.ENT)
and what issuers still owe (C.CA) are summed in the rows without an account, whichever client is
entitled, because C.CA is kept by event. An entitlement that its issuer has paid is required; one
that is unpaid is not. Rows without an account are sharded by home, and readers sum the shards.

Units: money at the currency's minor unit, positive as named.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar

from msgspec import Struct

from domain.ledger import CLIENT_MONEY, ClientMoney, Posting
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from domain.shared.money import ZERO, is_currency
from projections.engine.exact import add, subtract, total
from projections.engine.posted import POSTING, posted
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
    settled: Decimal = ZERO  # owed, less what is unsettled with the market or unpaid by issuers
    in_flight: Decimal = ZERO  # payments, transfers, unallocated receipts
    tax: Decimal = ZERO  # owed to authorities
    due: Decimal = ZERO  # owed to the firm
    resource: Decimal = ZERO  # at the banks


class Sums(Struct, frozen=True, kw_only=True):
    """All rows of one currency, summed."""

    owed: Decimal = ZERO  # `settled` of each account above zero
    in_debit: Decimal = ZERO  # `settled` of each account below zero, as a positive number
    shared: Decimal = ZERO  # `settled` of the rows without an account; of either sign
    in_flight: Decimal = ZERO
    tax: Decimal = ZERO
    due: Decimal = ZERO
    resource: Decimal = ZERO


class CloseFigures(Struct, frozen=True, kw_only=True):
    """One currency's figures at a close."""

    currency: str
    requirement: Decimal
    resource: Decimal
    due: Decimal
    in_debit: Decimal  # owed by clients below zero, or by issuers; to be funded by the firm

    @property
    def excess(self) -> Decimal:
        """Above zero: to be swept or explained; below: to be topped up today."""
        return subtract(self.resource, self.requirement)

    @property
    def shortfall(self) -> Decimal:
        """What has to be topped up today; zero when the resource covers the requirement."""
        return max(subtract(self.requirement, self.resource), ZERO)


ROW: type[Row] = Money
READS: frozenset[type[Event]] = POSTING
_COLUMNS = {
    ClientMoney.RESOURCE: "resource",
    ClientMoney.SETTLED: "settled",
    ClientMoney.ENTITLEMENT: "settled",
    ClientMoney.IN_FLIGHT: "in_flight",
    ClientMoney.TAX: "tax",
    ClientMoney.DUE: "due",
}
_PLACES = {
    account: (_COLUMNS[role], role is ClientMoney.ENTITLEMENT)
    for account, role in CLIENT_MONEY.items()
    if role is not ClientMoney.NONE
}
"""Account of the chart -> its column, and whether it counts in the rows without an account."""


def facts(arrived: Envelope) -> Iterable[tuple[Key, dict[str, Decimal]]]:
    return added(posted(arrived), arrived.home)


def added(postings: Iterable[Posting], home: str) -> Iterable[tuple[Key, dict[str, Decimal]]]:
    """What the postings of one home add to each row: column -> amount.

    Only money counts: a posting in a currency, on an account with a role.
    """
    sums: dict[Key, dict[str, Decimal]] = {}
    for p in postings:
        place = _PLACES.get(p.account)
        if place is None or not is_currency(p.unit):
            continue
        column, is_shared = place
        account_id = "" if is_shared else p.owner
        of_key = sums.setdefault((account_id, p.unit, 0 if account_id else shard(home)), {})
        amount = p.amount if column == "resource" else -p.amount
        of_key[column] = add(of_key.get(column, ZERO), amount)
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


def close_figures(rows: Iterable[Money], currency: str) -> CloseFigures:
    """Requirement against resource in one currency."""
    of_currency = [row for row in rows if row.currency == currency]
    of_accounts = [row.settled for row in of_currency if row.account_id]
    return close_figures_of(
        currency,
        Sums(
            owed=total(max(amount, ZERO) for amount in of_accounts),
            in_debit=total(max(-amount, ZERO) for amount in of_accounts),
            shared=total(row.settled for row in of_currency if not row.account_id),
            in_flight=total(row.in_flight for row in of_currency),
            tax=total(row.tax for row in of_currency),
            due=total(row.due for row in of_currency),
            resource=total(row.resource for row in of_currency),
        ),
    )


def close_figures_of(currency: str, sums: Sums) -> CloseFigures:
    """The figures that follow from the sums, whatever store computed these."""
    paid, unpaid = max(sums.shared, ZERO), max(-sums.shared, ZERO)
    return CloseFigures(
        currency=currency,
        requirement=total((sums.owed, paid, sums.in_flight, sums.tax)),
        resource=sums.resource,
        due=sums.due,
        in_debit=add(sums.in_debit, unpaid),
    )
