"""Postings for the rule of client money: named cases, and random ones."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from domain.ledger import CHART, CLIENT_MONEY, ClientMoney, Posting
from projections.ledger import client_money as view
from projections.ledger.client_money import Money
from projections.ledger.controls import Line, add
from projections.ports import Key

Homed = tuple[str, Posting]
"""A posting, and the home of the event that posts it."""


def post(account: str, amount: str, owner: str = "", ref: str = "", unit: str = "USD") -> Posting:
    return Posting(account=account, owner=owner, ref=ref, unit=unit, amount=Decimal(amount))


PAID_ENTITLEMENT: Sequence[Homed] = (
    ("A1", post("C.CA", "100.00", ref="D1")),  # ex: the issuer owes what A1 is entitled to
    ("A1", post("C.ENT", "-100.00", "A1", "D1")),
    ("D1", post("C.NOSTRO", "100.00", ref="main")),  # paid, and not yet credited
    ("D1", post("C.CA", "-100.00", ref="D1")),
    ("A2", post("C.CASH", "80.00", "A2")),  # in debit
    ("A2", post("C.DUE", "-50.00")),
    ("A2", post("C.NOSTRO", "-30.00", ref="main")),
)
"""A1 is entitled to 100 that the bank has received, A2 is 80 in debit, the house is due 50."""

amounts = st.integers(-500_00, 500_00).map(lambda cents: Decimal(cents) / 100)
homes = st.sampled_from(["A1", "A2", "house-main", "D1"])
postings = st.builds(
    Posting,
    account=st.sampled_from(sorted(CHART)),
    owner=st.sampled_from(["", "A1", "A2", "A3"]),
    ref=st.sampled_from(["", "D1", "D2"]),
    unit=st.sampled_from(["USD", "EUR", "GBX", "US0378331005"]),  # GBX is no currency
    amount=amounts,
)
anything = st.lists(st.tuples(homes, postings), max_size=40)
"""Any postings, balanced or not."""

of_clients = sorted(a for a, role in CLIENT_MONEY.items() if role is not ClientMoney.NONE)


lines = st.builds(
    post,
    st.sampled_from(of_clients),
    st.just("1"),
    st.sampled_from(["", "A1", "A2", "A3"]),
    st.sampled_from(["", "D1"]),
)
entries = st.lists(st.tuples(homes, lines, lines, amounts), max_size=20).map(
    lambda found: [
        (home, replace(line, amount=signed))
        for home, debit, credit, amount in found
        for line, signed in ((debit, amount), (credit, -amount))
    ]
)
"""Balanced entries within the client estate, in cash."""


def balances_of(homed: Sequence[Homed]) -> dict[Line, Decimal]:
    """The balances that the controls check."""
    found: dict[Line, Decimal] = {}
    add(found, (posting for _, posting in homed))
    return found


def rows_of(homed: Sequence[Homed]) -> Sequence[Money]:
    """The rows of the view, from one event per posting."""
    rows: dict[Key, Money] = {}
    for home, posting in homed:
        for key, fact in view.added([posting], home):
            rows[key] = view.fold(rows.get(key), key, fact)
    return list(rows.values())


def figures(found: Any) -> Mapping[str, Decimal]:
    """All figures of a `ClientMoney` row by name; zeros if there is none."""
    names = ("requirement", "resource", "shortfall", "excess", "due", "in_debit")
    return {name: getattr(found, name) if found else Decimal(0) for name in names}
