"""Commands of an account. Only sagas, gateways and the timer send those of `Internal`.

Some of these are reports: they state what already happened. A report is refused only if its figures
cannot be stored, or if it concerns an item that is not open.
"""

from datetime import date
from decimal import Decimal
from typing import ClassVar

from domain.account.events import Counted, Owner, Power
from domain.rules.charges import Charge
from domain.rules.lots import LotMove
from domain.shared.fix import Side
from domain.shared.message import Command, Personal


class Internal(Command):
    INTERNAL: ClassVar[bool] = True


class OpenAccount(Command):
    account_id: str
    client_id: str
    base_currency: str
    lot_method: str = "FIFO"
    account_type: str = "cash"
    owners: tuple[Owner, ...] = ()


class AuthorisePerson(Command):
    account_id: str
    power: Power


class RevokePerson(Command):
    account_id: str
    person_id: str


class ChangeLotMethod(Command):
    account_id: str
    lot_method: str


class BlockAccount(Command):
    account_id: str
    reason: Personal


class UnblockAccount(Command):
    account_id: str
    reason: Personal = ""


class SetClosingOnly(Command):
    account_id: str
    reason: Personal


class CloseAccount(Command):
    account_id: str


class ReopenAccount(Command):
    """Wind down a closed account again, because money or shares came. Needs a second person."""

    account_id: str
    reason: Personal
    requested_by: Personal
    approved_by: Personal


class DepositCash(Command):
    """A receipt that the bank booked. Without `available_on` the money is available at once."""

    STATES_TIME: ClassVar[bool] = True
    MAY_LIE_AHEAD: ClassVar[tuple[str, ...]] = ("available_on",)

    account_id: str
    amount: Decimal
    currency: str
    reference: Personal
    available_on: date | None = None


class ReturnDeposit(Command):
    """The bank took a receipt back. Recorded even if the cash falls below zero."""

    STATES_TIME: ClassVar[bool] = True

    account_id: str
    amount: Decimal
    currency: str
    reference: Personal
    reason: Personal = ""


class WithdrawCash(Command):
    account_id: str
    amount: Decimal
    currency: str
    reference: Personal
    payee: Personal | None = None


class CancelWithdrawal(Command):
    account_id: str
    payment_id: str
    reason: Personal = "client"


class SendWithdrawal(Internal):
    """Refused while the account is blocked."""

    account_id: str
    payment_id: str


class CompleteWithdrawal(Internal):
    account_id: str
    payment_id: str


class RejectWithdrawal(Internal):
    account_id: str
    payment_id: str
    reason: Personal


class ReturnWithdrawal(Internal):
    account_id: str
    payment_id: str
    amount: Decimal
    currency: str
    reason: Personal


class ReserveForOrder(Internal):
    """Hold for an order (or change its hold after a replace): cash for a buy, shares for a sale."""

    account_id: str
    order_id: str
    side: Side
    isin: str
    currency: str
    qty: Decimal
    amount: Decimal  # cash to hold for all of qty: worst price x qty + charges; for a sale: 0
    qty_done: Decimal = Decimal(0)  # booked and not busted (a replace): the hold covers the rest
    before: Counted | None = None  # the order's totals, in case the account forgot the order


class ReleaseHold(Internal):
    account_id: str
    order_id: str


class BookTrade(Internal):
    """A report of an execution, booked once per trade_id. Refused only for unstorable figures."""

    account_id: str
    trade_id: str
    order_id: str
    exec_id: str
    instrument_id: str
    isin: str
    side: Side
    qty: Decimal
    price: Decimal
    currency: str
    gross: Decimal
    trade_date: date
    settl_date: date
    country: str = "US"  # whose taxes and levies apply
    accrued_interest: Decimal = Decimal(0)  # of a bond: paid on top, kept out of cost
    market_country: str = ""  # whose settlement calendar applies
    before: Counted | None = None  # the order's totals, in case the account forgot the order


class Booked(Command):
    """A booked trade's facts, carried by the bust that undoes it."""

    exec_id: str
    isin: str
    side: Side
    qty: Decimal
    currency: str
    gross: Decimal
    charges: tuple[Charge, ...]
    lots: tuple[LotMove, ...]
    trade_date: date
    accrued_interest: Decimal = Decimal(0)


class Sibling(Command):
    """Another trade of the order. It is charged again as if the busted trade never happened."""

    trade_id: str
    gross: Decimal
    charges: tuple[Charge, ...]


class Reopened(Command):
    """Terms of an order that is at the venue: the account again holds for its open quantity."""

    side: Side
    isin: str
    currency: str
    qty: Decimal
    amount: Decimal  # cash to hold for all of qty; for a sale: 0


class BustTrade(Internal):
    """A report (ExecType H): the trade did not happen. Refused only for unstorable figures."""

    account_id: str
    trade_id: str
    order_id: str
    booked: Booked
    settl_date: date  # of the reverse obligation, if any part has settled
    reason: str = ""
    siblings: tuple[Sibling, ...] = ()  # in the order in which they were filled
    before: Counted | None = None  # the order's totals, in case the account forgot the order
    reopened: Reopened | None = None  # None: the order is no longer at the venue


class SelectLots(Command):
    """Choose the lots of a sale, until its settlement date."""

    account_id: str
    trade_id: str
    lots: dict[str, Decimal]  # lot id -> quantity


class StateBaseCost(Internal):
    """State base figures that are still unknown, if the last fixing has the rates for them."""

    account_id: str


class SettleObligation(Internal):
    """A report (sese.025), deduplicated by confirmation_id."""

    account_id: str
    obligation_id: str
    qty: Decimal
    amount: Decimal
    value_date: date
    confirmation_id: str


class SettleAfterBust(Internal):
    """A report: a busted trade settled anyway, in part or whole. Refused only if unstorable."""

    account_id: str
    obligation_id: str
    reverse_id: str  # the obligation that takes it back
    isin: str
    side: Side  # of the settled part
    qty: Decimal
    amount: Decimal
    currency: str
    trade_date: date
    value_date: date
    confirmation_id: str


class RecordFailing(Internal):
    account_id: str
    obligation_id: str
    reason: str
    whose: str = "counterparty"


class ConvertCurrency(Command):
    """Buy `buy_amount` of one currency at the last fixing with the house's margin.

    A stated value date is today or later, and a day on which both currencies can be paid."""

    MAY_LIE_AHEAD: ClassVar[tuple[str, ...]] = ("value_date",)

    account_id: str
    fx_id: str
    buy_currency: str
    buy_amount: Decimal
    sell_currency: str
    value_date: date | None = None  # None: the market's spot date


class SettleFx(Internal):
    account_id: str
    fx_id: str
    value_date: date


class AccrueFee(Command):
    """The fee of `days` days that end with `accrual_date`: annual rate x base x days / 365."""

    account_id: str
    accrual_date: date
    fee_base: Decimal
    annual_rate: Decimal
    currency: str
    days: int = 1


class ChargeFee(Command):
    account_id: str
    currency: str
    period_end: date
    vat_rate: Decimal = Decimal(0)


class CreditInterest(Command):
    account_id: str
    currency: str
    amount: Decimal
    value_date: date


class DebitInterest(Command):
    account_id: str
    currency: str
    amount: Decimal
    value_date: date


class TransferCash(Command):
    transfer_id: str
    account_id: str
    to_account_id: str
    currency: str
    amount: Decimal


class ReceiveCash(Internal):
    account_id: str
    transfer_id: str
    from_account_id: str
    currency: str
    amount: Decimal


class TransferSecurities(Command):
    transfer_id: str
    account_id: str
    to_account_id: str
    instrument_id: str
    isin: str
    qty: Decimal


class ReceiveSecurities(Internal):
    account_id: str
    transfer_id: str
    from_account_id: str
    instrument_id: str
    isin: str
    currency: str
    lots: tuple[LotMove, ...]
    base_currency: str = ""  # currency of the lots' cost_base; "": this account's


class CompleteTransfer(Internal):
    """The receiving account booked its side, so the transfer is complete."""

    account_id: str
    transfer_id: str


class UndoTransfer(Internal):
    account_id: str
    transfer_id: str
    reason: str


class PostAdjustment(Command):
    account_id: str
    adjustment_id: str
    currency: str
    amount: Decimal  # signed: + credits the client
    reason: Personal
    evidence: Personal
    requested_by: Personal
    approved_by: Personal


class CashResidue(Command):
    """The house buys, at the mark, the part of a holding that is too small to be ordered."""

    account_id: str
    residue_id: str
    instrument_id: str
    isin: str
    reason: Personal
    requested_by: Personal
    approved_by: Personal
