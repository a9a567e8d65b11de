"""The refusals that each command of an account may get.

The OpenAPI document and the last column of `docs/commands.md` are generated from it. A test fails
on any other refusal (`tests/unit/domain/scenario.py`).
"""

from collections.abc import Mapping

from domain.account import (
    adjustments,
    base_cost,
    busts,
    cash,
    exchange,
    fees,
    holds,
    obligations,
    residues,
    selection,
    standing,
    trades,
    transfers,
    withdrawals,
)
from domain.account.refusals import R
from domain.shared.dates import DateRefusal
from domain.shared.message import Command, Refusal, RequestRefusal

_Refusals = tuple[Refusal, ...]

_OPEN: _Refusals = (R.ACCOUNT_NOT_OPEN,)
_AMOUNT: _Refusals = (R.AMOUNT_INEXACT, R.AMOUNT_TOO_LARGE, R.CURRENCY_UNKNOWN)
_MONEY: _Refusals = (R.AMOUNT_NOT_POSITIVE, *_AMOUNT)
_QTY: _Refusals = (R.QTY_NOT_POSITIVE, R.QTY_INEXACT, R.AMOUNT_TOO_LARGE)
_TRADE: _Refusals = (*_QTY, R.AMOUNT_INEXACT, R.CURRENCY_UNKNOWN)
_DATE: _Refusals = (DateRefusal.DATE_IN_FUTURE, DateRefusal.DATE_TOO_EARLY)
_APPROVAL: _Refusals = (R.REASON_MISSING, R.SECOND_PERSON_REQUIRED, R.APPROVER_IS_NOT_ACTOR)
_FROM_TO: _Refusals = (R.SAME_ACCOUNT, R.TRANSFER_EXISTS)

_JUDGED: Mapping[type[Command], _Refusals] = {
    standing.AuthorisePerson: (
        *_OPEN,
        R.AMOUNT_NOT_POSITIVE,
        R.AMOUNT_INEXACT,
        R.AMOUNT_TOO_LARGE,
        DateRefusal.DATES_OUT_OF_ORDER,
        R.POWER_MISSING,
    ),
    standing.RevokePerson: (R.PERSON_UNKNOWN,),
    standing.ChangeLotMethod: (*_OPEN, R.LOT_METHOD_UNKNOWN),
    standing.BlockAccount: _OPEN,
    standing.UnblockAccount: (R.ACCOUNT_NOT_BLOCKED,),
    standing.SetClosingOnly: _OPEN,
    standing.CloseAccount: (*_OPEN, R.ACCOUNT_NOT_EMPTY),
    standing.ReopenAccount: (R.ACCOUNT_NOT_CLOSED, *_APPROVAL),
    cash.DepositCash: (*_OPEN, *_MONEY),
    cash.ReturnDeposit: _MONEY,
    withdrawals.WithdrawCash: (
        RequestRefusal.CLIENT_ERASED,
        *_OPEN,
        *_MONEY,
        R.INSUFFICIENT_FUNDS,
        R.POWER_MISSING,
    ),
    withdrawals.CancelWithdrawal: (R.WITHDRAWAL_UNKNOWN, R.WITHDRAWAL_SENT),
    withdrawals.SendWithdrawal: (*_OPEN, R.WITHDRAWAL_UNKNOWN),
    withdrawals.CompleteWithdrawal: (R.WITHDRAWAL_UNKNOWN,),
    withdrawals.RejectWithdrawal: (R.WITHDRAWAL_UNKNOWN,),
    withdrawals.ReturnWithdrawal: _MONEY,
    holds.ReserveForOrder: (
        *_OPEN,
        R.CLOSING_ONLY,
        *_QTY,
        R.AMOUNT_NOT_POSITIVE,
        R.AMOUNT_INEXACT,
        R.CURRENCY_UNKNOWN,
        R.INSUFFICIENT_FUNDS,
        R.SHORT_SALE_NOT_PERMITTED,
    ),
    holds.ReleaseHold: (),
    trades.BookTrade: _TRADE,
    busts.BustTrade: _TRADE,
    selection.SelectLots: (
        R.TRADE_UNKNOWN,
        R.BASE_COST_UNKNOWN,
        R.TRADE_SETTLED,
        R.LOTS_DO_NOT_MATCH,
        *_QTY,
        R.POWER_MISSING,
    ),
    base_cost.StateBaseCost: (),
    obligations.SettleObligation: (
        R.OBLIGATION_UNKNOWN,
        *_QTY,
        R.AMOUNT_NOT_POSITIVE,
        R.AMOUNT_INEXACT,
        R.CURRENCY_UNKNOWN,
    ),
    obligations.SettleAfterBust: (
        *_QTY,
        R.AMOUNT_NOT_POSITIVE,
        R.AMOUNT_INEXACT,
        R.CURRENCY_UNKNOWN,
    ),
    obligations.RecordFailing: (),
    exchange.ConvertCurrency: (
        *_OPEN,
        R.SAME_CURRENCY,
        *_MONEY,
        R.RATE_UNKNOWN,
        R.RATE_STALE,
        R.INSUFFICIENT_FUNDS,
        R.FX_EXISTS,
        R.VALUE_DATE_INVALID,
        R.POWER_MISSING,
    ),
    exchange.SettleFx: (R.FX_UNKNOWN,),
    fees.AccrueFee: (
        *_OPEN,
        *_AMOUNT,
        R.RATE_NOT_POSITIVE,
        R.DAYS_NOT_POSITIVE,
        R.DATE_ALREADY_ACCRUED,
        *_DATE,
    ),
    fees.ChargeFee: (
        *_OPEN,
        R.CURRENCY_UNKNOWN,
        R.NOTHING_ACCRUED,
        R.RATE_NOT_POSITIVE,
        *_DATE,
    ),
    fees.CreditInterest: (*_OPEN, *_MONEY, *_DATE),
    fees.DebitInterest: (*_OPEN, *_MONEY, *_DATE),
    transfers.TransferCash: (*_OPEN, *_FROM_TO, *_MONEY, R.INSUFFICIENT_FUNDS, R.POWER_MISSING),
    transfers.ReceiveCash: (*_OPEN, *_MONEY),
    transfers.TransferSecurities: (
        *_OPEN,
        *_FROM_TO,
        R.INSTRUMENT_UNKNOWN,
        R.ISIN_DIFFERS,
        *_QTY,
        R.INSUFFICIENT_SHARES,
        R.BASE_COST_UNKNOWN,
        R.LOTS_DO_NOT_MATCH,
        R.POWER_MISSING,
    ),
    transfers.ReceiveSecurities: (*_OPEN, *_QTY, R.CURRENCY_UNKNOWN, R.RATE_UNKNOWN),
    transfers.CompleteTransfer: (),
    transfers.UndoTransfer: (R.TRANSFER_UNKNOWN,),
    adjustments.PostAdjustment: (*_OPEN, R.AMOUNT_ZERO, *_AMOUNT, R.EVIDENCE_MISSING, *_APPROVAL),
    residues.CashResidue: (
        *_OPEN,
        *_APPROVAL,
        R.INSTRUMENT_UNKNOWN,
        R.ISIN_DIFFERS,
        R.PRICE_UNKNOWN,
        R.PRICE_STALE,
        R.NO_RESIDUE,
        R.BASE_COST_UNKNOWN,
        R.RATE_UNKNOWN,
    ),
}
"""Refusals by each command's own rules; `REFUSALS` adds `ACCOUNT_UNKNOWN` to each."""

_OPENING: _Refusals = (
    R.ACCOUNT_EXISTS,
    R.CLIENT_UNKNOWN,
    R.CLIENT_NOT_APPROVED,
    R.CURRENCY_UNKNOWN,
    R.LOT_METHOD_UNKNOWN,
    R.ACCOUNT_TYPE_UNKNOWN,
    R.MARGIN_NOT_PERMITTED,
    R.SHARES_NOT_ONE,
)

REFUSALS: Mapping[type[Command], _Refusals] = {
    standing.OpenAccount: _OPENING,
    **{kind: (R.ACCOUNT_UNKNOWN, *judged) for kind, judged in _JUDGED.items()},
}
