"""Facts: what the warehouse keeps of each event, as typed rows that are only ever appended.

    (envelope, its stored bytes) --event_fact--> one row of `events`
    envelope                     --facts-------> postings, fills, prices, rates

A fact's key is (position, leg): leg counts the rows that one event gives to one table, so a fact
that is loaded twice is the same row. Nothing is summed or updated: as-of T known at K is a query
(`effective_at <= T and committed_at <= K`). Personal data never gets here in clear: the payload is
the stored bytes, in which it is ciphertext, and no other column is personal.

Column types follow the annotations (`adapters.warehouse_tables`); a `Repeating` text has few
distinct values.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from domain import ledger
from domain.envelope import Envelope, category, id_of
from domain.fx import BASE, RatesFixed
from domain.order.events import OrderFilled, TradeCanceled
from domain.price import PriceMarked

VERSION = 1  # raise it when a fact's meaning changes: the next start loads everything again

REPEATING = Meta(extra={"repeating": True})
Repeating = Annotated[str, REPEATING]
Position = Annotated[int, Meta(ge=0)]
Leg = Annotated[int, Meta(ge=0, lt=1 << 16)]


class Fact(Struct, frozen=True, kw_only=True, gc=False):
    """What every fact says about its event."""

    TABLE: ClassVar[str]

    position: Position  # in the log
    leg: Leg = 0  # among the rows of this event in this table
    name: Repeating  # of the event, "trade.booked"
    home: str  # partition key: an account id, otherwise the stream
    recorded_at: datetime  # when we recorded it
    effective_at: datetime  # when it was so in the world
    committed_at: datetime  # when the log took it: 'known at'


class EventFact(Fact, frozen=True, kw_only=True):
    TABLE: ClassVar[str] = "events"

    stream: str
    category: Repeating
    id: str  # the stream without its category
    version: Position  # in the stream, from 1
    schema: Leg
    event_id: str
    actor: Repeating
    message_id: str
    causation_id: str
    correlation_id: str
    hash: str  # hex
    metadata: bytes  # stored bytes, JSON
    payload: bytes  # stored bytes, JSON; personal fields are ciphertext


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


class FillFact(Fact, frozen=True, kw_only=True):
    TABLE: ClassVar[str] = "fills"

    exec_type: Repeating  # fill, correct (restates exec_ref_id) or cancel (of exec_ref_id)
    order_id: str
    account_id: str
    exec_id: str
    exec_ref_id: str
    trade_id: str  # of a cancel: the trade that no longer counts
    venue_order_id: str
    last_qty: Decimal  # of a cancel: of the execution that no longer counts
    last_px: Decimal
    trade_date: date
    settl_date: date
    instrument_id: Repeating = ""
    isin: Repeating = ""
    side: Repeating = ""
    currency: Repeating = ""  # of settlement
    gross: Decimal | None = None  # settlement currency
    transact_time: datetime | None = None  # the venue's
    last_mkt: Repeating = ""
    last_capacity: Repeating = ""
    last_liquidity: Repeating = ""
    contra: Repeating = ""
    country: Repeating = ""
    excess_qty: Decimal = Decimal(0)  # beyond the order
    late: bool = False  # after the order had ended
    reason: str = ""


class PriceFact(Fact, frozen=True, kw_only=True):
    TABLE: ClassVar[str] = "prices"

    instrument_id: Repeating
    isin: Repeating
    date: date
    price: Decimal  # as quoted
    currency: Repeating
    source: Repeating


class RateFact(Fact, frozen=True, kw_only=True):
    TABLE: ClassVar[str] = "rates"

    date: date
    base: Repeating  # EUR
    currency: Repeating
    rate: Decimal  # units of currency per base
    source: Repeating


FACTS: tuple[type[Fact], ...] = (EventFact, PostingFact, FillFact, PriceFact, RateFact)


def event_fact(arrived: Envelope, metadata: bytes, payload: bytes) -> EventFact:
    """The event itself, with its exact stored bytes."""
    meta = arrived.meta
    return EventFact(
        **_common(arrived),
        stream=meta.stream,
        category=category(meta.stream),
        id=id_of(meta.stream),
        version=meta.version,
        schema=meta.schema,
        event_id=meta.event_id,
        actor=meta.actor,
        message_id=meta.message_id,
        causation_id=meta.causation_id,
        correlation_id=meta.correlation_id or meta.message_id,
        hash=arrived.hash,
        metadata=metadata,
        payload=payload,
    )


def facts(arrived: Envelope) -> Sequence[Fact]:
    """The other rows of one event, in the order of their legs."""
    rows: list[Fact] = _postings(arrived)
    match arrived.event:
        case OrderFilled():
            rows.append(_fill(arrived, arrived.event))
        case TradeCanceled():
            rows.append(_cancel(arrived, arrived.event))
        case PriceMarked():
            rows.append(_price(arrived, arrived.event))
        case RatesFixed():
            rows.extend(_rates(arrived, arrived.event))
        case _:
            pass
    return rows


def _common(arrived: Envelope) -> dict[str, Any]:
    return {
        "position": arrived.position,
        "name": arrived.meta.name,
        "home": arrived.home,
        "recorded_at": arrived.meta.recorded_at,
        "effective_at": arrived.effective_at,
        "committed_at": arrived.committed_at,
    }


def _postings(arrived: Envelope) -> list[Fact]:
    """Most of all rows: made in one go, and each field named, which costs half of a mapping."""
    entries = ledger.entries(arrived.event)
    if not entries:
        return []
    position, home, name = arrived.position, arrived.home, arrived.meta.name
    recorded_at, effective_at = arrived.meta.recorded_at, arrived.effective_at
    committed_at = arrived.committed_at
    effective, booked = effective_at.date(), recorded_at.date()
    lines = [(entry.rule, posting) for entry in entries for posting in entry.postings]
    return [
        PostingFact(
            position=position,
            leg=leg,
            name=name,
            home=home,
            recorded_at=recorded_at,
            effective_at=effective_at,
            committed_at=committed_at,
            rule=rule,
            book=posting.book,
            account=posting.account,
            owner=posting.owner,
            ref=posting.ref,
            unit=posting.unit,
            amount=posting.amount,
            trade_date=(traded := posting.trade_date or effective),
            value_date=posting.value_date or traded,
            booking_date=booked,
        )
        for leg, (rule, posting) in enumerate(lines)
    ]


def _fill(arrived: Envelope, event: OrderFilled) -> FillFact:
    return FillFact(
        **_common(arrived),
        exec_type="correct" if event.exec_ref_id else "fill",
        order_id=event.order_id,
        account_id=event.account_id,
        exec_id=event.exec_id,
        exec_ref_id=event.exec_ref_id,
        trade_id=event.trade_id,
        venue_order_id=event.venue_order_id,
        instrument_id=event.instrument_id,
        isin=event.isin,
        side=event.side,
        last_qty=event.last_qty,
        last_px=event.last_px,
        currency=event.currency,
        gross=event.gross,
        transact_time=event.transact_time,
        trade_date=event.trade_date,
        settl_date=event.settl_date,
        last_mkt=event.last_mkt,
        last_capacity=event.last_capacity,
        last_liquidity=event.last_liquidity,
        contra=event.contra,
        country=event.country,
        excess_qty=event.excess_qty,
        late=event.late,
    )


def _cancel(arrived: Envelope, event: TradeCanceled) -> FillFact:
    return FillFact(
        **_common(arrived),
        exec_type="cancel",
        order_id=event.order_id,
        account_id=event.account_id,
        exec_id=event.exec_id,
        exec_ref_id=event.exec_ref_id,
        trade_id=event.trade_id,
        venue_order_id=event.venue_order_id,
        last_qty=event.last_qty,
        last_px=event.last_px,
        trade_date=event.trade_date,
        settl_date=event.settl_date,
        reason=event.reason,
    )


def _price(arrived: Envelope, event: PriceMarked) -> PriceFact:
    return PriceFact(
        **_common(arrived),
        instrument_id=event.instrument_id,
        isin=event.isin,
        date=event.price_date,
        price=event.price,
        currency=event.currency,
        source=event.source,
    )


def _rates(arrived: Envelope, event: RatesFixed) -> Iterator[RateFact]:
    common = _common(arrived)
    for leg, (currency, rate) in enumerate(event.rates.items()):
        yield RateFact(
            **common,
            leg=leg,
            date=event.rate_date,
            base=BASE,
            currency=currency,
            rate=rate,
            source=event.source,
        )
