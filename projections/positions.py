"""Positions: what an account holds of each security, from its postings and its lots' moves.

    traded   = -C.SEC                    trade date
    settled  = -(C.SEC + C.STREET)       what lies at the custodian for this account
    reserved = -M.HOLD                   held for open sales
    cost, cost_base, realized            sums over the lots' moves (domain.md rule 4)

The ledger's unit is the ISIN, so listings share a position; `instrument_id` and `currency` are
those of the last trade. Where two currencies met, `mixed` is true and only the base figures add
up. A position that was closed keeps its row, for what it realised.

Units: pieces; money in `currency`, or in the account's base currency where named so.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from domain.account.events import (
    LotsRematched,
    LotsSelected,
    ResidueCashed,
    TradeBooked,
    TradeBusted,
)
from domain.envelope import Envelope
from projections.exact import ZERO, add, subtract, total
from projections.lots import MOVING, Moving
from projections.ports import Key, Row
from projections.posted import is_cash, posted

NAME = "positions"
VERSION = 1


class Position(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("account_id", "isin")
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = (("isin",),)

    account_id: str
    isin: str
    instrument_id: str = ""
    currency: str = ""
    traded: Decimal = ZERO
    settled: Decimal = ZERO
    reserved: Decimal = ZERO
    cost: Decimal = ZERO
    cost_base: Decimal = ZERO
    realized: Decimal = ZERO  # gains less losses, of all time
    realized_base: Decimal = ZERO
    mixed: bool = False


class Moved(Struct, frozen=True):
    """What one event posts to the account in this ISIN; + is debit."""

    stock: Decimal = ZERO
    street: Decimal = ZERO
    held: Decimal = ZERO


class Valued(Struct, frozen=True):
    """What one event does to cost and gain; names are "" where the event leaves them out."""

    instrument_id: str
    currency: str
    cost: Decimal
    cost_base: Decimal
    gain: Decimal
    gain_base: Decimal


Fact = Moved | Valued
REALISING = (TradeBooked, TradeBusted, LotsSelected, LotsRematched, ResidueCashed)

ROW: type[Row] = Position
_FIELDS = {"C.SEC": 0, "C.STREET": 1, "M.HOLD": 2}


def facts(arrived: Envelope) -> Iterable[tuple[Key, Fact]]:
    sums: dict[Key, list[Decimal]] = {}
    for p in posted(arrived):
        field = _FIELDS.get(p.account)
        if field is not None and p.owner and not is_cash(p):
            of_key = sums.setdefault((p.owner, p.unit), [ZERO, ZERO, ZERO])
            of_key[field] = add(of_key[field], p.amount)
    found: list[tuple[Key, Fact]] = [(key, Moved(*moved)) for key, moved in sums.items()]
    event = arrived.event
    if isinstance(event, MOVING) and event.lots:
        found.append(((event.account_id, event.isin), _valued(event)))
    return found


def fold(row: Position | None, key: Key, fact: Fact) -> Position:
    account_id, isin = key
    row = row or Position(account_id=account_id, isin=isin)
    if isinstance(fact, Moved):
        return replace(
            row,
            traded=subtract(row.traded, fact.stock),
            settled=subtract(subtract(row.settled, fact.stock), fact.street),
            reserved=subtract(row.reserved, fact.held),
        )
    return replace(
        row,
        instrument_id=fact.instrument_id or row.instrument_id,
        currency=fact.currency or row.currency,
        cost=add(row.cost, fact.cost),
        cost_base=add(row.cost_base, fact.cost_base),
        realized=add(row.realized, fact.gain),
        realized_base=add(row.realized_base, fact.gain_base),
        mixed=row.mixed or (bool(row.currency) and fact.currency not in ("", row.currency)),
    )


def _valued(event: Moving) -> Valued:
    moves = event.lots
    realises = isinstance(event, REALISING)  # a transfer does not
    return Valued(
        instrument_id=getattr(event, "instrument_id", ""),
        currency=getattr(event, "currency", ""),
        cost=total(m.cost for m in moves),
        cost_base=total(m.cost_base for m in moves),
        gain=total(m.gain for m in moves) if realises else ZERO,
        gain_base=total(m.gain_base for m in moves) if realises else ZERO,
    )
