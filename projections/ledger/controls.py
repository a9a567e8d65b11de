"""The controls at each close (domain.md rule 22), over ledger balances from any source.

The same pure checks run over the balances that Postgres serves, those that ClickHouse sums and
those folded from the log: all three must agree and pass. A trial balance is zero by construction,
so the checks also compare it with the counterparties' statements.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from domain.house import Control
from domain.ledger import Posting
from domain.shared.money import ZERO, is_currency
from projections.ledger.client_money import CloseFigures, Money, added, close_figures, fold


class Line(NamedTuple):
    """The key of a ledger balance."""

    account: str
    owner: str
    ref: str
    unit: str


Balances = Mapping[Line, Decimal]
"""Signed sums (+ debit, - credit); a line that is zero may be missing."""


class Served(NamedTuple):
    """Balances as a view serves them, and the position of each of its partitions."""

    balances: Balances
    positions: Sequence[int]  # log positions, by partition


def add(balances: dict[Line, Decimal], postings: Iterable[Posting]) -> None:
    """Fold postings into running balances; lines that become zero are removed."""
    for p in postings:
        line = Line(p.account, p.owner, p.ref, p.unit)
        amount = balances.get(line, ZERO) + p.amount
        if amount:
            balances[line] = amount
        else:
            balances.pop(line, None)


def check(
    balances: Balances,
    *,
    bank: Mapping[str, Decimal],
    custody: Mapping[str, Decimal],
    open_refs: Mapping[str, frozenset[str]],
) -> tuple[Control, ...]:
    """Every control, failed ones included.

    Args:
        bank: closing booked balance of the client account by currency, from the bank's statement.
        custody: client holdings by ISIN, from the custodian's statement.
        open_refs: clearing account ("C.STREET" ...) -> keys of its sagas that are still open.
    """
    return (
        *_books_are_zero(balances),
        *_zero("C.DUE + H.DUE = 0", _dues(balances)),
        *_equal("client nostro = bank statement", by_unit(balances, "C.NOSTRO"), bank),
        *_equal("client depot = custodian", by_unit(balances, "C.DEPOT"), custody),
        *_zero("client money shortfall", _shortfall(balances)),
        *_zero("no client covered by another's stock", _short_stock(balances)),
        *_zero("clearing accounts of ended sagas are zero", _left_over(balances, open_refs)),
    )


def client_money(balances: Balances) -> dict[str, CloseFigures]:
    """Requirement against resource by currency, by the rule of the view `client_money`."""
    postings = (
        Posting(account=line.account, owner=line.owner, unit=line.unit, amount=amount)
        for line, amount in balances.items()
    )
    rows: dict[str, list[Money]] = defaultdict(list)
    for key, fact in added(postings, home=""):
        row = fold(None, key, fact)
        rows[row.currency].append(row)
    return {unit: close_figures(rows[unit], unit) for unit in sorted(rows)}


def by_unit(balances: Balances, account: str) -> dict[str, Decimal]:
    """One ledger account's balance over all owners and refs, by unit."""
    out: dict[str, Decimal] = defaultdict(Decimal)
    for line, amount in balances.items():
        if line.account == account:
            out[line.unit] += amount
    return dict(out)


def _books_are_zero(balances: Balances) -> Iterable[Control]:
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line, amount in balances.items():
        totals[line.account[0], line.unit] += amount
    for book, name in (("C", "client"), ("H", "house"), ("M", "memo")):
        yield from _zero(
            f"{name} book is zero", {u: t for (b, u), t in totals.items() if b == book}
        )


def _dues(balances: Balances) -> dict[str, Decimal]:
    off = by_unit(balances, "C.DUE")
    for unit, amount in by_unit(balances, "H.DUE").items():
        off[unit] = off.get(unit, ZERO) + amount
    return off


def _shortfall(balances: Balances) -> dict[str, Decimal]:
    """By currency, how far the segregated account falls short of what it must hold."""
    return {unit: found.shortfall for unit, found in client_money(balances).items()}


def _short_stock(balances: Balances) -> dict[str, Decimal]:
    """By ISIN, how far the stock at the custodian falls short of the clients' settled stock."""
    held: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line, amount in balances.items():
        if line.account in ("C.SEC", "C.STREET") and not is_currency(line.unit):
            held[line.owner, line.unit] -= amount
    need: dict[str, Decimal] = defaultdict(Decimal)
    for (_, isin), amount in held.items():
        need[isin] += max(amount, ZERO)
    depot = by_unit(balances, "C.DEPOT")
    return {isin: max(amount - depot.get(isin, ZERO), ZERO) for isin, amount in need.items()}


def _left_over(balances: Balances, open_refs: Mapping[str, frozenset[str]]) -> dict[str, Decimal]:
    return {
        f"{line.account}[{line.ref}] {line.unit}": amount
        for line, amount in balances.items()
        if line.account in open_refs and line.ref not in open_refs[line.account]
    }


def _zero(name: str, figures: Mapping[str, Decimal]) -> Iterable[Control]:
    return _equal(name, figures, {})


def _equal(
    name: str, ours: Mapping[str, Decimal], theirs: Mapping[str, Decimal]
) -> Iterable[Control]:
    """One control per unit; with nothing to compare, a single passed control."""
    units = sorted({*ours, *theirs})
    for unit in units:
        expected, actual = theirs.get(unit, ZERO), ours.get(unit, ZERO)
        yield Control(name=name, ok=expected == actual, expected=expected, actual=actual, unit=unit)
    if not units:
        yield Control(name=name, ok=True, expected=ZERO, actual=ZERO)
