"""Events of manual entries on `account-{id}`, each by two persons: adjustments and residues.

Import them from `domain.account.events`.
"""

from decimal import Decimal
from typing import ClassVar

from domain.rules.lots import LotMove
from domain.shared.message import Event, PersonalText


class AdjustmentPosted(Event, tag="adjustment.posted"):
    """A manual cash entry against the house's error account, with a second person."""

    VERSION: ClassVar[int] = 2
    account_id: str
    adjustment_id: str
    currency: str
    amount: Decimal  # signed: + credits the client
    reason: PersonalText
    evidence: PersonalText
    requested_by: PersonalText
    approved_by: PersonalText
    in_debit: bool = False
    client_id: str = ""


class ResidueCashed(Event, tag="residue.cashed"):
    """The house took a fraction that no order can sell, and paid the last mark for it.

    Nothing moves in custody: C.DUE and H.DUE record that the stock is the house's, and the cash
    the client's.
    """

    account_id: str
    residue_id: str
    instrument_id: str
    isin: str
    qty: Decimal
    price: Decimal  # as quoted
    currency: str  # of settlement
    amount: Decimal  # paid to the client
    lots: tuple[LotMove, ...]
    base_rate: Decimal  # base currency per unit of `currency`; 0: not fixed
    reason: PersonalText
    requested_by: PersonalText
    approved_by: PersonalText
    client_id: str
