"""Cash: what an account has in each currency, from its postings (domain.md rule 3).

    traded   = -C.CASH                    trade date: the balance once every trade has settled
    settled  = -(C.CASH + C.STREET)       confirmed by the bank
    reserved = -M.HOLD                    open holds of orders and withdrawals

Deposits stay uncollected until a date. A view has no clock, so the row lists them and `available`
takes a day. A later deposit drops those that are available by its value date, as in the account's
own state: the view shows the figures that the account decides by. A deposit is identified by the
digest of its reference: the reference itself may name a person, and is sealed in the event.

Units: money at the currency's minor unit.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import ClassVar

from msgspec import Struct, json

from domain.account.cash import CashDeposited, DepositReturned
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from domain.shared.money import ZERO
from projections.engine.exact import add, subtract, total
from projections.engine.posted import CURRENCIES, POSTING, posted
from projections.engine.words import listed
from projections.ports import Audience, Home, Key, Row

NAME = "cash"
VERSION = 3
AUDIENCE = Audience.OWN
HOME = Home("account_id", "account")


class Cash(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("account_id", "currency")

    account_id: str
    currency: str
    traded: Decimal = ZERO
    settled: Decimal = ZERO
    reserved: Decimal = ZERO
    uncollected: str = "[]"  # JSON: [[available_on, amount, reference_hmac], ...]


class Moved(Struct, frozen=True):
    """What one event posts to the account in this currency; + is debit."""

    cash: Decimal = ZERO
    street: Decimal = ZERO
    held: Decimal = ZERO


class Deposited(Struct, frozen=True):
    available_on: date
    amount: Decimal
    reference: str  # its digest
    value_date: date


class Returned(Struct, frozen=True):
    amount: Decimal
    reference: str  # its digest


Fact = Moved | Deposited | Returned
Items = list[tuple[date, Decimal, str]]

ROW: type[Row] = Cash
READS: frozenset[type[Event]] = POSTING
_FIELDS = {"C.CASH": 0, "C.STREET": 1, "M.HOLD": 2}
_items = json.Decoder(Items).decode


def facts(arrived: Envelope) -> Iterable[tuple[Key, Fact]]:
    sums: dict[Key, list[Decimal]] = {}
    for p in posted(arrived):
        field = _FIELDS.get(p.account)
        if field is not None and p.owner and p.unit in CURRENCIES:
            of_key = sums.setdefault((p.owner, p.unit), [ZERO, ZERO, ZERO])
            of_key[field] = add(of_key[field], p.amount)
    found: list[tuple[Key, Fact]] = [(key, Moved(*moved)) for key, moved in sums.items()]
    match arrived.event:
        case CashDeposited(available_on=date() as on) as e:
            deposited = Deposited(on, e.amount, e.reference_hmac, e.value_date)
            found.append(((e.account_id, e.currency), deposited))
        case DepositReturned() as e:
            found.append(((e.account_id, e.currency), Returned(e.amount, e.reference_hmac)))
    return found


def fold(row: Cash | None, key: Key, fact: Fact) -> Cash:
    account_id, currency = key
    row = row or Cash(account_id=account_id, currency=currency)
    uncollected = row.uncollected
    match fact:
        case Deposited(on, amount, reference, value_date):
            items = [item for item in _items(uncollected) if item[0] > value_date]
            uncollected = listed([*items, (on, amount, reference)])
        case Returned(amount, reference) if uncollected != "[]":
            uncollected = listed(_without(_items(uncollected), reference, amount))
        case _:
            pass
    moved = fact if isinstance(fact, Moved) else _STILL
    return Cash(
        account_id=account_id,
        currency=currency,
        traded=subtract(row.traded, moved.cash),
        settled=subtract(subtract(row.settled, moved.cash), moved.street),
        reserved=subtract(row.reserved, moved.held),
        uncollected=uncollected,
    )


def uncollected(row: Cash, on: date) -> Decimal:
    """Deposits that are not collected on a day: they count from their `available_on`."""
    return total(amount for day, amount, _ in _items(row.uncollected) if day > on)


def available(row: Cash, on: date) -> Decimal:
    """What may be traded with; below zero when the account is in debit. No credit line yet."""
    return subtract(subtract(row.traded, row.reserved), uncollected(row, on))


def withdrawable(row: Cash, on: date) -> Decimal:
    """What may be paid out: never unsettled proceeds, never below zero."""
    free = subtract(min(row.settled, row.traded), row.reserved)
    return max(ZERO, subtract(free, uncollected(row, on)))


def _without(items: Items, reference: str, amount: Decimal) -> Items:
    """Take a returned amount off the uncollected deposits that have its reference."""
    kept, rest = Items(), amount
    for day, open_amount, of in items:
        part = min(rest, open_amount) if of == reference else ZERO
        rest = subtract(rest, part)
        if open_amount > part:
            kept.append((day, subtract(open_amount, part), of))
    return kept


_STILL = Moved()
