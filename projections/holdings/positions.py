"""Positions: what an account holds of each security, from its postings and its lots' moves.

    traded   = -C.SEC                    trade date
    settled  = -(C.SEC + C.STREET)       held at the custodian for this account
    reserved = -M.HOLD                   held for open sales
    figures, cost_base, realized_base    sums over the lots' moves (domain.md rule 4)

The ledger's unit is the ISIN, so listings share a position; `instrument_id` and `currency` are
those of the last trade. `figures` holds cost and gain by currency: no currency is added to
another. A lot that is sold in another currency than it was bought in has a gain in the base
currency only; `crossed` counts such shares. A closed position keeps its row, for its realised
gains.

`unvalued` names the trades whose base figures wait for a rate: `cost_base` and `realized_base`
lack them until they are stated.

Units: pieces; money in the currency named, or in the account's base currency.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar, NamedTuple

from msgspec import Struct, json
from msgspec.structs import replace

from domain.account.base_cost import BaseCostStated
from domain.account.busts import TradeBusted
from domain.account.rematching import LotsRematched
from domain.account.residues import ResidueCashed
from domain.account.selection import LotsSelected
from domain.account.trades import TradeBooked
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from domain.shared.money import ZERO
from projections.engine.exact import add, subtract, total
from projections.engine.moving import MOVING, Moving
from projections.engine.posted import CURRENCIES, POSTING, posted
from projections.engine.words import listed
from projections.ports import Audience, Home, Key, Row

NAME = "positions"
VERSION = 2
AUDIENCE = Audience.OWN
HOME = Home("account_id", "account")


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
    figures: str = "{}"  # JSON: {currency: [cost, gains less losses of all time]}
    cost_base: Decimal = ZERO
    realized_base: Decimal = ZERO  # gains less losses, of all time
    crossed: Decimal = ZERO  # shares sold in another currency than they were bought in
    unvalued: str = "{}"  # JSON: {trade id: whether it realises; null: stated before it was booked}


class Figure(NamedTuple):
    """What a position cost, and what it has realised, in one currency."""

    currency: str
    cost: Decimal
    realized: Decimal


class Moved(Struct, frozen=True):
    """What one event posts to the account in this ISIN; + is debit."""

    stock: Decimal = ZERO
    street: Decimal = ZERO
    held: Decimal = ZERO


class Valued(Struct, frozen=True):
    """What one event does to cost and gain; names are "" where the event leaves them out."""

    instrument_id: str
    currency: str  # of the trade
    figures: tuple[Figure, ...]
    cost_base: Decimal
    gain_base: Decimal
    crossed: Decimal
    trade_id: str = ""  # of a trade that waits for a rate, or waits no longer
    waits: bool | None = None  # True, False: it waits, and realises or not; None: no longer
    states: bool = False  # the event states the trade's base figures


Fact = Moved | Valued
REALISING = (TradeBooked, TradeBusted, LotsSelected, LotsRematched, ResidueCashed)

ROW: type[Row] = Position
READS: frozenset[type[Event]] = POSTING | frozenset(MOVING)
_FIELDS = {"C.SEC": 0, "C.STREET": 1, "M.HOLD": 2}


def facts(arrived: Envelope) -> Iterable[tuple[Key, Fact]]:
    sums: dict[Key, list[Decimal]] = {}
    for p in posted(arrived):
        field = _FIELDS.get(p.account)
        if field is not None and p.owner and p.unit not in CURRENCIES:
            of_key = sums.setdefault((p.owner, p.unit), [ZERO, ZERO, ZERO])
            of_key[field] = add(of_key[field], p.amount)
    found: list[tuple[Key, Fact]] = [(key, Moved(*moved)) for key, moved in sums.items()]
    event = arrived.event
    if isinstance(event, MOVING) and event.lots:
        found.append(((event.account_id, event.isin), _value_of(event)))
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
    currency = fact.currency or row.currency
    return replace(
        row,
        instrument_id=fact.instrument_id or row.instrument_id,
        currency=currency,
        figures=_add_figures(row.figures, fact.figures, currency) if fact.figures else row.figures,
        cost_base=add(row.cost_base, fact.cost_base),
        realized_base=add(row.realized_base, fact.gain_base),
        crossed=add(row.crossed, fact.crossed),
        unvalued=_waiting(row.unvalued, fact) if fact.trade_id else row.unvalued,
    )


def figures(row: Position) -> list[Figure]:
    """Cost and gain by currency, in the order of its code."""
    return [Figure(c, cost, gain) for c, (cost, gain) in sorted(_figures(row.figures).items())]


def base_cost_unknown(row: Position) -> bool:
    """Whether a purchase behind the current holding waits for a rate."""
    return row.unvalued != "{}" and bool(row.traded) and any(_states(row))


def realized_base_unknown(row: Position) -> bool:
    """Whether a sale waits for its own rate, or for that of a purchase it sold."""
    return row.unvalued != "{}" and any(_trades(row.unvalued).values())


def _states(row: Position) -> list[bool]:
    return [waits is not None for waits in _trades(row.unvalued).values()]


def _value_of(event: Moving) -> Valued:
    realises = isinstance(event, REALISING)  # a transfer does not
    traded_in: str = getattr(event, "currency", "")
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    crossed = ZERO
    for m in event.lots:
        currency = m.currency or traded_in
        cost, gain = sums.get(currency, (ZERO, ZERO))
        sums[currency] = add(cost, m.cost), add(gain, m.gain) if realises else gain
        if m.currency and m.realises and realises:
            crossed = subtract(crossed, m.qty)
    trade_id, waits = _wait_of(event)
    states = realises or isinstance(event, BaseCostStated)
    return Valued(
        instrument_id=getattr(event, "instrument_id", ""),
        currency=traded_in,
        figures=tuple(Figure(c, *figures) for c, figures in sums.items() if any(figures)),
        cost_base=total(m.cost_base for m in event.lots),
        gain_base=total(m.gain_base for m in event.lots) if states else ZERO,
        crossed=crossed,
        trade_id=trade_id,
        waits=waits,
        states=isinstance(event, BaseCostStated),
    )


def _wait_of(event: Moving) -> tuple[str, bool | None]:
    """(trade, whether it realises) of a trade that waits, (trade, None) of one that no longer does;
    ("", None): neither.
    """
    match event:
        case TradeBooked() if not event.base_rate or any(m.base_unknown for m in event.lots):
            return event.trade_id, any(m.realises for m in event.lots)
        case LotsRematched() if any(m.base_unknown for m in event.lots[event.restored :]):
            return event.trade_id, any(m.realises for m in event.lots[event.restored :])
        case TradeBusted() | BaseCostStated():
            return event.trade_id, None
        case _:
            return "", None


def _add_figures(held: str, more: Iterable[Figure], currency: str) -> str:
    """The figures with some added; those of no currency are in that of the last trade."""
    sums = _figures(held)
    for of, cost, gain in more:
        old_cost, old_gain = sums.get(of or currency, (ZERO, ZERO))
        sums[of or currency] = add(old_cost, cost), add(old_gain, gain)
    return listed({c: figures for c, figures in sums.items() if any(figures)})


def _waiting(held: str, fact: Valued) -> str:
    """Update the waiting trades; a statement effective before its trade is kept (as null)."""
    trades = _trades(held)
    if fact.waits is None:
        if fact.trade_id in trades:
            del trades[fact.trade_id]
        elif fact.states:
            trades[fact.trade_id] = None
    elif trades.pop(fact.trade_id, False) is not None:
        trades[fact.trade_id] = fact.waits
    return listed(trades)


_figures = json.Decoder(dict[str, tuple[Decimal, Decimal]]).decode
_trades = json.Decoder(dict[str, bool | None]).decode
