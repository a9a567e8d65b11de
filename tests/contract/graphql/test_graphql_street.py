"""What operations read: instructions, where stock lies, and cash to come; figures by hand."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.graphql.street import _ladder
from domain.settlement.commands import (
    MarkFailing,
    RecordSettlementConfirmation,
    RecordSettlementStatus,
)
from domain.settlement.events import StatusKind
from domain.shared.fix import Side
from tests.contract.graphql.test_graphql_holdings import traded
from tests.contract.http.edge import (
    Edge,
    book,
    filled,
    listing,
    order,
    serving,
    settled,
    us_today,
)

APPLE = "US0378331005"
US = {"country": "US"}


class Traded(NamedTuple):
    edge: Edge
    due: date  # of all trades


@pytest.fixture(scope="module")
def desk() -> Iterator[Traded]:
    """A1 bought 10 at 50.00 (4 of them settled) and 2 at 60.00 (failing); A2 sold 3 of 5."""
    with serving() as edge:
        book(edge, "A1", cash="10000.00")
        book(edge, "A2", cash="1000.00")
        listing(edge, "AAPL", APPLE)
        day = traded(edge, "A1", "T1", Side.BUY, "50.00", **US)
        traded(edge, "A1", "T2", Side.BUY, "60.00", qty=Decimal(2), **US)
        traded(edge, "A2", "T3", Side.BUY, "50.00", qty=Decimal(5), **US)
        traded(edge, "A2", "T4", Side.SELL, "55.00", qty=Decimal(3), **US)
        settled(edge)
        matched = {"status_kind": StatusKind.MATCHING, "status": "matched"}
        for name in ("T1", "T2"):
            edge.internal(RecordSettlementStatus(obligation_id=name, **matched))
        edge.internal(
            RecordSettlementConfirmation(
                obligation_id="T1",
                confirmation_id="C1",
                qty=Decimal(4),
                amount=Decimal("200.00"),
                value_date=day,
            )
        )
        edge.internal(MarkFailing(obligation_id="T2", reason="no stock", whose="counterparty"))
        settled(edge)
        yield Traded(edge, day + timedelta(days=2))


def test_an_instruction_shows_its_statuses_and_its_rest(desk: Traded) -> None:
    query = """{ settlement(id: "T1") {
        status matching processing restQty settledQty settledAmount amount daysLate settlDate
    } }"""
    found = desk.edge.data(query)["settlement"]
    assert found == {
        "status": "part_settled",
        "matching": "matched",
        "processing": "",
        "restQty": "6",
        "settledQty": "4",
        "settledAmount": "200.00",
        "amount": "500.00",
        "daysLate": 0,
        "settlDate": desk.due.isoformat(),
    }


def test_fails_are_the_instructions_that_fail(desk: Traded) -> None:
    query = '{ settlements(status: "failing") { nodes { id reason whose restQty } } }'
    assert desk.edge.data(query)["settlements"]["nodes"] == [
        {"id": "T2", "reason": "no stock", "whose": "counterparty", "restQty": "2"}
    ]
    bad = desk.edge.ask('{ settlements(status: "lost") { nodes { id } } }')
    assert "status: lost is none of" in bad["errors"][0]["message"]


def test_who_owns_a_stock_is_where_it_lies(desk: Traded) -> None:
    query = f"""{{ stockRecord(isin: "{APPLE}") {{
        owned lies difference
        owners {{ account owner qty }} places {{ account ref qty }}
    }} }}"""
    found = desk.edge.data(query)["stockRecord"]
    assert (found["owned"], found["lies"], found["difference"]) == ("14", "14", "0")
    by_owner: dict[str, Decimal] = {}
    for line in found["owners"]:
        assert line["account"] == "C.SEC"
        by_owner[line["owner"]] = by_owner.get(line["owner"], Decimal(0)) + Decimal(line["qty"])
    assert by_owner == {"A1": 12, "A2": 2}
    places = {(line["account"], line["ref"]): Decimal(line["qty"]) for line in found["places"]}
    assert places == {
        ("C.DEPOT", "main"): Decimal(4),
        ("C.STREET", "T1"): Decimal(6),
        ("C.STREET", "T2"): Decimal(2),
        ("C.STREET", "T3"): Decimal(5),
        ("C.STREET", "T4"): Decimal(-3),
    }


def test_an_instrument_that_nobody_holds_has_an_empty_record(desk: Traded) -> None:
    found = desk.edge.data('{ stockRecord(isin: "GB00BH4HKS39") { owned lies owners { qty } } }')
    assert found["stockRecord"] == {"owned": "0", "lies": "0", "owners": []}


def test_the_ladder_adds_what_is_due_to_what_is_there(desk: Traded) -> None:
    query = """{ cashLadder(currency: "USD", days: 7) {
        opening inFlight overdue later days { day receive deliver balance }
    } }"""
    found = desk.edge.data(query)["cashLadder"]
    assert (found["opening"], found["inFlight"]) == ("10800.00", "0.00")  # 11000 less T1's part
    assert (found["overdue"], found["later"]) == ("0.00", "0.00")
    assert found["days"][0]["day"] == datetime.now(UTC).date().isoformat()
    [due] = [d for d in found["days"] if Decimal(d["deliver"])]
    assert due == {
        "day": desk.due.isoformat(),
        "receive": "165.00",  # T4
        "deliver": "670.00",  # 300 of T1, 120 of T2, 250 of T3
        "balance": "10295.00",
    }
    assert found["days"][-1]["balance"] == "10295.00"


@pytest.mark.parametrize("days", [0, 61])
def test_a_ladder_has_1_to_60_days(desk: Traded, days: int) -> None:
    answer = desk.edge.ask(f'{{ cashLadder(currency: "USD", days: {days}) {{ opening }} }}')
    assert "days must be from 1 to 60" in answer["errors"][0]["message"]


AMOUNTS = st.dictionaries(
    st.dates(date(2024, 2, 25), date(2024, 3, 20)),
    st.decimals("0.01", "1000000", places=2),
    max_size=6,
)


@given(AMOUNTS, AMOUNTS, st.integers(1, 20))
def test_nothing_is_in_no_part_of_the_ladder(
    receive: dict[date, Decimal], deliver: dict[date, Decimal], days: int
) -> None:
    opening, flight = Decimal("100.00"), Decimal("7.00")
    made = _ladder(
        "USD",
        today=date(2024, 3, 4),
        days=days,
        opening=opening,
        in_flight=flight,
        receive=receive,
        deliver=deliver,
    )
    end = Decimal(made.days[-1].balance) + Decimal(made.overdue) + Decimal(made.later)
    assert end == opening - flight + sum(receive.values()) - sum(deliver.values())


def test_an_order_is_followed_from_the_click_to_settled_cash() -> None:
    with serving() as edge:
        book(edge, "A1", cash="10000.00")
        listing(edge, "AAPL", APPLE)
        order(edge, "O1", "A1", "AAPL", qty="10")
        settled(edge)
        filled(edge, "O1", "E1", "10", "49.90")
        settled(edge)
        [trade] = edge.data('{ order(id: "O1") { fills { tradeId } } }')["order"]["fills"]
        edge.internal(
            RecordSettlementConfirmation(
                obligation_id=trade["tradeId"],
                confirmation_id="C1",
                qty=Decimal(10),
                amount=Decimal("499.00"),
                value_date=us_today(),
            )
        )
        settled(edge)
        query = """{ order(id: "O1") { timeline {
            name source position raw postings { account owner ref unit amount }
        } } }"""
        steps = edge.data(query)["order"]["timeline"]
        unknown = edge.data('{ order(id: "O9") { timeline { name } } }')["order"]
    assert unknown is None
    assert [step["name"] for step in steps] == [
        "order.placed",
        "funds.reserved",
        "order.released",
        "order.accepted",
        "order.filled",
        "trade.booked",
        "settlement.instructed",
        "settlement.confirmed",
        "obligation.settled",
    ]
    positions = [int(step["position"]) for step in steps]
    assert positions == sorted(positions) and steps[0]["source"] == "order-O1@1"
    assert all(step["raw"] is None for step in steps)  # no message was recorded here
    posted = {(p["account"], p["unit"], p["amount"]) for p in steps[-1]["postings"]}
    assert posted == {
        ("C.DEPOT", APPLE, "10"),
        ("C.STREET", APPLE, "-10"),
        ("C.STREET", "USD", "499.00"),
        ("C.NOSTRO", "USD", "-499.00"),
    }
