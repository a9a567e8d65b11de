"""The ledger: random events of every posting type make entries that balance, on known accounts."""

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import account, house
from domain.account.base_cost import BaseCostStated
from domain.account.busts import TradeBusted
from domain.account.obligations import ObligationFailing
from domain.account.rematching import LotsRematched
from domain.account.residues import ResidueCashed
from domain.account.selection import LotsSelected
from domain.account.standing import (
    AccountOpened,
    AccountRestricted,
    LotMethodChanged,
    PersonAuthorised,
    PersonRevoked,
)
from domain.account.trades import TradeBooked
from domain.account.transfers import TransferCompleted
from domain.ledger import CHART, CLEARING, CLIENT_MONEY, ENTRIES, ClientMoney, Kind, entries
from domain.rules.charges import Charge
from domain.rules.lots import LotMove
from domain.shared.fix import Side
from domain.shared.message import Event

D = Decimal
SILENT = {
    AccountOpened,
    PersonAuthorised,
    PersonRevoked,
    LotMethodChanged,
    AccountRestricted,
    ObligationFailing,
    BaseCostStated,
    TransferCompleted,
    house.CloseRequested,
    house.CloseFailed,
    house.DayClosed,
}
"""Events without postings, as they move no money, no shares and no hold."""

ids = st.sampled_from(["A1", "A2", "T1", "T2", "O1", "W1"])
units = st.sampled_from(["USD", "EUR", "US0378331005"])
amounts = st.integers(0, 10**12).map(lambda n: D(n).scaleb(-2))
signed = st.integers(-(10**12), 10**12).map(lambda n: D(n).scaleb(-2))
quantities = st.integers(0, 10**12).map(lambda n: D(n).scaleb(-8))
charges = st.builds(
    Charge,
    kind=st.sampled_from(["commission", "stamp_duty"]),
    amount=amounts,
    authority=st.sampled_from(["", "HMRC"]),
)
moves = st.builds(
    LotMove,
    lot_id=ids,
    qty=st.integers(-(10**12), 10**12).map(lambda n: D(n).scaleb(-8)),
    cost=signed,
    cost_base=signed,
    acquired_on=st.just(date(2024, 6, 3)),
)
BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "side": st.sampled_from(Side),
    "lots": st.lists(moves, max_size=4).map(tuple),
    "charges": st.lists(charges, max_size=3).map(tuple),
    "qty": quantities,
    "open_qty": quantities,
    "reverse_qty": quantities,
    "added": signed,
    "payee": st.none(),
    "in_debit": st.booleans(),
    "free_riding": st.booleans(),
}
TEXTS = {"unit", "currency", "isin", "hold_unit"}


def _field(kind: type[Event], name: str) -> st.SearchStrategy[Any]:
    if name in BY_NAME:
        return BY_NAME[name]
    if name.endswith(("_date", "period_end")):
        return st.just(date(2024, 6, 4))
    if name.endswith("_on"):
        return st.none()
    if kind.__annotations__.get(name) is str:
        return units if name in TEXTS or name.endswith("_currency") else ids
    return signed


def events_of(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Events of a type, with figures that a decision could not make all at once."""
    fields = {name: _field(kind, name) for name in kind.__struct_fields__}
    return st.builds(kind, **fields).map(_consistent)


KINDS = sorted(ENTRIES, key=lambda k: k.__name__)


def _consistent(event: Event) -> Event:
    """Make lots add up to the event's quantity, as a decision guarantees."""
    match event:
        case TradeBooked(side=side, qty=qty, lots=lots):
            wanted = qty if side is Side.BUY else -qty
        case TradeBusted(side=side, open_qty=rest, reverse_qty=back, lots=lots):
            wanted = -(rest + back) if side is Side.BUY else rest + back
        case LotsSelected(lots=lots) | LotsRematched(lots=lots):
            wanted = D(0)
        case ResidueCashed(qty=qty, lots=lots):
            wanted = -qty
        case _:
            return event
    last = LotMove(
        lot_id="last",
        qty=wanted - sum((m.qty for m in lots), D(0)),
        cost=D(0),
        cost_base=D(0),
        acquired_on=date(2024, 6, 3),
    )
    return replace(event, lots=(*lots, last))


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_is_zero_per_book_and_unit(kind: type[Event]) -> None:
    posted = 0

    @given(events_of(kind))
    @settings(max_examples=60)
    def check(event: Event) -> None:
        nonlocal posted
        for entry in entries(event):
            posted += 1
            total = Counter[tuple[str, str]]()
            for p in entry.postings:
                assert p.amount
                assert p.account in CHART
                total[p.book, p.unit] += p.amount
            assert len(entry.postings) >= 2
            assert not any(total.values()), entry

    check()
    assert posted  # or the property would hold for a type that never posts


def test_every_event_of_account_and_house_posts_or_is_known_to_be_silent() -> None:
    everything = {*account.EVENTS, *house.EVENTS}
    assert set(ENTRIES) | SILENT == everything
    assert not set(ENTRIES) & SILENT


def test_a_silent_event_posts_nothing() -> None:
    assert entries(PersonRevoked(account_id="A1", person_id="P")) == ()


def test_the_chart_names_the_book_of_every_account() -> None:
    assert {name[0] for name in CHART} == {"C", "H", "M"}
    assert all(name[1] == "." for name in CHART)
    assert CHART["C.CASH"] is Kind.LIABILITY
    assert set(CHART) >= CLEARING


def test_the_client_estate_owes_what_it_holds_for_clients() -> None:
    assets = {k for k, kind in CHART.items() if kind is Kind.ASSET and k[0] == "C"}
    assert assets == {"C.NOSTRO", "C.DEPOT"}


def test_every_account_of_the_chart_has_one_role_for_client_money() -> None:
    assert set(CLIENT_MONEY) == set(CHART)


def test_money_that_the_client_estate_owes_is_client_money_or_the_houses_due() -> None:
    """In double entry, an account without a role would be missing from requirement and resource."""
    left_out = {name for name, role in CLIENT_MONEY.items() if role is ClientMoney.NONE}
    assert {name for name in left_out if name[0] == "C"} == {"C.DEPOT", "C.SEC"}
    assert {name for name, role in CLIENT_MONEY.items() if role is ClientMoney.RESOURCE} == {
        "C.NOSTRO"
    }
