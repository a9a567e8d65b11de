"""The tables `prices` and `rates`: marks and fixings."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import ClassVar

from domain.fx import BASE, RatesFixed
from domain.price import PriceMarked
from domain.shared.message import Event
from projections.facts.base import Fact, Repeating, Source


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


SOURCES: Mapping[type[Event], Source] = {
    PriceMarked: Source(PriceFact, _price),
    RatesFixed: Source(RateFact, _rates),
}
