"""The warehouse's rows of an event: typed, with the key (position, leg)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from domain import ledger
from domain.account.cash import CashDeposited
from domain.account.withdrawals import WithdrawalRequested
from domain.fx import RatesFixed
from domain.ledger import Entry, Posting
from domain.order.events import OrderFilled, TradeCanceled
from domain.price import PriceMarked
from domain.shared.envelope import Envelope, Metadata
from domain.shared.fix import ExecType, Side
from domain.shared.message import Event
from projections.facts import facts
from projections.facts.base import About, Fact, about
from projections.facts.events import EventFact
from projections.facts.fills import FillFact
from projections.facts.market import PriceFact, RateFact
from projections.facts.postings import PostingFact

RECORDED = datetime(2022, 3, 2, 0, 30, tzinfo=UTC)
EFFECTIVE = datetime(2022, 3, 1, 23, 59, tzinfo=UTC)
COMMITTED = RECORDED + timedelta(seconds=1)
X = "US0378331005"
T = TypeVar("T", bound=Fact)


def arrived(event: Event, *, stream: str = "account-A1", correlation: str = "") -> Envelope:
    meta = Metadata(
        stream=stream, version=7, name=str(event.__struct_config__.tag), schema=1, event_id="e",
        recorded_at=RECORDED, effective_at=EFFECTIVE, actor="ops", message_id="m1",
        request_hash="", home="A1", causation_id="order-O1@3", correlation_id=correlation,
    )  # fmt: skip
    return Envelope(position=42, committed_at=COMMITTED, meta=meta, event=event, hash="ab")


DEPOSITED = CashDeposited(
    account_id="A1", amount=Decimal(10), currency="USD", reference="R", value_date=date(2022, 3, 3)
)
FILLED = OrderFilled(
    order_id="O1", account_id="A1", instrument_id="I1", isin=X, side=Side.BUY, exec_id="E1",
    trade_id="T1", venue_order_id="V1", last_qty=Decimal(5), last_px=Decimal("1.5"),
    currency="USD", gross=Decimal("7.50"), transact_time=EFFECTIVE, trade_date=date(2022, 3, 1),
    settl_date=date(2022, 3, 3), last_mkt="XNAS", excess_qty=Decimal(1), late=True,
)  # fmt: skip


def rows(kind: type[T], arrived: Envelope, *, stored: tuple[bytes, bytes] = (b"", b"")) -> list[T]:
    """An event's rows of one kind, by their legs."""
    made = dict(facts(arrived, *stored)).get(kind, ())
    assert all(type(row) is kind for row in made)
    return list(made)


def test_an_event_is_a_row_with_its_stored_bytes_and_its_stream_taken_apart() -> None:
    stored = (b'{"m" : 1}', b'{"p" :2}')
    (row,) = rows(EventFact, arrived(DEPOSITED, stream="account-A-1.x"), stored=stored)
    assert (row.category, row.id, row.version) == ("account", "A-1.x", 7)
    assert (row.metadata, row.payload, row.hash) == (*stored, "ab")


def test_a_fact_has_the_position_and_times_of_its_event() -> None:
    assert about(arrived(DEPOSITED)) == About(
        position=42, name="cash.deposited", home="A1",
        recorded_at=RECORDED, effective_at=EFFECTIVE, committed_at=COMMITTED,
    )  # fmt: skip


def test_an_event_is_effective_when_it_was_recorded_unless_it_says_otherwise() -> None:
    given = arrived(DEPOSITED)
    meta = structs.replace(given.meta, effective_at=None)
    assert about(structs.replace(given, meta=meta)).effective_at == RECORDED


def test_an_event_without_a_conversation_starts_one_under_its_message_id() -> None:
    def conversation(given: Envelope) -> str:
        (row,) = rows(EventFact, given)
        return row.correlation_id

    assert conversation(arrived(DEPOSITED)) == "m1"
    assert conversation(arrived(DEPOSITED, correlation="c")) == "c"


def test_postings_stand_in_the_order_of_the_entries_of_their_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Posting(account="C.CASH", owner="A1", ref="P1", unit="USD", amount=Decimal(-1))
    dated = Posting(
        account="M.HOLD", unit="EUR", amount=Decimal(2),
        trade_date=date(2022, 2, 1), value_date=date(2022, 2, 3),
    )  # fmt: skip
    entries = (Entry(rule="J1", postings=(line, line)), Entry(rule="J2", postings=(dated,)))
    monkeypatch.setattr(ledger, "entries", lambda _: entries, raising=False)
    first, second, third = rows(PostingFact, arrived(DEPOSITED))
    assert [(r.rule, r.book, r.account) for r in (first, second, third)] == [
        ("J1", "C", "C.CASH"),
        ("J1", "C", "C.CASH"),
        ("J2", "M", "M.HOLD"),
    ]
    assert (first.owner, first.ref, first.unit, first.amount) == ("A1", "P1", "USD", -1)
    day = EFFECTIVE.date()  # without dates: the effective day; booked when recorded
    assert (first.trade_date, first.value_date, first.booking_date) == (day, day, RECORDED.date())
    assert (third.trade_date, third.value_date) == (date(2022, 2, 1), date(2022, 2, 3))


@given(amount=st.decimals("0.01", "1e15", places=2))
def test_what_an_event_posts_is_zero_per_book_and_unit(amount: Decimal) -> None:
    event = CashDeposited(
        account_id="A1", amount=amount, currency="USD", reference="R", value_date=date(2022, 3, 3)
    )
    posted = rows(PostingFact, arrived(event))
    totals: dict[tuple[str, str], Decimal] = {}
    for row in posted:
        totals[row.book, row.unit] = totals.get((row.book, row.unit), Decimal(0)) + row.amount
    assert posted
    assert set(totals.values()) == {Decimal(0)}
    assert sum(-r.amount for r in posted if (r.account, r.owner) == ("C.CASH", "A1")) == amount


def test_a_fill_is_a_row_as_the_venue_reported_it() -> None:
    (row,) = rows(FillFact, arrived(FILLED, stream="order-O1"))
    assert row.exec_type == "fill"
    result = {f: getattr(FILLED, f) for f in FILLED.__struct_fields__}
    assert result == {f: getattr(row, f) for f in result}


def test_a_correction_restates_and_a_bust_names_the_trade_that_no_longer_counts() -> None:
    corrected = OrderFilled(
        **{f: getattr(FILLED, f) for f in FILLED.__struct_fields__} | {"exec_ref_id": "E0"}
    )
    (row,) = rows(FillFact, arrived(corrected, stream="order-O1"))
    assert (row.exec_type, row.exec_ref_id) == ("correct", "E0")
    busted = TradeCanceled(
        order_id="O1", account_id="A1", exec_id="E2", exec_ref_id="E1", venue_order_id="V1",
        exec_type=ExecType.TRADE_CANCEL, trade_date=date(2022, 3, 1), trade_id="T1",
        last_qty=Decimal(5), last_px=Decimal("1.5"), settl_date=date(2022, 3, 3), reason="error",
    )  # fmt: skip
    (row,) = rows(FillFact, arrived(busted, stream="order-O1"))
    assert (row.exec_type, row.trade_id, row.exec_ref_id, row.gross) == ("cancel", "T1", "E1", None)


def test_a_mark_is_a_price_and_a_fixing_a_rate_per_currency() -> None:
    day = date(2022, 3, 1)
    marked = PriceMarked(
        instrument_id="I1", isin=X, price=Decimal("1.25"), currency="USD", price_date=day,
        source="close",
    )  # fmt: skip
    (price,) = rows(PriceFact, arrived(marked, stream="price-I1"))
    assert (price.instrument_id, price.date, price.price) == ("I1", day, Decimal("1.25"))
    rates = {"USD": Decimal("1.1"), "GBP": Decimal("0.85")}
    fixing = RatesFixed(source="ECB", rate_date=day, rates=rates)
    fixed = rows(RateFact, arrived(fixing, stream="fx-ECB"))
    assert [(r.currency, r.rate, r.base, r.date) for r in fixed] == [
        ("USD", Decimal("1.1"), "EUR", day),
        ("GBP", Decimal("0.85"), "EUR", day),
    ]


def test_nothing_personal_is_in_any_column() -> None:
    asked = WithdrawalRequested(
        account_id="A1", client_id="K1", payment_id="P1", amount=Decimal(1), currency="USD",
        reference="R", payee="Jane Doe",
    )  # fmt: skip
    given = arrived(asked)
    assert "Jane" in repr(given)
    assert "Jane" not in repr([about(given), *facts(given, b"", b"sealed")])
