"""The work of operations, over a real socket: dry runs, repeats, busts, closed accounts, ISINs."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from domain.account.withdrawals import CompleteWithdrawal, ReturnWithdrawal, SendWithdrawal
from domain.order.commands import RecordTradeCancel
from tests.contract.http.edge import Edge, book, filled, listing, order, serving, settled

APPLE, MICROSOFT = "US0378331005", "US5949181045"
CASES = """query ($kind: String, $first: Int!, $after: String, $to: String) {
  cases(kind: $kind, first: $first, after: $after, atLeast: $to) {
    nodes { id kind accountId orderId detail }
    pageInfo { hasNextPage endCursor }
  }
}"""


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with serving() as edge:
        book(edge, "A1", cash="2440.00")
        book(edge, "A2")
        listing(edge, "AAPL", APPLE)
        listing(edge, "MSFT", MICROSOFT, mark="400.00")
        yield edge


def cases(edge: Edge, kind: str | None = None, first: int = 100) -> list[dict[str, Any]]:
    """The cases on all pages."""
    found: list[dict[str, Any]] = []
    to, after = settled(edge), None
    while True:
        page = edge.data(CASES, kind=kind, first=first, after=after, to=to)["cases"]
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


def placed(order_id: str, **terms: str) -> dict[str, str]:
    body = {
        "order_id": order_id,
        "account_id": "A1",
        "instrument_id": "AAPL",
        "side": "BUY",
        "qty": "1000000",
        "ord_type": "MARKET",
    }
    return body | terms


def test_a_dry_run_is_refused_like_the_reservation(edge: Edge) -> None:
    before = edge.run(edge.platform.log.last())
    answer = edge.http.post("/commands/PlaceOrder?dry_run=true", json=placed("D1"))
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert body["type"] == "insufficient_funds"
    assert "2440.00" in answer.text
    small = edge.http.post("/commands/PlaceOrder?dry_run=true", json=placed("D1", qty="46"))
    assert small.status_code == 200, small.text
    assert small.json()["events"][0]["type"] == "order.placed"
    items = [{"name": "PlaceOrder", "body": placed(f"D{n}", qty=q)} for n, q in enumerate("19")]
    items.append({"name": "PlaceOrder", "body": placed("D9")})
    result = edge.http.post("/commands?dry_run=true", json=items).json()
    assert [one["status"] for one in result] == [200, 200, 422]
    assert edge.run(edge.platform.log.last()) == before


def test_a_dry_replace_is_refused_like_the_larger_hold(edge: Edge) -> None:
    order(edge, "R1", "A1", "AAPL", qty="40", limit_px="20.00")
    settled(edge)
    larger = {"order_id": "R1", "limit_px": "90.00"}
    answer = edge.http.post("/commands/ReplaceOrder?dry_run=true", json=larger)
    assert (answer.status_code, answer.json()["type"]) == (422, "insufficient_funds")
    fits = {"order_id": "R1", "limit_px": "30.00"}
    assert edge.http.post("/commands/ReplaceOrder?dry_run=true", json=fits).status_code == 200
    edge.did("HaltInstrument", {"instrument_id": "AAPL"})
    halted = edge.post("ReplaceOrder", fits)
    assert (halted.status_code, halted.json()["type"]) == (422, "instrument_not_tradable")
    edge.did("ResumeInstrument", {"instrument_id": "AAPL"})
    edge.did("CancelOrder", {"order_id": "R1", "reason": "done"})


def test_what_is_reported_twice_is_a_case_page_by_page(edge: Edge) -> None:
    paid = {"account_id": "A2", "amount": "100.00", "currency": "USD", "reference": "NTRY-7"}
    edge.did("DepositCash", paid)
    edge.did("DepositCash", paid)
    edge.did("ReturnDeposit", paid | {"reference": "NTRY-8"})
    (twice,) = cases(edge, "duplicate_reference")
    assert twice["accountId"] == "A2" and twice["id"].startswith("account-A2@")
    assert "NTRY" not in str(twice)
    (beyond,) = cases(edge, "returned_beyond_receipt")
    assert beyond["detail"] == "100.00 went back of 0"
    every = cases(edge)
    assert cases(edge, first=1) == every
    assert {"duplicate_reference", "returned_beyond_receipt"} <= {c["kind"] for c in every}


def test_a_bust_gives_back_what_the_rest_does_not_cost_and_holds_again(edge: Edge) -> None:
    order(edge, "B1", "A2", "AAPL", qty="40")
    settled(edge)
    filled(edge, "B1", "E1", "10", "50.00")
    filled(edge, "B1", "E2", "30", "50.00")
    settled(edge)
    today = datetime.now(UTC).date()
    edge.internal(
        RecordTradeCancel(
            order_id="B1",
            venue_order_id="V-B1",
            exec_id="H1",
            exec_ref_id="E1",
            trade_date=today,
            settl_date=date(today.year + 1, 1, 4),
        )
    )
    to = settled(edge)
    query = """query ($to: String) { account(id: "A2", atLeast: $to) {
      cash { currency traded reserved } } }"""
    (cash,) = edge.data(query, to=to)["account"]["cash"]
    deposited = Decimal("10000.00") + 200 - 100
    assert Decimal(cash["traded"]) == deposited - 1500 - Decimal("1.50")
    assert Decimal(cash["reserved"]) == Decimal(
        "500.50"
    )  # 10 of 40 at 50.00; the commission for all 40 is 2.00


def test_an_execution_under_another_order_is_a_case(edge: Edge) -> None:
    for order_id in ("X1", "X2"):
        order(edge, order_id, "A2", "AAPL", qty="4")
        settled(edge)
        filled(edge, order_id, "SAME", "4", "50.00")
    (case,) = cases(edge, "duplicate_execution")
    assert case["orderId"] == "X2"


def test_a_transfer_names_a_listing_of_its_shares_and_a_held_isin_stays(edge: Edge) -> None:
    wrong = {
        "transfer_id": "T1",
        "account_id": "A2",
        "to_account_id": "A1",
        "isin": APPLE,
        "qty": "1",
    }
    for named, refusal in (("MSFT", "isin_differs"), ("NONE", "instrument_unknown")):
        answer = edge.post("TransferSecurities", wrong | {"instrument_id": named})
        assert (answer.status_code, answer.json()["type"]) == (422, refusal)
    other = {"instrument_id": "AAPL", "isin": "US30303M1027"}
    answer = edge.post("AmendInstrument", other)
    assert (answer.status_code, answer.json()["type"]) == (422, "isin_held")


def test_a_sweep_takes_what_the_log_says_is_due_and_names_what_there_is(edge: Edge) -> None:
    body = {"currency": "CHF", "amount": "30.01"}
    nothing = edge.post("SweepDues", body)
    assert (nothing.status_code, nothing.json()["type"]) == (422, "insufficient_dues")
    today = datetime.now(UTC).date().isoformat()
    edge.did("ReceiveInterest", {"currency": "CHF", "amount": "30.00", "value_date": today})
    beyond = edge.post("SweepDues", body)
    result = {"required": "30.01", "available": "30.00", "currency": "CHF"}
    assert (beyond.status_code, beyond.json()["state"]) == (422, result)
    edge.did("SweepDues", body | {"amount": "30.00"})
    settled(edge)
    assert edge.post("SweepDues", body | {"amount": "0.01"}).status_code == 422


def test_money_that_comes_back_to_a_closed_account_is_a_case_and_leaves_again(edge: Edge) -> None:
    book(edge, "A3", cash="500.00")
    out = {"account_id": "A3", "amount": "500.00", "currency": "USD", "reference": "all"}
    edge.did("WithdrawCash", out)
    edge.internal(SendWithdrawal(account_id="A3", payment_id="A3.W1"))
    edge.internal(CompleteWithdrawal(account_id="A3", payment_id="A3.W1"))
    edge.did("CloseAccount", {"account_id": "A3"})
    edge.internal(
        ReturnWithdrawal(
            account_id="A3",
            payment_id="A3.W1",
            amount=Decimal("500.00"),
            currency="USD",
            reason="AC04",
        )
    )
    assert [c["accountId"] for c in cases(edge, "account_closed")] == ["A3"]
    assert edge.post("WithdrawCash", out).json()["type"] == "account_not_open"
    people = {"reason": "money came back", "requested_by": "ann", "approved_by": "bob"}
    edge.did("ReopenAccount", {"account_id": "A3"} | people)
    edge.did("WithdrawCash", out)
