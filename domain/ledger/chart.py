"""The chart of accounts, and the words of the ledger: posting, entry.

+ is debit, - is credit; the cash balance shown to a client is -sum(C.CASH).
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

BANK = "main"
"""Key of C.NOSTRO and H.NOSTRO: one bank account per estate and currency, so far."""
CUSTODIAN = "main"
"""Key of C.DEPOT: one custody account, so far."""


class Posting(Struct, frozen=True, kw_only=True, gc=False):
    """One line. `account` is the chart's name ("C.CASH"); [owner, ref] is its key."""

    account: str
    unit: str  # ISO 4217 currency or ISIN
    amount: Decimal  # signed: + debit, - credit
    owner: str = ""  # account id: C.CASH C.SEC C.STREET C.ENT M.HOLD M.FEE H.ACCRUED
    ref: str = ""  # lot, obligation, payment, order, tax authority, bank or custodian account
    trade_date: date | None = None  # None: the date the event is effective
    value_date: date | None = None

    @property
    def book(self) -> str:
        """C client estate, H house, M memo."""
        return self.account[0]


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    rule: str  # the line of the journal, such as "J4 stock"
    postings: tuple[Posting, ...]


class Kind(StrEnum):
    """Kind of an account. ASSET and an expense grow by debits, the others by credits."""

    ASSET = "asset"
    LIABILITY = "liability"
    EITHER = "asset + / liability -"
    EQUITY = "equity"
    RESULT = "income / expense"
    RECIPROCAL = "reciprocal"
    POSITION = "position and P&L"
    MEMO = "memo"


CHART: dict[str, Kind] = {
    "C.NOSTRO": Kind.ASSET,
    "C.DEPOT": Kind.ASSET,
    "C.STREET": Kind.EITHER,
    "C.CA": Kind.EITHER,
    "C.CASH": Kind.LIABILITY,
    "C.SEC": Kind.LIABILITY,
    "C.ENT": Kind.LIABILITY,
    "C.PAYOUT": Kind.LIABILITY,
    "C.XFER": Kind.LIABILITY,
    "C.UNALLOC": Kind.LIABILITY,
    "C.TAX": Kind.LIABILITY,
    "C.DUE": Kind.RECIPROCAL,
    "H.DUE": Kind.RECIPROCAL,
    "H.NOSTRO": Kind.ASSET,
    "H.DEPOT": Kind.ASSET,
    "H.CAPITAL": Kind.EQUITY,
    "H.COMM": Kind.RESULT,
    "H.FEES": Kind.RESULT,
    "H.FX": Kind.RESULT,
    "H.INT": Kind.RESULT,
    "H.ACCRUED": Kind.ASSET,
    "H.VAT": Kind.LIABILITY,
    "H.ERROR": Kind.POSITION,
    "H.ROUND": Kind.POSITION,
    "M.HOLD": Kind.MEMO,
    "M.FEE": Kind.MEMO,
    "M.CONTRA": Kind.MEMO,
}
"""The chart of accounts: name -> kind. The first letter is the book."""

CLEARING = frozenset({"C.STREET", "C.CA", "C.ENT", "C.PAYOUT", "C.XFER", "C.UNALLOC", "M.HOLD"})
"""Accounts that are keyed by an open item. Their balance is zero once the item has ended."""


class ClientMoney(StrEnum):
    """The role of an account of the chart in the client money rule, if its unit is a currency.

    Requirement = SETTLED above zero, account by account + ENTITLEMENT above zero + IN_FLIGHT + TAX.
    Resource = RESOURCE. What exceeds the requirement is the house's: DUE (domain.md rules 20, 22).
    """

    RESOURCE = "resource"  # at the bank, segregated
    SETTLED = "settled"  # owed to its account; netted per account: no client covers another
    ENTITLEMENT = "entitlement"  # owed to clients from issuers, less what issuers still owe
    IN_FLIGHT = "in_flight"  # owed to clients but in no account: payments, transfers, receipts
    TAX = "tax"  # owed to authorities
    DUE = "due"  # owed to the house, until it is swept
    NONE = "none"


CLIENT_MONEY: dict[str, ClientMoney] = {
    "C.NOSTRO": ClientMoney.RESOURCE,
    "C.DEPOT": ClientMoney.NONE,
    "C.STREET": ClientMoney.SETTLED,
    "C.CA": ClientMoney.ENTITLEMENT,
    "C.CASH": ClientMoney.SETTLED,
    "C.SEC": ClientMoney.NONE,
    "C.ENT": ClientMoney.ENTITLEMENT,
    "C.PAYOUT": ClientMoney.IN_FLIGHT,
    "C.XFER": ClientMoney.IN_FLIGHT,
    "C.UNALLOC": ClientMoney.IN_FLIGHT,
    "C.TAX": ClientMoney.TAX,
    "C.DUE": ClientMoney.DUE,
    **{name: ClientMoney.NONE for name in CHART if not name.startswith("C.")},
}
"""Account of the chart -> its role for client money. This is the only place of the rule: the
control at each close, the view and its sums in SQL, and the analysts' query are derived from it."""
