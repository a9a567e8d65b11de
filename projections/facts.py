"""Facts: what the warehouse keeps of each event, as typed rows that are only ever appended.

    envelope                     --about--> what every row of the event says
    (envelope, its stored bytes) --facts--> rows of `events`, postings, fills, prices, rates

A fact's key is (position, leg): leg counts the rows that one event gives to one table, from 0, so
a fact that is loaded twice is the same row. Nothing is summed or updated: as-of T known at K is a
query (`effective_at <= T and committed_at <= K`). Personal data never gets here in clear: the
payload is the stored bytes, in which it is ciphertext, and no other column is personal.

Column types follow the annotations (`adapters.warehouse.columns`); a `Repeating` text has few
distinct values.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, NamedTuple

from msgspec import Meta, Struct

from domain import ledger
from domain.fx import BASE, RatesFixed
from domain.order.events import OrderFilled, TradeCanceled
from domain.price import PriceMarked
from domain.shared.envelope import Envelope, category, id_of
from domain.shared.message import Event

VERSION = 3  # raise it when a fact's meaning changes: the next start loads everything again

REPEATING = Meta(extra={"repeating": True})
Repeating = Annotated[str, REPEATING]
Position = Annotated[int, Meta(ge=0)]
Leg = Annotated[int, Meta(ge=0, lt=1 << 16)]


class About(Struct, frozen=True, kw_only=True, gc=False):
    """What every fact says about its event: made once, however many rows the event gives."""

    position: Position  # in the log
    name: Repeating  # of the event, "trade.booked"
    home: str  # partition key: an account id, otherwise the stream
    recorded_at: datetime  # when we recorded it
    effective_at: datetime  # when it was so in the world
    committed_at: datetime  # when the log took it: 'known at'


class Fact(Struct, frozen=True, kw_only=True, gc=False):
    """A row: its own columns, beside those of `About` and its leg.

    Python calls anything by more than 15 named arguments at four times the cost: what is made
    often has fewer fields.
    """

    TABLE: ClassVar[str]


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


Rows = tuple[type[Fact], Sequence[Fact]]
"""What one event gives to one table; a row's place is its leg."""


def about(arrived: Envelope) -> About:
    meta = arrived.meta
    return About(
        position=arrived.position,
        name=meta.name,
        home=meta.home,
        recorded_at=meta.recorded_at,
        effective_at=meta.effective_at or meta.recorded_at,
        committed_at=arrived.committed_at,
    )


def facts(arrived: Envelope, metadata: bytes, payload: bytes) -> Iterator[Rows]:
    """All rows of one event, of which these are the exact stored bytes."""
    yield EventFact, (_event(arrived, metadata, payload),)
    yield PostingFact, _postings(arrived)
    if told := _TOLD.get(type(arrived.event)):
        yield told.fact, list(told.rows(arrived.event))


def _event(arrived: Envelope, metadata: bytes, payload: bytes) -> EventFact:
    meta = arrived.meta
    return EventFact(
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


def _postings(arrived: Envelope) -> Sequence[PostingFact]:
    entries = ledger.entries(arrived.event)
    if not entries:
        return ()
    effective, booked = arrived.effective_at.date(), arrived.meta.recorded_at.date()
    return [
        PostingFact(
            rule=entry.rule,
            book=posting.account[0],  # `posting.book`, without the call: most of all rows
            account=posting.account,
            owner=posting.owner,
            ref=posting.ref,
            unit=posting.unit,
            amount=posting.amount,
            trade_date=(traded := posting.trade_date or effective),
            value_date=posting.value_date or traded,
            booking_date=booked,
        )
        for entry in entries
        for posting in entry.postings
    ]


def _fill(event: OrderFilled) -> Iterator[Fact]:
    yield FillFact(
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


def _cancel(event: TradeCanceled) -> Iterator[Fact]:
    yield FillFact(
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


def _price(event: PriceMarked) -> Iterator[Fact]:
    yield PriceFact(
        instrument_id=event.instrument_id,
        isin=event.isin,
        date=event.price_date,
        price=event.price,
        currency=event.currency,
        source=event.source,
    )


def _rates(event: RatesFixed) -> Iterator[Fact]:
    for currency, rate in event.rates.items():
        yield RateFact(
            date=event.rate_date, base=BASE, currency=currency, rate=rate, source=event.source
        )


class _Told(NamedTuple):
    fact: type[Fact]
    rows: Callable[[Any], Iterator[Fact]]


_TOLD: Mapping[type[Event], _Told] = {
    OrderFilled: _Told(FillFact, _fill),
    TradeCanceled: _Told(FillFact, _cancel),
    PriceMarked: _Told(PriceFact, _price),
    RatesFixed: _Told(RateFact, _rates),
}
"""What an event tells beside what it posts (a `match` would take a tenth of the loader's time)."""
