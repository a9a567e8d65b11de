"""Events of `account-{id}`: every change of an account's cash, holds, lots and settled figures.

Amounts are positive unless marked signed. Money is exact to the currency's minor unit; quantities
have up to 8 decimals. The journal lines (J..) that each event posts are in `domain/ledger/`.

Free texts and references are encrypted under the key of the account's client (`client_id`, which
the decision takes from the state). Decisions compare references by their `reference_hmac`.
"""

from datetime import date
from decimal import Decimal
from typing import ClassVar

from msgspec import Struct

from domain.account.base_events import BaseCostStated as BaseCostStated  # noqa: PLC0414
from domain.account.bust_events import Counted as Counted  # noqa: PLC0414
from domain.account.bust_events import LotsRematched as LotsRematched  # noqa: PLC0414
from domain.account.bust_events import TradeBusted as TradeBusted  # noqa: PLC0414
from domain.account.manual_events import AdjustmentPosted as AdjustmentPosted  # noqa: PLC0414
from domain.account.manual_events import ResidueCashed as ResidueCashed  # noqa: PLC0414
from domain.account.obligation_events import ObligationFailing as ObligationFailing  # noqa: PLC0414
from domain.account.obligation_events import ObligationSettled as ObligationSettled  # noqa: PLC0414
from domain.account.obligation_events import SettledAfterBust as SettledAfterBust  # noqa: PLC0414
from domain.rules.charges import Charge as Charge  # noqa: PLC0414
from domain.rules.lots import LotMove as LotMove  # noqa: PLC0414
from domain.shared.fix import Side
from domain.shared.message import Event, PersonalText


class Owner(Struct, frozen=True, kw_only=True):
    client_id: str
    share: Decimal = Decimal(1)  # of 1


class Power(Struct, frozen=True, kw_only=True):
    """What an authorised person may do, from when to when, and up to which amount per act."""

    person_id: str
    trade: bool = False
    withdraw: bool = False
    limit: Decimal | None = None  # in the account's base currency
    valid_from: date | None = None
    valid_to: date | None = None


class AccountOpened(Event, tag="account.opened"):
    account_id: str
    client_id: str
    base_currency: str
    lot_method: str
    account_type: str = "cash"
    owners: tuple[Owner, ...] = ()
    us_taxable: bool = False  # average cost is not for single stocks of US taxpayers


class PersonAuthorised(Event, tag="account.person_authorised"):
    account_id: str
    power: Power


class PersonRevoked(Event, tag="account.person_revoked"):
    account_id: str
    person_id: str


class LotMethodChanged(Event, tag="account.lot_method_changed"):
    account_id: str
    lot_method: str  # for disposals from now on


class AccountRestricted(Event, tag="account.restricted"):
    """The account's status was set: open, closing_only, blocked, dormant, closing, closed."""

    VERSION: ClassVar[int] = 2
    account_id: str
    status: str
    reason: PersonalText = ""  # the requester's text
    client_id: str = ""  # whose sagas follow the account
    requested_by: PersonalText = ""  # set when a closed account is wound down again
    approved_by: PersonalText = ""
    cause: str = ""  # a code instead of `reason`, if a saga asked for it


class CashDeposited(Event, tag="cash.deposited"):
    """J1: a booked receipt (camt BOOK), identified. Uncollected until `available_on`."""

    VERSION: ClassVar[int] = 2
    account_id: str
    amount: Decimal
    currency: str
    reference: PersonalText
    value_date: date
    available_on: date | None = None
    client_id: str = ""
    reference_hmac: str = ""  # `domain.shared.digests` of its normal form, scoped to the client


class DepositReturned(Event, tag="cash.deposit_returned"):
    """J1 undone: the bank took the receipt back (return, recall)."""

    VERSION: ClassVar[int] = 2
    account_id: str
    amount: Decimal
    currency: str
    reference: PersonalText
    value_date: date
    reason: PersonalText = ""
    in_debit: bool = False
    account_closed: bool = False  # booked after the account was closed: opens a case
    client_id: str = ""
    reference_hmac: str = ""  # the same as on the receipt


class WithdrawalRequested(Event, tag="cash.withdrawal_requested"):
    """J2: hold the amount. `payment_id` keys C.PAYOUT and the hold."""

    VERSION: ClassVar[int] = 2
    NEEDS: ClassVar[tuple[str, ...]] = ("payee",)
    account_id: str
    client_id: str
    payment_id: str
    amount: Decimal
    currency: str
    reference: PersonalText
    payee: PersonalText | None = None
    reference_hmac: str = ""


class WithdrawalSent(Event, tag="cash.withdrawal_sent"):
    """J2: the hold ends and the payment is in flight (pain.001 was sent)."""

    account_id: str
    payment_id: str
    amount: Decimal
    currency: str


class WithdrawalCompleted(Event, tag="cash.withdrawal_completed"):
    """J2: debited by the bank (camt BOOK)."""

    account_id: str
    payment_id: str
    amount: Decimal
    currency: str
    value_date: date


class WithdrawalRejected(Event, tag="cash.withdrawal_rejected"):
    """J2*: the bank rejected a payment in flight (pain.002 RJCT): the client gets it back."""

    VERSION: ClassVar[int] = 2
    account_id: str
    payment_id: str
    amount: Decimal
    currency: str
    reason: PersonalText  # the bank's text
    client_id: str = ""


class WithdrawalReturned(Event, tag="cash.withdrawal_returned"):
    """J2*: money came back after the debit."""

    VERSION: ClassVar[int] = 2
    account_id: str
    payment_id: str
    amount: Decimal
    currency: str
    value_date: date
    reason: PersonalText  # the bank's text
    account_closed: bool = False  # booked after the account was closed: opens a case
    client_id: str = ""


class WithdrawalCancelled(Event, tag="cash.withdrawal_cancelled"):
    """J2*: cancelled before it was sent, so the hold ends."""

    VERSION: ClassVar[int] = 2
    account_id: str
    payment_id: str
    amount: Decimal
    currency: str
    reason: PersonalText
    client_id: str = ""


class FundsReserved(Event, tag="funds.reserved"):
    """J3: cash (a buy) or shares (a sale) are held for an order. `unit` is a currency or ISIN."""

    account_id: str
    order_id: str
    unit: str
    amount: Decimal  # total now held for the order
    added: Decimal  # signed change of the hold by this event (a replace may shrink it)
    qty: Decimal  # still to be filled under the hold, to release pro rata
    before: Counted | None = None  # the order's earlier totals, if the account forgot the order


class HoldReleased(Event, tag="hold.released"):
    """J3 undone: the order ended, so the rest of its hold is released."""

    account_id: str
    order_id: str
    unit: str
    amount: Decimal


class TradeBooked(Event, tag="trade.booked", kw_only=True):
    """J4, J5, J7 (J23 with accrued interest): one execution on trade date."""

    account_id: str
    trade_id: str  # also the obligation's id: C.STREET[trade_id, account]
    order_id: str
    exec_id: str
    instrument_id: str
    isin: str
    side: Side
    qty: Decimal
    price: Decimal
    currency: str  # settlement currency
    gross: Decimal  # principal: qty x price x factors, rounded once
    accrued_interest: Decimal = Decimal(0)
    charges: tuple[Charge, ...] = ()
    lots: tuple[LotMove, ...]
    trade_date: date
    settl_date: date
    hold_unit: str = ""
    hold_released: Decimal = Decimal(0)
    base_rate: Decimal = Decimal(1)  # base currency per unit of `currency`; 0: not fixed yet
    in_debit: bool = False  # cash fell below zero: opens a case, never refused
    oversold: Decimal = Decimal(0)  # quantity sold beyond the lots: opens a case, never refused
    unreserved: Decimal = Decimal(0)  # quantity beyond the hold (over-fill, late fill): a case
    free_riding: bool = False  # sells shares bought with unsettled proceeds: opens a case
    market_country: str = ""  # whose settlement calendar applies; "": US (older trades)
    before: Counted | None = None  # the order's earlier totals, if the account forgot the order
    account_closed: bool = False  # booked after the account was closed: opens a case


class LotsSelected(Event, tag="lots.selected", kw_only=True):
    """The client chose other lots for a sale, which is possible until its settlement date."""

    account_id: str
    trade_id: str
    order_id: str = ""  # its saga needs the new lots, for a later bust
    isin: str
    lots: tuple[LotMove, ...]  # signed: put back the old picks, then take the new ones
    currency: str = ""  # of the sale; "": an older event


class FxBooked(Event, tag="fx.booked"):
    """J14: the client buys one currency for another; the margin is the house's."""

    account_id: str
    fx_id: str
    buy_currency: str
    buy_amount: Decimal
    sell_currency: str
    dealer_amount: Decimal  # sell currency at the dealer rate, owed to the market
    margin: Decimal  # sell currency, on top
    client_rate: Decimal  # sell currency per unit bought
    dealer_rate: Decimal
    trade_date: date
    value_date: date
    rate_date: date | None = None  # of the fixing; None: an older event


class FxSettled(Event, tag="fx.settled"):
    account_id: str
    fx_id: str
    buy_currency: str
    buy_amount: Decimal
    sell_currency: str
    sell_amount: Decimal
    value_date: date


class FeeAccrued(Event, tag="fee.accrued"):
    """J15: the growth of the rounded running total. It may be zero, but never negative."""

    account_id: str
    currency: str
    amount: Decimal
    exact_total: Decimal  # running total since the last charge, 12 decimals
    accrual_date: date


class FeeCharged(Event, tag="fee.charged"):
    """J15: the client's cash pays the accrued total and VAT."""

    account_id: str
    currency: str
    net: Decimal
    vat: Decimal
    period_end: date
    in_debit: bool = False


class InterestCredited(Event, tag="interest.credited"):
    """J20: the client's part of the interest."""

    account_id: str
    currency: str
    amount: Decimal
    value_date: date


class InterestDebited(Event, tag="interest.debited"):
    account_id: str
    currency: str
    amount: Decimal
    value_date: date
    in_debit: bool = False


class CashTransferredOut(Event, tag="transfer.cash_out"):
    """J16: the sender's side. C.XFER[transfer_id] holds the cash until the receiver books it."""

    account_id: str
    transfer_id: str
    to_account_id: str
    currency: str
    amount: Decimal


class CashTransferredIn(Event, tag="transfer.cash_in"):
    account_id: str
    transfer_id: str
    from_account_id: str
    currency: str
    amount: Decimal


class SecuritiesTransferredOut(Event, tag="transfer.securities_out"):
    """J16 for shares, with their lots, cost and dates. Nothing moves in custody."""

    account_id: str
    transfer_id: str
    to_account_id: str
    isin: str
    instrument_id: str
    currency: str
    lots: tuple[LotMove, ...]  # negative
    base_currency: str = ""  # of cost_base
    first_use: bool = False  # the named listing had no use on record


class SecuritiesTransferredIn(Event, tag="transfer.securities_in"):
    account_id: str
    transfer_id: str
    from_account_id: str
    isin: str
    instrument_id: str
    currency: str
    lots: tuple[LotMove, ...]  # positive


class TransferCompleted(Event, tag="transfer.completed"):
    """The receiving account has booked its side. Posts nothing."""

    account_id: str
    transfer_id: str


class TransferUndone(Event, tag="transfer.undone"):
    """The receiving account refused, so the sender takes cash or lots back."""

    account_id: str
    transfer_id: str
    currency: str = ""
    amount: Decimal = Decimal(0)
    isin: str = ""
    instrument_id: str = ""
    lots: tuple[LotMove, ...] = ()
    reason: str = ""
