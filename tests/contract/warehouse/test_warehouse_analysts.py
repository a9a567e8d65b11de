"""docs/analysts.md, executed: every query in it runs with an analyst's rights and is correct.

The warehouse is filled with a small journal of the chart of accounts (domain rules J0 to J8).
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.log.event_log import chain
from adapters.warehouse.client import Warehouse
from adapters.warehouse.columns import Gathered
from adapters.warehouse.tables import prepare
from projections.facts.base import About, Fact
from projections.facts.events import EventFact
from projections.facts.fills import FillFact
from projections.facts.market import PriceFact
from projections.facts.postings import PostingFact
from projections.ledger.controls import client_money as by_control
from tests.paths import DOCS
from tests.unit.projections.money_books import PAID_ENTITLEMENT, balances_of

DOCUMENT = DOCS / "analysts.md"
X = "US0378331005"
DAY = date(2022, 3, 28)


def statements() -> dict[str, str]:
    """Each SQL block of the document, by the paragraph before it."""
    found = re.findall(r"([^\n]+)\n```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return {title.split(".")[0].split(":")[0].split(",")[0]: sql for title, sql in found}


Line = tuple[str, str, str, str, str]
Loaded = tuple[About, Sequence[Fact]]
"""The rows that an event adds to one table."""


def about(position: int, name: str = "test", home: str = "A1") -> About:
    at = datetime(2022, 3, 28, 12, tzinfo=UTC) + timedelta(days=position // 10)
    return About(
        position=position, name=name, home=home, recorded_at=at, effective_at=at, committed_at=at
    )


def entry(position: int, rule: str, *lines: Line, value_date: date = DAY) -> Loaded:
    """Lines are (account, owner, ref, unit, signed amount)."""
    return about(position), [
        PostingFact(
            rule=rule, book=account[0], account=account, owner=owner, ref=ref, unit=unit,
            amount=Decimal(amount), trade_date=DAY, value_date=value_date, booking_date=DAY,
        )
        for account, owner, ref, unit, amount in lines
    ]  # fmt: skip


def journal() -> list[Loaded]:
    return [
        entry(1, "J0", ("H.NOSTRO", "", "", "USD", "1000"), ("H.CAPITAL", "", "", "USD", "-1000")),
        entry(
            2, "J1", ("C.NOSTRO", "", "bank", "USD", "10000"), ("C.CASH", "A1", "", "USD", "-10000")
        ),
        entry(
            11, "J4",
            ("C.STREET", "A1", "T1", X, "100"), ("C.SEC", "A1", "L1", X, "-100"),
            ("C.CASH", "A1", "", "USD", "4990"), ("C.STREET", "A1", "T1", "USD", "-4990"),
            value_date=DAY + timedelta(days=3),
        ),
        entry(
            12, "J5",
            ("C.CASH", "A1", "", "USD", "5"), ("C.DUE", "", "", "USD", "-5"),
            ("H.DUE", "", "", "USD", "5"), ("H.COMM", "", "", "USD", "-5"),
        ),
        entry(
            31, "J6",
            ("C.DEPOT", "", "cust", X, "100"), ("C.STREET", "A1", "T1", X, "-100"),
            ("C.STREET", "A1", "T1", "USD", "4990"), ("C.NOSTRO", "", "bank", "USD", "-4990"),
        ),
        entry(
            32, "J7",
            ("C.SEC", "A1", "L1", X, "40"), ("C.STREET", "A1", "T2", X, "-40"),
            ("C.STREET", "A1", "T2", "USD", "2400"), ("C.CASH", "A1", "", "USD", "-2400"),
            value_date=DAY + timedelta(days=5),
        ),
    ]  # fmt: skip


def execution(position: int, exec_type: str, **over: Any) -> Loaded:
    result = {
        "order_id": "O1", "account_id": "A1", "exec_id": f"E{position}", "exec_ref_id": "",
        "trade_id": f"T{position}", "venue_order_id": "V", "last_qty": Decimal(100),
        "last_px": Decimal("49.90"), "trade_date": DAY + timedelta(days=1),
        "settl_date": DAY + timedelta(days=3), "instrument_id": "I1", "isin": X, "side": "BUY",
        "currency": "USD", "gross": Decimal("4990.00"), "last_mkt": "XNAS",
    }  # fmt: skip
    fact = FillFact(**(result | over), exec_type=exec_type)
    return about(position, "order.filled"), [fact]


def executions() -> list[Loaded]:
    return [
        execution(11, "fill", trade_id="T1"),
        execution(13, "fill", trade_id="T9", last_px=Decimal("99.00")),
        execution(14, "cancel", trade_id="T9", exec_ref_id="E13"),
        execution(
            32, "fill", trade_id="T2", side="SELL", last_qty=Decimal(40), last_px=Decimal("60.00"),
            gross=Decimal("2400.00"), trade_date=DAY + timedelta(days=3),
            settl_date=DAY + timedelta(days=5),
        ),
        # E50 on two accounts is a case; on another day, or twice on one account, it is none
        execution(51, "fill", exec_id="E50", trade_id="T51"),
        execution(52, "fill", exec_id="E50", trade_id="T52", account_id="A2", order_id="O2"),
        execution(53, "fill", exec_id="E50", trade_id="T53", account_id="A2", trade_date=DAY),
        execution(54, "fill", exec_id="E51", trade_id="T54"),
        execution(55, "fill", exec_id="E51", trade_id="T55", order_id="O3"),
        *(execution(50 + n, "cancel", trade_id=f"T{45 + n}") for n in range(6, 11)),
    ]  # fmt: skip


def receipts() -> list[Loaded]:
    """One reference of client C1 on two accounts; others on one account, or of another client."""
    result = [("D1", "C1", "aa"), ("D2", "C1", "aa"), ("D1", "C1", "bb"), ("D1", "C1", "bb")]
    out: list[Loaded] = []
    for n, (account, client, reference) in enumerate([*result, ("D3", "C3", "cc")], 1):
        payload = (
            f'{{"client_id":"{client}","reference_hmac":"{reference}",'
            f'"amount":"{n}.00","currency":"USD"}}'
        )
        fact = EventFact(
            stream=f"account-{account}", category="account", id=account, version=n, schema=2,
            event_id=f"r{n}", actor="tester", message_id=f"r{n}", causation_id="",
            correlation_id=f"r{n}", hash="", metadata=b"{}", payload=payload.encode(),
        )  # fmt: skip
        out.append((about(70 + n, "cash.deposited", account), [fact]))
    return out


def marks() -> list[Loaded]:
    closes = [("I1", 0, "50"), ("I2", 0, "10"), ("I1", 2, "64"), ("I1", 2, "60"), ("I2", 2, "9")]
    facts = [
        PriceFact(
            instrument_id=i, isin=i, date=DAY + timedelta(days=d), price=Decimal(p),
            currency="USD", source="close",
        )
        for i, d, p in closes
    ]  # fmt: skip
    return [
        (about(20 + n, "price.marked", f"price-{fact.instrument_id}"), [fact])
        for n, fact in enumerate(facts)
    ]


def events() -> list[Loaded]:
    """A chained stream of account-A1, an order, and events caused by it much later."""
    out: list[Loaded] = []
    previous = b""
    streams = [("account-A1", 1), ("account-A1", 2), ("account-A1", 3), ("order-O1", 1)]
    for position, (stream, version) in enumerate(streams, start=1):
        metadata = f'{{"stream":"{stream}","version":{version}}}'.encode()
        payload = ("é" * 200 * version).encode()
        previous = chain(previous if version > 1 else b"", payload, metadata)
        fact = EventFact(
            stream=stream, category=stream.split("-")[0], id=stream.split("-")[1],
            version=version, schema=1, event_id=str(position), actor="tester",
            message_id=f"m{position}", causation_id="",
            correlation_id="c1" if position > 2 else f"m{position}",
            hash=previous.hex(), metadata=metadata, payload=payload,
        )  # fmt: skip
        out.append((about(position), [fact]))
    return [*out, (about(80), [fact])]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    opened = Warehouse(f"chdb://{tmp_path_factory.mktemp('warehouse')}")

    async def fill() -> None:
        await prepare(opened)
        gathered = Gathered()
        for result, facts in (*journal(), *executions(), *receipts(), *marks(), *events()):
            gathered.add(result, [(type(facts[0]), facts)])
        for name, rows in gathered.tables().items():
            await opened.insert_arrow(f"{name}_raw", rows, token=name)

    asyncio.run(fill())
    yield opened
    asyncio.run(opened.close())


async def ask(warehouse: Warehouse, title: str) -> list[tuple[Any, ...]]:
    answer = await warehouse.readonly(statements()[title], max_rows=1000, timeout_s=20)
    return [tuple(row) for row in answer.rows]


D = Decimal
MARCH = date(2022, 3, 1)


@pytest.mark.parametrize("title", list(statements()))
async def test_every_query_of_the_document_runs_and_finds_something(
    warehouse: Warehouse, title: str
) -> None:
    assert await ask(warehouse, title)


async def test_the_trial_balance_is_zero_per_book_and_unit(warehouse: Warehouse) -> None:
    assert await ask(warehouse, "Trial balance") == [
        ("C", X, D(240), D(240), D(0)),
        ("C", "USD", D(22385), D(22385), D(0)),
        ("H", "USD", D(1005), D(1005), D(0)),
    ]


async def test_positions_tell_traded_from_settled(warehouse: Warehouse) -> None:
    assert await ask(warehouse, "Positions per account") == [("A1", X, D(60), D(100))]


async def test_slippage_is_against_the_last_mark_before_the_trade(warehouse: Warehouse) -> None:
    bought, sold = await ask(warehouse, "Fills per day and venue")
    assert bought[:4] == (DAY + timedelta(days=1), "XNAS", 1, D(4990))  # the bust counts zero
    assert bought[4] == pytest.approx((49.90 / 50 - 1) * 10_000)
    assert sold[:4] == (DAY + timedelta(days=3), "XNAS", 1, D(2400))
    assert sold[4] == pytest.approx(0.0)  # the later mark of that day, 60, counts


async def test_cash_is_as_of_a_date_and_as_known_at_a_moment(warehouse: Warehouse) -> None:
    title = "Cash by currency as of the end of a date"
    assert await ask(warehouse, title) == [("A1", "USD", D(7405), D(5005))]
    earlier = statements()[title].replace("2022-04-01 06:00:00", "2022-03-30 06:00:00")
    answer = await warehouse.readonly(earlier, max_rows=10, timeout_s=20)
    assert [tuple(r) for r in answer.rows] == [("A1", "USD", D(5005), D(9995))]


async def test_client_money_covers_what_it_must(warehouse: Warehouse) -> None:
    assert await ask(warehouse, "Client money") == [("USD", D(5005), D(5010), D(5), D(0), D(0))]


async def test_client_money_has_the_rule_of_the_ledger(warehouse: Warehouse) -> None:
    lines = " UNION ALL ".join(
        f"SELECT 'C' AS book, '{p.account}' AS account, '{p.owner}' AS owner, 'USD' AS unit, "
        f"toDecimal128('{p.amount}', 2) AS amount"
        for _, p in PAID_ENTITLEMENT
    )
    sql = statements()["Client money"].replace("FROM postings", f"FROM ({lines})")
    answer = await warehouse.readonly(sql, max_rows=10, timeout_s=20)
    found = by_control(balances_of(PAID_ENTITLEMENT))["USD"]
    figures = (found.requirement, found.resource, found.due, found.in_debit)
    assert [tuple(row)[:5] for row in answer.rows] == [("USD", *figures)]
    assert figures == (D(100), D(70), D(50), D(80))


async def test_what_is_unsettled_ages_from_its_settlement_date(warehouse: Warehouse) -> None:
    assert await ask(warehouse, "Ageing of what is unsettled with the market") == [
        ("1 to 3 days", X, 1, D(-40)),
        ("1 to 3 days", "USD", 1, D(2400)),
    ]


async def test_a_reference_on_two_accounts_of_a_client_is_found(warehouse: Warehouse) -> None:
    (row,) = await ask(warehouse, "One bank reference credited on several accounts of a client")
    assert (row[0], row[1], sorted(row[2])) == ("C1", "aa", ["D1", "D2"])
    assert sorted(row[3]) == ["1.00 USD", "2.00 USD"]


async def test_an_execution_id_on_two_accounts_in_a_day_is_found(warehouse: Warehouse) -> None:
    (row,) = await ask(warehouse, "One ExecID booked on several accounts in a day")
    assert (row[0], row[1]) == (DAY + timedelta(days=1), "E50")
    assert (sorted(row[2]), sorted(row[3]), row[5]) == (["A1", "A2"], ["O1", "O2"], D(200))


async def test_the_top_movers_are_those_of_the_last_day(warehouse: Warehouse) -> None:
    day = DAY + timedelta(days=2)
    assert await ask(warehouse, "Top movers of the last marked day") == [
        ("I1", day, D(50), D(60), 20.0),
        ("I2", day, D(10), D(9), -10.0),
    ]


async def test_the_house_income_is_a_credit(warehouse: Warehouse) -> None:
    title = "What the house earned by month"
    assert await ask(warehouse, title) == [(MARCH, "H.COMM", "USD", D(5))]


async def test_the_trace_recomputes_the_hash_chain_and_sees_a_change(warehouse: Warehouse) -> None:
    title = "The trace of a stream"
    assert [(row[0], row[-1]) for row in await ask(warehouse, title)] == [(1, 1), (2, 1), (3, 1)]
    changed = statements()[title].replace(
        "payload, metadata", "replace(payload, 'é', 'e'), metadata"
    )
    answer = await warehouse.readonly(changed, max_rows=10, timeout_s=20)
    assert [row[-1] for row in answer.rows] == [0, 0, 0]


async def test_a_conversation_is_listed_in_the_order_of_the_log(warehouse: Warehouse) -> None:
    rows = await ask(warehouse, "What followed from one command")
    assert [(row[0], row[1]) for row in rows] == [
        (3, "account-A1"),
        (4, "order-O1"),
        (80, "order-O1"),
    ]
