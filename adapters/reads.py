"""Reading the views, as a port: the identity of a read, the rows of the ledger, the errors."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple


class Identity(NamedTuple):
    """On whose behalf a read runs; the database enforces what it may see. Ids as in our streams."""

    role: str
    client_ids: Sequence[str] = ()
    account_ids: Sequence[str] = ()


OPERATIONS = Identity("operations")
"""Sees every row; the identity of a pooled connection unless another one is given."""


class LedgerLine(NamedTuple):
    """One account of the chart with its key; + is debit."""

    account: str
    owner: str
    ref: str
    unit: str
    debit: Decimal
    credit: Decimal
    amount: Decimal  # debit - credit


class Totals(NamedTuple):
    book: str
    unit: str
    account: str
    debit: Decimal
    credit: Decimal


class TooManyRows(Exception):
    """A list without pages came out longer than `ROWS_MAX`."""


class Unfit(Exception):
    """A value that no column of its type can hold (a NUL in text, a cursor that is no date)."""
