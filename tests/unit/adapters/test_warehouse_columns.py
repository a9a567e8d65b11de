"""Facts as columns: exact, numbered within their event, each with its event's metadata."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.warehouse.columns import COLUMNS, Gathered
from projections.facts import FACTS
from projections.facts.base import About, Fact
from projections.facts.fills import FillFact
from projections.facts.market import PriceFact, RateFact

START = datetime(2022, 1, 30, tzinfo=UTC)
DAY = START.date()


def about(position: int) -> About:
    recorded = START + timedelta(seconds=position)
    return About(
        position=position, name=f"event {position}", home=f"A{position}", recorded_at=recorded,
        effective_at=recorded - timedelta(days=1),
        committed_at=recorded + timedelta(microseconds=1),
    )  # fmt: skip


def rate(value: Decimal, currency: str = "USD") -> RateFact:
    return RateFact(date=DAY, base="EUR", currency=currency, rate=value, source="s")


def price(value: str) -> PriceFact:
    return PriceFact(
        instrument_id="I1", isin="X", date=DAY, price=Decimal(value), currency="USD", source="s"
    )


def fill(moment: datetime | None, gross: Decimal | None) -> FillFact:
    return FillFact(
        exec_type="fill", order_id="O1", account_id="A1", exec_id="E1", exec_ref_id="",
        trade_id="T1", venue_order_id="V1", last_qty=Decimal(1), last_px=Decimal(1),
        trade_date=DAY, settl_date=DAY, gross=gross, transact_time=moment,
    )  # fmt: skip


def one(*rows: Fact) -> pa.Table:
    """The columns of an event that gives these rows of one table."""
    gathered = Gathered()
    gathered.add(about(1), [(type(rows[0]), rows)])
    return gathered.tables()[rows[0].TABLE]


def test_a_number_that_the_column_cannot_hold_is_refused_not_rounded() -> None:
    with pytest.raises(pa.ArrowInvalid):
        one(rate(Decimal("0.1234567890123")))


@given(st.lists(st.decimals(-(10**26) + 1, 10**26 - 1, places=12), min_size=1))
def test_any_number_of_twelve_places_is_held_exactly(numbers: list[Decimal]) -> None:
    assert one(*map(rate, numbers))["rate"].to_pylist() == numbers


@pytest.mark.parametrize("text", ["1E+5", "1E-12", "0E-20", "-0", "1.50E+3", "-2.5E-7"])
def test_a_number_may_be_written_with_an_exponent(text: str) -> None:
    assert one(rate(Decimal(text)))["rate"].to_pylist() == [Decimal(text)]


@given(st.datetimes(datetime(1900, 1, 1), datetime(2299, 12, 31), timezones=st.just(UTC)))
def test_a_moment_is_held_to_the_microsecond(moment: datetime) -> None:
    assert one(fill(moment, None))["transact_time"].to_pylist() == [moment]


def test_what_an_event_does_not_tell_is_null() -> None:
    found = one(fill(None, None), fill(START, Decimal(2)))
    assert found["transact_time"].to_pylist() == [None, START]
    assert found["gross"].to_pylist() == [None, Decimal(2)]


def test_rows_are_numbered_within_their_event_and_table() -> None:
    gathered = Gathered()
    rates = [rate(Decimal(1)), rate(Decimal(2), "GBP")]
    gathered.add(about(3), [(RateFact, rates), (PriceFact, [price("1")])])
    gathered.add(about(5), [(RateFact, [])])
    gathered.add(about(9), [(PriceFact, [price("2")]), (RateFact, [*rates, rates[0]])])
    tables = gathered.tables()
    assert tables.keys() == {"rates", "prices"}  # only tables with rows
    assert _cells(tables["rates"], "position", "leg", "currency") == [
        (3, 0, "USD"), (3, 1, "GBP"), (9, 0, "USD"), (9, 1, "GBP"), (9, 2, "USD"),
    ]  # fmt: skip
    assert _cells(tables["prices"], "position", "leg", "price") == [(3, 0, 1), (9, 0, 2)]


def test_every_row_has_the_columns_about_its_event() -> None:
    gathered = Gathered()
    for position, rows in ((3, 2), (5, 0), (9, 1)):
        gathered.add(about(position), [(RateFact, [rate(Decimal(1))] * rows)])
    names = About.__struct_fields__
    result = [tuple(getattr(about(position), name) for name in names) for position in (3, 3, 9)]
    assert _cells(gathered.tables()["rates"], *names) == result


def test_a_row_beyond_the_legs_that_the_key_can_hold_is_refused() -> None:
    with pytest.raises(pa.ArrowInvalid):
        one(*[rate(Decimal(1))] * ((1 << 16) + 1))


def test_every_table_begins_with_its_key_and_has_each_column_once() -> None:
    assert len({fact.TABLE for fact in FACTS}) == len(FACTS)
    for fact in FACTS:
        names = list(COLUMNS[fact])
        assert names[:2] == ["position", "leg"]
        declared = ["leg", *About.__struct_fields__, *fact.__struct_fields__]
        assert sorted(names) == sorted(declared)


def _cells(table: pa.Table, *names: str) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in names) for row in table.to_pylist()]
