"""Cost and value of holdings over GraphQL: by currency, null without a price or rate, and age."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.account.busts import Booked, BustTrade
from domain.account.trades import BookTrade
from domain.shared.fix import Side
from domain.shared.market_time import house_today
from tests.contract.http.edge import Edge, book, serving, settled, us_today

APPLE, VODAFONE = "US0378331005", "GB00BH4HKS39"
D = Decimal
COSTS = """positions(closed: true) {
  isin qty currency costBasis costBasisBase realizedPnl realizedPnlBase baseUnknown
  byCurrency { currency costBasis realizedPnl }
}"""


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with serving() as edge:
        yield edge


def account(edge: Edge, name: str, fields: str, at_least: str) -> Any:
    query = f'{{ account(id: "{name}", atLeast: "{at_least}") {{ {fields} }} }}'
    return edge.data(query)["account"]


def listed(edge: Edge, name: str, isin: str, **terms: str) -> None:
    body = {"instrument_id": name, "symbol": name, "isin": isin, "asset_class": "equity"}
    edge.did("ListInstrument", body | {"lot_size": "1", "tick_size": "0.01"} | terms)


def marked(edge: Edge, name: str, isin: str, price: str, currency: str) -> None:
    body = {"instrument_id": name, "isin": isin, "price": price, "currency": currency}
    edge.did("MarkPrice", body | {"price_date": today().isoformat(), "source": "test"})


def today() -> date:
    """The house date, by which rates, ages and new terms are judged. London is never behind it."""
    return house_today(datetime.now(UTC))


def fixed(edge: Edge, on: date | None = None, **rates: str) -> None:
    on = on or today()
    edge.did("FixRates", {"source": "ecb", "rate_date": on.isoformat(), "rates": rates})


def traded(edge: Edge, name: str, trade_id: str, side: Side, px: str, **terms: Any) -> date:
    """A trade of today in the US; returns its date."""
    trade_date = us_today()
    facts = {"qty": D(10), "currency": "USD", "isin": APPLE, "country": "DE"}
    facts |= {"instrument_id": "AAPL"} | terms
    edge.internal(
        BookTrade(
            account_id=name,
            trade_id=trade_id,
            order_id=f"o-{trade_id}",
            exec_id=trade_id,
            side=side,
            price=D(px),
            gross=D(px) * facts["qty"],
            trade_date=trade_date,
            settl_date=trade_date + timedelta(days=2),
            **facts,
        )
    )
    return trade_date


def test_base_figures_are_null_and_flagged_until_the_first_fixing(edge: Edge) -> None:
    book(edge, "U", currency="EUR", cash="1000.00")
    us = {"country": "US", "qty": D(100)}
    traded(edge, "U", "u1", Side.BUY, "50.00", **us)
    (held,) = account(edge, "U", COSTS, settled(edge))["positions"]
    assert (held["costBasis"], held["costBasisBase"], held["baseUnknown"]) == (
        "5005.00",
        None,
        True,
    )
    lots = account(edge, "U", "lots { cost currency costBase }", settled(edge))["lots"]
    assert lots == [{"cost": "5005.00", "currency": "USD", "costBase": None}]
    traded(edge, "U", "u2", Side.SELL, "50.00", qty=D(100))
    (sold,) = account(edge, "U", COSTS, settled(edge))["positions"]
    assert (sold["realizedPnl"], sold["realizedPnlBase"]) == ("-10.00", None)
    fixed(edge, USD="1.1", GBP="0.85")
    (known,) = account(edge, "U", COSTS, settled(edge))["positions"]
    assert (known["realizedPnlBase"], known["baseUnknown"]) == ("-9.09", False)


def test_cost_and_gain_of_two_currencies_are_never_added(edge: Edge) -> None:
    book(edge, "M", currency="EUR", cash="1000.00")
    traded(edge, "M", "m1", Side.BUY, "50.00")
    traded(edge, "M", "m2", Side.BUY, "45.00", currency="EUR")
    (held,) = account(edge, "M", COSTS, settled(edge))["positions"]
    assert (held["costBasis"], held["costBasisBase"]) == (None, "906.45")
    assert held["byCurrency"] == [
        {"currency": "EUR", "costBasis": "451.00", "realizedPnl": "0"},
        {"currency": "USD", "costBasis": "501.00", "realizedPnl": "0"},
    ]
    traded(edge, "M", "m3", Side.SELL, "45.00", currency="EUR")
    (half,) = account(edge, "M", COSTS, settled(edge))["positions"]
    assert (half["currency"], half["costBasis"], half["costBasisBase"]) == (
        "EUR",
        "451.00",
        "451.00",
    )
    assert (half["realizedPnl"], half["realizedPnlBase"]) == (None, "-6.45")


def test_a_changed_quotation_leaves_the_value_of_a_holding(edge: Edge) -> None:
    book(edge, "Q", currency="GBP", cash="2000.00")
    listed(edge, "VOD", VODAFONE, currency="GBX", mic="XLON")
    marked(edge, "VOD", VODAFONE, "70", "GBX")
    traded(
        edge,
        "Q",
        "q1",
        Side.BUY,
        "0.70",
        currency="GBP",
        isin=VODAFONE,
        qty=D(1000),
        instrument_id="VOD",
    )
    value = "positions { marketValue unrealizedPnl mark { price currency ageDays stale } }"
    before = account(edge, "Q", value, settled(edge))["positions"]
    edge.did("AmendInstrument", {"instrument_id": "VOD", "currency": "GBP"})
    after = account(edge, "Q", value, settled(edge))["positions"]
    assert before == after
    assert after[0]["marketValue"] == "700.00" and after[0]["mark"]["currency"] == "GBX"
    marked(edge, "VOD", VODAFONE, "0.70", "GBP")
    (new,) = account(edge, "Q", value, settled(edge))["positions"]
    assert (new["marketValue"], new["mark"]["price"], new["mark"]["stale"]) == (
        "700.00",
        "0.7",
        False,
    )


def test_nav_names_the_marks_and_rates_that_are_old(edge: Edge) -> None:
    old = today() - timedelta(days=400)
    book(edge, "S", currency="EUR", cash="1000.00")
    edge.did(
        "DepositCash",
        {"account_id": "S", "amount": "105.00", "currency": "CHF", "reference": "francs"},
    )
    nav = "nav { amount currency missing stale { kind id asOf ageDays } }"
    found = account(edge, "S", nav, settled(edge))["nav"]
    assert found["amount"] is None and found["missing"] == ["rate of CHF in EUR"]
    fixed(edge, old, CHF="1.05")
    found = account(edge, "S", nav, settled(edge))["nav"]
    (stale,) = found["stale"]
    assert found["amount"] == "1100.00"
    assert 400 <= stale.pop("ageDays") <= (today() - old).days  # midnight may pass meanwhile
    assert stale == {"kind": "rate", "id": "CHF", "asOf": old.isoformat()}
    fixed(edge, CHF="1.05")
    assert account(edge, "S", nav, settled(edge))["nav"]["stale"] == []


def test_an_answer_about_the_past_counts_age_from_then(edge: Edge) -> None:
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    query = f'{{ account(id: "S", asOf: "{moment}") {{ nav {{ amount stale {{ id }} }} }} }}'
    assert edge.data(query)["account"]["nav"] == {"amount": "1100.00", "stale": []}


def test_a_listing_in_two_moneys_is_refused_at_the_door(edge: Edge) -> None:
    body = {"instrument_id": "TWO", "symbol": "TWO", "isin": APPLE, "currency": "USD"}
    terms = {"mic": "XNAS", "settlement_currency": "EUR"}
    answer = edge.post("ListInstrument", body | terms)
    assert answer.status_code == 422
    assert "settlement_currency_differs" in answer.json()["type"]


SHOWN = "positions{0} {{ isin qty settledQty realizedPnl marketValue }} nav {{ amount missing }}"


def shown(edge: Edge, name: str, *, closed: bool) -> Any:
    return account(edge, name, SHOWN.format("(closed: true)" if closed else ""), settled(edge))


def test_what_was_sold_whole_is_no_position_and_keeps_what_it_realised(edge: Edge) -> None:
    book(edge, "Z", cash="1000.00")
    traded(edge, "Z", "z1", Side.BUY, "50.00")
    assert [p["qty"] for p in shown(edge, "Z", closed=False)["positions"]] == ["10"]
    traded(edge, "Z", "z2", Side.SELL, "60.00")
    assert shown(edge, "Z", closed=False)["positions"] == []
    (gone,) = shown(edge, "Z", closed=True)["positions"]
    assert (gone["qty"], gone["realizedPnl"]) == ("0", "98.00")  # 600 - 1 less 500 + 1


def test_what_was_busted_is_no_position(edge: Edge) -> None:
    book(edge, "ZB", cash="1000.00")
    trade_date = traded(edge, "ZB", "zb1", Side.BUY, "50.00")
    state: Any = edge.run(edge.platform.handler.state("account-ZB"))[0]
    trade = state.obligations["zb1"].trade
    booked = Booked(
        exec_id="zb1", isin=APPLE, side=Side.BUY, qty=D(10), currency="USD", gross=D("500.00"),
        charges=trade.charges, lots=trade.lots, trade_date=trade_date,
    )  # fmt: skip
    edge.internal(
        BustTrade(
            account_id="ZB",
            trade_id="zb1",
            order_id="o-zb1",
            booked=booked,
            settl_date=trade_date,
        )
    )
    assert shown(edge, "ZB", closed=False)["positions"] == []
    (gone,) = shown(edge, "ZB", closed=True)["positions"]
    assert (gone["qty"], gone["realizedPnl"]) == ("0", "0")
