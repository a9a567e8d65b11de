"""What the house takes of an account that no order can sell."""

from decimal import Decimal

from domain.lots import LotMove
from domain.message import Event, PersonalText


class ResidueCashed(Event, tag="residue.cashed"):
    """The house took a fraction that no order can sell, and paid the last mark for it.

    The stock stays where it lies and is the house's by C.DUE and H.DUE, as the cash is.
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
    base_rate: Decimal  # base currency per unit of `currency`; 0: none was fixed
    reason: PersonalText
    requested_by: PersonalText
    approved_by: PersonalText
    client_id: str
