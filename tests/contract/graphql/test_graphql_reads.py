"""Reads over GraphQL: names, pages, filters, one SQL statement per level, moments."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from api.graphql.engine import vocabulary
from api.graphql.schema import sdl
from domain.account.obligations import SettleObligation
from tests.contract.http.edge import Edge, book, filled, listing, order, serving, settled
from tests.paths import ROOT

APPLE, IBM = "US0378331005", "US4592001014"
HOLDINGS = """
id baseCurrency
cash { currency traded settled reserved available }
positions {
  instrument { id symbol isin } qty settledQty averageCost costBasis costBasisBase
  marketValue unrealizedPnl
}
lots { id isin qty cost costBase acquiredOn }
nav { amount currency missing }
"""


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with serving() as edge:
        book(edge, "A1")
        book(edge, "E1", currency="EUR", cash="1000.00")
        book(edge, "P0", cash="0")
        for i in range(1, 6):
            account = {"account_id": f"P{i}", "client_id": "P0-c", "base_currency": "USD"}
            edge.did("OpenAccount", account | {"lot_method": "FIFO"})
        listing(edge, "AAPL", APPLE)
        listing(edge, "IBM", IBM, mark="120.00")
        for i in range(1, 4):
            order(edge, f"O{i}", "A1", "AAPL", qty="10")
        settled(edge)
        filled(edge, "O1", "E1", "4", "49.90")
        filled(edge, "O1", "E2", "6", "49.80")
        settled(edge)
        yield edge


def codes(answer: dict[str, Any]) -> list[str]:
    return [e["extensions"]["code"] for e in answer["errors"]]


def account(edge: Edge, id_: str, fields: str = HOLDINGS, **when: str) -> Any:
    arguments = "".join(f', {name}: "{value}"' for name, value in when.items())
    return edge.data(f'{{ account(id: "{id_}"{arguments}) {{ {fields} }} }}')["account"]


def test_an_account_shows_its_cash_positions_lots_and_value(edge: Edge) -> None:
    found = account(edge, "A1", atLeast=settled(edge))
    (cash,) = found["cash"]
    (position,) = found["positions"]
    (lot_a, lot_b) = found["lots"]
    cost = Decimal(position["costBasis"])
    charges = cost - Decimal("498.40")
    assert charges > 0
    assert Decimal(cash["traded"]) == Decimal("10000.00") - cost
    assert (
        Decimal(cash["settled"]) == Decimal("10000.00") - charges
    )  # our charges are settled at once
    assert Decimal(cash["reserved"]) > 0  # for the other two orders
    assert Decimal(cash["available"]) == Decimal(cash["traded"]) - Decimal(cash["reserved"])
    assert position["instrument"] == {"id": "AAPL", "symbol": "AAPL", "isin": APPLE}
    assert (position["qty"], position["settledQty"]) == ("10", "0")
    assert Decimal(position["averageCost"]) == cost / 10
    assert position["marketValue"] == "500.00"
    assert Decimal(position["unrealizedPnl"]) == 500 - cost
    assert Decimal(lot_a["qty"]) + Decimal(lot_b["qty"]) == 10
    assert Decimal(lot_a["cost"]) + Decimal(lot_b["cost"]) == cost
    assert found["nav"] == {
        "amount": str(10_000 - cost + 500),
        "currency": "USD",
        "missing": [],
    }


def test_an_order_shows_fix_names_and_its_fills(edge: Edge) -> None:
    query = """{ order(id: "O1") {
        id ordStatus cumQty leavesQty avgPx fills { execId lastQty lastPx } instrument { symbol }
    } }"""
    found = edge.data(query)["order"]
    assert Decimal(found.pop("avgPx")) == Decimal("49.84")
    assert found == {
        "id": "O1",
        "ordStatus": "FILLED",
        "cumQty": "10",
        "leavesQty": "0",
        "fills": [
            {"execId": "E1", "lastQty": "4", "lastPx": "49.9"},
            {"execId": "E2", "lastQty": "6", "lastPx": "49.8"},
        ],
        "instrument": {"symbol": "AAPL"},
    }


def test_a_client_leads_to_its_accounts_and_back(edge: Edge) -> None:
    query = '{ client(id: "P0-c") { id status accounts(first: 2) { nodes { id client { id } } } } }'
    found = edge.data(query)["client"]
    assert found["status"] == "approved"
    assert found["accounts"]["nodes"] == [
        {"id": "P0", "client": {"id": "P0-c"}},
        {"id": "P1", "client": {"id": "P0-c"}},
    ]


@pytest.mark.parametrize("root", ["account", "order", "client", "instrument"])
@pytest.mark.parametrize("when", ["", ', knownAt: "2100-01-01T00:00:00Z"'])
def test_an_unknown_id_is_null(edge: Edge, root: str, when: str) -> None:
    assert edge.data(f'{{ {root}(id: "nobody"{when}) {{ id }} }}') == {root: None}


def test_the_trial_balance_is_zero_in_every_book_and_unit(edge: Edge) -> None:
    query = "{ trialBalance { book unit debit credit balance accounts { account balance } } }"
    rows = edge.data(query)["trialBalance"]
    assert {"C", "H", "M"} == {row["book"] for row in rows}
    for row in rows:
        assert Decimal(row["debit"]) == Decimal(row["credit"]) > 0
        assert Decimal(row["balance"]) == 0
        assert sum(Decimal(a["balance"]) for a in row["accounts"]) == 0


@pytest.mark.parametrize(
    ("asked", "argument", "known"),
    [
        ('accounts(status: "foo") { nodes { id } }', "status", "closing_only"),
        ('accounts(status: "OPEN") { nodes { id } }', "status", "open"),
        ('accounts(status: "") { nodes { id } }', "status", "open"),
        ('clients(status: "open") { nodes { id } }', "status", "in_review"),
        ('cases(kind: "foo") { nodes { id } }', "kind", "duplicate_reference"),
        ('cases(kind: "foo") { nodes { id } }', "kind", "unreserved"),
        ('ledger(account: "CASH") { nodes { unit } }', "account", "C.CASH"),
    ],
)
def test_a_filter_names_the_words_that_it_knows_where_it_is_asked_for_another(
    edge: Edge, asked: str, argument: str, known: str
) -> None:
    answer = edge.ask(f"{{ {asked} }}")
    assert codes(answer) == ["BAD_ARGUMENT"]
    message = answer["errors"][0]["message"]
    assert message.startswith(f"{argument}: ") and known in message


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("accounts(status: {}) {{ nodes {{ id }} }}", vocabulary.ACCOUNT_STATUSES),
        ("clients(status: {}) {{ nodes {{ id }} }}", vocabulary.CLIENT_STATUSES),
        ("cases(kind: {}) {{ nodes {{ id }} }}", vocabulary.CASE_KINDS),
        ("ledger(account: {}) {{ nodes {{ unit }} }}", vocabulary.LEDGER_ACCOUNTS),
    ],
)
def test_a_filter_takes_every_word_that_it_names(
    edge: Edge, field: str, words: tuple[str, ...]
) -> None:
    for word in words:
        edge.data("{ " + field.format(f'"{word}"') + " }")


def test_client_money_holds_requirement_against_resource(edge: Edge) -> None:
    rows = edge.data("{ clientMoney { currency requirement resource due excess } }")["clientMoney"]
    by_currency = {row["currency"]: row for row in rows}
    assert by_currency["EUR"]["requirement"] == by_currency["EUR"]["resource"] == "1000.00"
    usd = {name: Decimal(v) for name, v in by_currency["USD"].items() if name != "currency"}
    assert usd["excess"] == usd["resource"] - usd["requirement"] == usd["due"] > 0


def test_the_ledger_is_read_by_account_and_unit(edge: Edge) -> None:
    query = '{ ledger(account: "C.CASH", unit: "EUR") { nodes { account owner unit balance } } }'
    assert edge.data(query)["ledger"]["nodes"] == [
        {"account": "C.CASH", "owner": "E1", "unit": "EUR", "balance": "-1000.00"}
    ]


def test_the_ledger_is_paged_by_its_key(edge: Edge) -> None:
    whole = edge.data("{ ledger { nodes { account owner ref unit balance } } }")["ledger"]["nodes"]
    assert walk(edge, "ledger", "account owner ref unit balance", 3) == whole
    assert len(whole) > 6


def test_obligations_are_what_is_unsettled(edge: Edge) -> None:
    query = (
        '{ obligations(accountId: "A1") { nodes { kind receiveUnit receiveOpen deliverUnit } } }'
    )
    nodes = edge.data(query)["obligations"]["nodes"]
    assert {(n["kind"], n["receiveUnit"], n["deliverUnit"]) for n in nodes} == {
        ("trade", APPLE, "USD")
    }
    assert sum(Decimal(n["receiveOpen"]) for n in nodes) == 10


def test_the_log_shows_its_position(edge: Edge) -> None:
    assert edge.data("{ log { position } }")["log"]["position"] == settled(edge)


def test_pages_follow_each_other_without_gap_or_repeat(edge: Edge) -> None:
    found = walk(edge, 'accounts(clientId: "P0-c")', "id", 2)
    assert [n["id"] for n in found] == ["P0", "P1", "P2", "P3", "P4", "P5"]


def test_filters_narrow_a_list(edge: Edge) -> None:
    filled_, pending = (
        edge.data(f'{{ orders(accountId: "A1", status: {s}) {{ nodes {{ id }} }} }}')["orders"]
        for s in ("FILLED", "PENDING_NEW")
    )
    assert [n["id"] for n in filled_["nodes"]] == ["O1"]
    assert [n["id"] for n in pending["nodes"]] == ["O2", "O3"]
    assert edge.data('{ accounts(status: "closed") { nodes { id } } }')["accounts"]["nodes"] == []
    by_isin = edge.data(f'{{ instruments(isin: "{IBM}") {{ nodes {{ id mark {{ price }} }} }} }}')
    assert [(n["id"], Decimal(n["mark"]["price"])) for n in by_isin["instruments"]["nodes"]] == [
        ("IBM", 120)
    ]


@pytest.mark.parametrize("first", [0, -1, 1001])
def test_first_is_bounded(edge: Edge, first: int) -> None:
    answer = edge.ask(f"{{ accounts(first: {first}) {{ nodes {{ id }} }} }}")
    assert codes(answer) == ["BAD_ARGUMENT"]


def test_a_cursor_of_another_list_or_of_none_is_refused(edge: Edge) -> None:
    page = edge.data("{ orders(first: 1) { pageInfo { endCursor } } }")["orders"]["pageInfo"]
    for cursor in (page["endCursor"], "garbage", "", "é", "WzFd", "WyJhY2NvdW50cyIsIlx1MDAwMCJd"):
        answer = edge.ask("query($c: String) { accounts(after: $c) { nodes { id } } }", c=cursor)
        assert codes(answer) == ["BAD_ARGUMENT"], cursor


@pytest.mark.parametrize("id_", ["\0", "a" * 100_000, "'; drop table views.accounts; --", "💥"])
def test_an_odd_id_does_no_harm(edge: Edge, id_: str) -> None:
    answer = edge.ask("query($i: ID!) { account(id: $i) { id } }", i=id_)
    assert answer["data"] == {"account": None}
    assert (
        codes(answer) == (["BAD_ARGUMENT"] if id_ == "\0" else []) if "errors" in answer else True
    )


def test_a_level_is_one_statement_however_many_nodes_it_has(edge: Edge) -> None:
    few = statements(edge, 'accounts(clientId: "P0-c", first: 1)')
    many = statements(edge, 'accounts(clientId: "P0-c", first: 6)')
    assert few == many
    assert many <= 10


def test_a_query_is_answered_at_one_instant_by_one_statement_a_table(edge: Edge) -> None:
    before = edge.platform.read_models.statements
    edge.data(f"{{ accounts(first: 50) {{ nodes {{ {HOLDINGS} }} }} }}")
    tables = {"accounts", "cash", "positions", "lots", "instruments", "marks", "rates"}
    assert edge.platform.read_models.statements - before == len(tables)


def test_nav_in_another_currency_needs_its_rate_and_says_so(edge: Edge) -> None:
    paid = {"account_id": "E1", "amount": "110.00", "currency": "USD", "reference": "dollars"}
    position = str(edge.did("DepositCash", paid)["position"])
    found = account(edge, "E1", "nav { amount currency missing }", atLeast=position)["nav"]
    assert found == {"amount": None, "currency": "EUR", "missing": ["rate of USD in EUR"]}
    rates = {"source": "ecb", "rate_date": "2024-01-02", "rates": {"USD": "1.1"}}
    position = str(edge.did("FixRates", rates)["position"])
    found = account(edge, "E1", "nav { amount currency missing }", atLeast=position)["nav"]
    assert found == {"amount": "1100.00", "currency": "EUR", "missing": []}


def test_settlement_moves_the_settled_figures_and_ends_the_obligation(edge: Edge) -> None:
    query = '{ account(id: "A1") { obligations { id receiveOpen deliverOpen } } }'
    first = edge.data(query)["account"]["obligations"][0]
    done = edge.internal(
        SettleObligation(
            account_id="A1",
            obligation_id=first["id"],
            qty=Decimal(first["receiveOpen"]),
            amount=Decimal(first["deliverOpen"]),
            value_date=datetime.now(UTC).date(),
            confirmation_id="C1",
        )
    )
    found = account(
        edge, "A1", "positions { settledQty } obligations { id }", atLeast=done.position
    )
    assert found["positions"] == [{"settledQty": first["receiveOpen"]}]
    assert first["id"] not in [o["id"] for o in found["obligations"]]


def test_the_schema_in_the_docs_is_current() -> None:
    assert (ROOT / "docs" / "schema.graphql").read_text() == sdl()


def walk(edge: Edge, root: str, fields: str, first: int) -> list[dict[str, Any]]:
    """All nodes of a list, page by page; the last cursor of a page selects the next page."""
    name, _, arguments = root.partition("(")
    arguments = arguments.rstrip(")")
    found: list[dict[str, Any]] = []
    after = None
    for _ in range(100):
        query = (
            f"query($after: String) {{ {name}({arguments} first: {first}, after: $after) {{ "
            f"edges {{ cursor node {{ {fields} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"
        )
        page = edge.data(query, after=after)[name]
        found += [e["node"] for e in page["edges"]]
        assert page["edges"][-1]["cursor"] == page["pageInfo"]["endCursor"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        assert len(page["edges"]) == first
    raise AssertionError("a list without end")


def statements(edge: Edge, root: str) -> int:
    before = edge.platform.read_models.statements
    edge.data(
        f"{{ {root} {{ nodes {{ {HOLDINGS} client {{ id }} orders {{ nodes {{ id }} }} }} }} }}"
    )
    return edge.platform.read_models.statements - before
