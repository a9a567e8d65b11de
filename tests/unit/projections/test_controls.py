"""The controls at a close: all pass on correct books, and each finds its own fault."""

from decimal import Decimal

import pytest

from domain import ledger
from domain.house import HouseFunded
from domain.ledger import Posting
from projections.ledger.controls import Line, add, by_unit, check, client_money
from tests.unit.domain.accounts import deposited

D = Decimal
X = "US0378331005"


def lines(*postings: tuple[str, str, str, str, str]) -> dict[Line, Decimal]:
    """(account, owner, ref, unit, amount) folded into balances."""
    found: dict[Line, Decimal] = {}
    add(
        found,
        (
            Posting(account=a, owner=o, ref=r, unit=u, amount=D(amount))
            for a, o, r, u, amount in postings
        ),
    )
    return found


BOOKS = lines(
    ("C.NOSTRO", "", "bank", "USD", "100.00"),
    ("C.CASH", "A1", "", "USD", "-90.00"),
    ("C.DUE", "", "", "USD", "-10.00"),
    ("H.DUE", "", "", "USD", "10.00"),
    ("H.COMM", "", "", "USD", "-10.00"),
    ("C.SEC", "A1", "L1", X, "-5"),
    ("C.DEPOT", "", "custodian", X, "5"),
)
BANK, CUSTODY = {"USD": D("100.00")}, {X: D(5)}


def failed(balances: dict[Line, Decimal], **changes: object) -> set[str]:
    given = {"bank": BANK, "custody": CUSTODY, "open_refs": {"C.STREET": frozenset()}} | changes
    return {c.name for c in check(balances, **given) if not c.ok}  # type: ignore[arg-type]


def moved(*postings: tuple[str, str, str, str, str]) -> dict[Line, Decimal]:
    changed = dict(BOOKS)
    for line, amount in lines(*postings).items():
        changed[line] = changed.get(line, D(0)) + amount
    return changed


def test_true_books_pass_every_control() -> None:
    assert failed(BOOKS) == set()


def test_a_line_that_returns_to_zero_leaves() -> None:
    found = dict(BOOKS)
    add(found, [Posting(account="C.CASH", owner="A1", unit="USD", amount=D("90.00"))])
    assert Line("C.CASH", "A1", "", "USD") not in found


def test_the_entries_of_an_event_keep_the_books_at_zero() -> None:
    found: dict[Line, Decimal] = {}
    for event in (deposited("10.00"), HouseFunded(currency="USD", amount=D("5.00"))):
        for entry in ledger.entries(event):
            add(found, entry.postings)
    names = {c.name for c in check(found, bank={"USD": D(10)}, custody={}, open_refs={}) if c.ok}
    assert {"client book is zero", "house book is zero", "memo book is zero"} <= names
    assert by_unit(found, "C.CASH") == {"USD": D("-10.00")}


@pytest.mark.parametrize(
    ("fault", "control"),
    [
        (("C.CASH", "A1", "", "USD", "-0.01"), "client book is zero"),
        (("H.FX", "", "", "USD", "0.01"), "house book is zero"),
        (("M.HOLD", "A1", "O1", "USD", "-1.00"), "memo book is zero"),
        (("H.DUE", "", "", "USD", "0.01"), "C.DUE + H.DUE = 0"),
        (("C.NOSTRO", "", "bank", "USD", "0.01"), "client nostro = bank statement"),
        (("C.NOSTRO", "", "bank", "EUR", "0.01"), "client nostro = bank statement"),
        (("C.DEPOT", "", "custodian", X, "1"), "client depot = custodian"),
        (("C.STREET", "A1", "T1", "USD", "1.00"), "clearing accounts of ended sagas are zero"),
    ],
)
def test_a_cent_or_a_share_too_many_is_found(
    fault: tuple[str, str, str, str, str], control: str
) -> None:
    assert control in failed(moved(fault))


def test_an_open_obligation_may_rest_in_its_clearing_account() -> None:
    books = moved(("C.STREET", "A1", "T1", "USD", "1.00"), ("C.CASH", "A1", "", "USD", "-1.00"))
    assert failed(books, open_refs={"C.STREET": frozenset({"T1"})}) == set()
    assert failed(books) == {"clearing accounts of ended sagas are zero"}


def test_one_clients_debit_is_not_covered_by_anothers_cash() -> None:
    books = moved(("C.CASH", "A1", "", "USD", "-20.00"), ("C.CASH", "A2", "", "USD", "20.00"))
    assert failed(books) == {"client money shortfall"}
    found = client_money(books)["USD"]
    assert (found.requirement, found.resource) == (D("110.00"), D("100.00"))


def test_unsettled_proceeds_are_not_owed_as_cash_yet() -> None:
    sale = [("C.STREET", "A1", "T1", "USD", "50.00"), ("C.CASH", "A1", "", "USD", "-50.00")]
    books = moved(*sale)
    found = client_money(books)["USD"]
    assert (found.requirement, found.resource) == (D("90.00"), D("100.00"))


def test_one_clients_short_stock_is_not_covered_by_anothers() -> None:
    books = moved(("C.SEC", "A1", "L1", X, "-2"), ("C.SEC", "A2", "L1", X, "2"))
    assert failed(books) == {"no client covered by another's stock"}
