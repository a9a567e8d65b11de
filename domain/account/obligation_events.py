"""Events of the custodian's reports on `account-{id}`: obligations settle, fail, or are reversed.

Import them from `domain.account.events`.
"""

from datetime import date
from decimal import Decimal

from domain.shared.fix import Side
from domain.shared.message import Event


class ObligationSettled(Event, tag="obligation.settled"):
    """J6, J8: the custodian confirmed (sese.025) a part or all of an obligation."""

    account_id: str
    obligation_id: str
    isin: str
    side: Side  # BUY: stock in, cash out
    qty: Decimal
    amount: Decimal
    currency: str
    value_date: date
    rest_qty: Decimal  # still open afterwards; 0 on the last part
    confirmation_id: str
    excess_qty: Decimal = Decimal(0)  # confirmed beyond the open quantity: a break
    difference: Decimal = Decimal(0)  # confirmed cash less booked cash: a break


class ObligationFailing(Event, tag="obligation.failing"):
    """J8: unsettled at close of its settlement date. Posts nothing."""

    account_id: str
    obligation_id: str
    rest_qty: Decimal
    reason: str
    whose: str = "counterparty"


class SettledAfterBust(Event, tag="obligation.settled_after_bust", kw_only=True):
    """J18: a part or all of a busted trade has settled anyway, so it is owed back.

    The trade's own obligation is closed. The settled part opens the reverse one,
    C.STREET[reverse_id], which is due at once.
    """

    account_id: str
    obligation_id: str  # of the busted trade
    reverse_id: str
    isin: str
    side: Side  # of the settled part; BUY: stock in, cash out
    qty: Decimal
    amount: Decimal
    currency: str
    trade_date: date  # of the busted trade
    value_date: date
    confirmation_id: str
