"""What the warehouse keeps of an event: typed rows keyed by (position, leg)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import ledger
from domain.account.events import CashDeposited, WithdrawalRequested
from domain.envelope import Envelope, Metadata
from domain.fix import ExecType, Side
from domain.fx import RatesFixed
from domain.ledger import Entry, Posting
from domain.message import Event
from domain.order.events import OrderFilled, TradeCanceled
from domain.price import PriceMarked
from projections.facts import (
    FACTS,
    Fact,
    FillFact,
    PostingFact,
    PriceFact,
    RateFact,
    event_fact,
    facts,
)

RECORDED = datetime(2022, 3, 2, 0, 30, tzinfo=UTC)
EFFECTIVE = datetime(2022, 3, 1, 23, 59, tzinfo=UTC)
COMMITTED = RECORDED + timedelta(seconds=1)
X = "US0378331005"


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


def test_an_event_is_a_row_with_its_stored_bytes_and_its_stream_taken_apart() -> None:
    row = event_fact(arrived(DEPOSITED, stream="account-A-1.x"), b'{"m" : 1}', b'{"p" :2}')
    assert (row.category, row.id, row.version) == ("account", "A-1.x", 7)
    assert (row.metadata, row.payload, row.hash) == (b'{"m" : 1}', b'{"p" :2}', "ab")
    assert (row.position, row.leg, row.name, row.home) == (42, 0, "cash.deposited", "A1")
    assert (row.recorded_at, row.effective_at, row.committed_at) == (RECORDED, EFFECTIVE, COMMITTED)


def test_an_event_without_a_conversation_starts_one_under_its_message_id() -> None:
    assert event_fact(arrived(DEPOSITED), b"", b"").correlation_id == "m1"
    assert event_fact(arrived(DEPOSITED, correlation="c"), b"", b"").correlation_id == "c"


def test_postings_are_numbered_through_the_entries_of_their_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Posting(account="C.CASH", owner="A1", ref="P1", unit="USD", amount=Decimal(-1))
    dated = Posting(
        account="M.HOLD", unit="EUR", amount=Decimal(2),
        trade_date=date(2022, 2, 1), value_date=date(2022, 2, 3),
    )  # fmt: skip
    entries = (Entry(rule="J1", postings=(line, line)), Entry(rule="J2", postings=(dated,)))
    monkeypatch.setattr(ledger, "entries", lambda _: entries, raising=False)
    rows = [row for row in facts(arrived(DEPOSITED)) if isinstance(row, PostingFact)]
    assert [(r.leg, r.rule, r.book, r.account) for r in rows] == [
        (0, "J1", "C", "C.CASH"),
        (1, "J1", "C", "C.CASH"),
        (2, "J2", "M", "M.HOLD"),
    ]
    assert (rows[0].owner, rows[0].ref, rows[0].unit, rows[0].amount) == ("A1", "P1", "USD", -1)
    day = EFFECTIVE.date()  # a line without dates is of the day it was so; booked when recorded
    assert (rows[0].trade_date, rows[0].value_date, rows[0].booking_date) == (
        day, day, RECORDED.date(),
    )  # fmt: skip
    assert (rows[2].trade_date, rows[2].value_date) == (date(2022, 2, 1), date(2022, 2, 3))


@given(amount=st.decimals("0.01", "1e15", places=2))
def test_what_an_event_posts_is_zero_per_book_and_unit(amount: Decimal) -> None:
    event = CashDeposited(
        account_id="A1", amount=amount, currency="USD", reference="R", value_date=date(2022, 3, 3)
    )
    rows = [row for row in facts(arrived(event)) if isinstance(row, PostingFact)]
    totals: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        totals[row.book, row.unit] = totals.get((row.book, row.unit), Decimal(0)) + row.amount
    assert rows
    assert set(totals.values()) == {Decimal(0)}
    assert sum(-r.amount for r in rows if (r.account, r.owner) == ("C.CASH", "A1")) == amount


def test_a_fill_is_a_row_as_the_venue_told_it() -> None:
    (row,) = [r for r in facts(arrived(FILLED, stream="order-O1")) if isinstance(r, FillFact)]
    assert row.exec_type == "fill"
    told = {f: getattr(FILLED, f) for f in FILLED.__struct_fields__}
    assert told == {f: getattr(row, f) for f in told}


def test_a_correction_restates_and_a_bust_names_the_trade_that_no_longer_counts() -> None:
    corrected = OrderFilled(
        **{f: getattr(FILLED, f) for f in FILLED.__struct_fields__} | {"exec_ref_id": "E0"}
    )
    (row,) = facts(arrived(corrected, stream="order-O1"))
    assert isinstance(row, FillFact)
    assert (row.exec_type, row.exec_ref_id) == ("correct", "E0")
    busted = TradeCanceled(
        order_id="O1", account_id="A1", exec_id="E2", exec_ref_id="E1", venue_order_id="V1",
        exec_type=ExecType.TRADE_CANCEL, trade_date=date(2022, 3, 1), trade_id="T1",
        last_qty=Decimal(5), last_px=Decimal("1.5"), settl_date=date(2022, 3, 3), reason="error",
    )  # fmt: skip
    (row,) = facts(arrived(busted, stream="order-O1"))
    assert isinstance(row, FillFact)
    assert (row.exec_type, row.trade_id, row.exec_ref_id, row.gross) == ("cancel", "T1", "E1", None)


def test_a_mark_is_a_price_and_a_fixing_a_rate_per_currency() -> None:
    day = date(2022, 3, 1)
    marked = PriceMarked(
        instrument_id="I1", isin=X, price=Decimal("1.25"), currency="USD", price_date=day,
        source="close",
    )  # fmt: skip
    (price,) = facts(arrived(marked, stream="price-I1"))
    assert isinstance(price, PriceFact)
    assert (price.instrument_id, price.date, price.price) == ("I1", day, Decimal("1.25"))
    rates = {"USD": Decimal("1.1"), "GBP": Decimal("0.85")}
    rows = list(
        facts(arrived(RatesFixed(source="ECB", rate_date=day, rates=rates), stream="fx-ECB"))
    )
    assert all(isinstance(row, RateFact) for row in rows)
    assert [(r.leg, r.currency, r.rate, r.base) for r in rows if isinstance(r, RateFact)] == [
        (0, "USD", Decimal("1.1"), "EUR"),
        (1, "GBP", Decimal("0.85"), "EUR"),
    ]


def test_nothing_personal_is_in_any_column() -> None:
    asked = WithdrawalRequested(
        account_id="A1", client_id="K1", payment_id="P1", amount=Decimal(1), currency="USD",
        reference="R", payee="Jane Doe",
    )  # fmt: skip
    rows: list[Fact] = [event_fact(arrived(asked), b"", b"sealed"), *facts(arrived(asked))]
    assert "Jane" not in "".join(map(repr, rows))


def test_every_table_has_its_own_name_and_the_key_first() -> None:
    assert len({fact.TABLE for fact in FACTS}) == len(FACTS)
    for fact in FACTS:
        assert fact.__struct_fields__[:2] == ("position", "leg")
