"""Journal entries of the account's money: receipts, payments, holds, fees, interest, transfers.

Lines J1-J3, J15, J16, J20 of the journal, and adjustments. Each is zero per (book, unit).
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from domain.account.adjustments import AdjustmentPosted
from domain.account.cash import CashDeposited, DepositReturned
from domain.account.fees import FeeAccrued, FeeCharged, InterestCredited, InterestDebited
from domain.account.holds import FundsReserved, HoldReleased
from domain.account.transfers import (
    CashTransferredIn,
    CashTransferredOut,
    SecuritiesTransferredIn,
    SecuritiesTransferredOut,
    TransferUndone,
)
from domain.account.withdrawals import (
    WithdrawalCancelled,
    WithdrawalCompleted,
    WithdrawalRejected,
    WithdrawalRequested,
    WithdrawalReturned,
    WithdrawalSent,
)
from domain.ledger.chart import Entry
from domain.ledger.lines import C_DUE, CONTRA, H_DUE, NOSTRO, cash_of, hold_of, move, shares
from domain.shared.message import Event


def _deposited(x: CashDeposited) -> tuple[Entry, ...]:
    unalloc, day = ("C.UNALLOC", "", x.reference_hmac), x.value_date
    return (
        *move("J1 receipt", NOSTRO, unalloc, x.currency, amount=x.amount, value_date=day),
        *move(
            "J1 identified",
            unalloc,
            cash_of(x.account_id),
            x.currency,
            amount=x.amount,
            value_date=day,
        ),
    )


def _deposit_returned(x: DepositReturned) -> tuple[Entry, ...]:
    unalloc, cash, day = ("C.UNALLOC", "", x.reference_hmac), cash_of(x.account_id), x.value_date
    return (
        *move("J1 taken back", cash, unalloc, x.currency, amount=x.amount, value_date=day),
        *move("J1 returned", unalloc, NOSTRO, x.currency, amount=x.amount, value_date=day),
    )


def _withdrawal_requested(x: WithdrawalRequested) -> tuple[Entry, ...]:
    hold = hold_of(x.account_id, x.payment_id)
    return move("J2 hold", CONTRA, hold, x.currency, amount=x.amount)


def _withdrawal_cancelled(x: WithdrawalCancelled) -> tuple[Entry, ...]:
    hold = hold_of(x.account_id, x.payment_id)
    return move("J2 hold off", hold, CONTRA, x.currency, amount=x.amount)


def _withdrawal_sent(x: WithdrawalSent) -> tuple[Entry, ...]:
    hold, payout = hold_of(x.account_id, x.payment_id), ("C.PAYOUT", "", x.payment_id)
    return (
        *move("J2 hold off", hold, CONTRA, x.currency, amount=x.amount),
        *move("J2 in flight", cash_of(x.account_id), payout, x.currency, amount=x.amount),
    )


def _withdrawal_completed(x: WithdrawalCompleted) -> tuple[Entry, ...]:
    payout = ("C.PAYOUT", "", x.payment_id)
    return move("J2 debited", payout, NOSTRO, x.currency, amount=x.amount, value_date=x.value_date)


def _withdrawal_rejected(x: WithdrawalRejected) -> tuple[Entry, ...]:
    payout = ("C.PAYOUT", "", x.payment_id)
    return move("J2 rejected", payout, cash_of(x.account_id), x.currency, amount=x.amount)


def _withdrawal_returned(x: WithdrawalReturned) -> tuple[Entry, ...]:
    unalloc, cash, day = ("C.UNALLOC", "", x.payment_id), cash_of(x.account_id), x.value_date
    return (
        *move("J2 returned", NOSTRO, unalloc, x.currency, amount=x.amount, value_date=day),
        *move("J2 given back", unalloc, cash, x.currency, amount=x.amount, value_date=day),
    )


def _funds_reserved(x: FundsReserved) -> tuple[Entry, ...]:
    return move("J3 hold", CONTRA, hold_of(x.account_id, x.order_id), x.unit, amount=x.added)


def _hold_released(x: HoldReleased) -> tuple[Entry, ...]:
    return move("J3 hold off", hold_of(x.account_id, x.order_id), CONTRA, x.unit, amount=x.amount)


def _fee_accrued(x: FeeAccrued) -> tuple[Entry, ...]:
    accrued, fee = ("H.ACCRUED", x.account_id, ""), ("M.FEE", x.account_id, "")
    day = x.accrual_date
    income = ("H.FEES", "", "")
    return (
        *move("J15 accrued", accrued, income, x.currency, amount=x.amount, value_date=day),
        *move("J15 memo", CONTRA, fee, x.currency, amount=x.amount, value_date=day),
    )


def _fee_charged(x: FeeCharged) -> tuple[Entry, ...]:
    accrued, fee = ("H.ACCRUED", x.account_id, ""), ("M.FEE", x.account_id, "")
    gross, day = x.net + x.vat, x.period_end
    return (
        *move(
            "J15 charged", cash_of(x.account_id), C_DUE, x.currency, amount=gross, value_date=day
        ),
        *move("J15 memo off", fee, CONTRA, x.currency, amount=x.net, value_date=day),
        *move("J15 house", H_DUE, accrued, x.currency, amount=x.net, value_date=day),
        *move("J15 vat", H_DUE, ("H.VAT", "", ""), x.currency, amount=x.vat, value_date=day),
    )


def _interest(x: InterestCredited | InterestDebited) -> tuple[Entry, ...]:
    cash, day = cash_of(x.account_id), x.value_date
    amount = x.amount if isinstance(x, InterestDebited) else -x.amount
    return (
        *move("J20 client", cash, C_DUE, x.currency, amount=amount, value_date=day),
        *move("J20 house", H_DUE, ("H.INT", "", ""), x.currency, amount=amount, value_date=day),
    )


def _cash_out(x: CashTransferredOut) -> tuple[Entry, ...]:
    xfer = ("C.XFER", "", x.transfer_id)
    return move("J16 out", cash_of(x.account_id), xfer, x.currency, amount=x.amount)


def _cash_in(x: CashTransferredIn) -> tuple[Entry, ...]:
    xfer = ("C.XFER", "", x.transfer_id)
    return move("J16 in", xfer, cash_of(x.account_id), x.currency, amount=x.amount)


def _securities(
    x: SecuritiesTransferredOut | SecuritiesTransferredIn | TransferUndone,
) -> tuple[Entry, ...]:
    xfer = ("C.XFER", "", x.transfer_id)
    moved = sum((m.qty for m in x.lots), Decimal(0))
    return shares("J16 securities", x.account_id, [(xfer, moved)], x.isin, moves=x.lots)


def _undone(x: TransferUndone) -> tuple[Entry, ...]:
    xfer = ("C.XFER", "", x.transfer_id)
    cash = move("J16 undone", xfer, cash_of(x.account_id), x.currency, amount=x.amount)
    return cash + _securities(x)


def _adjusted(x: AdjustmentPosted) -> tuple[Entry, ...]:
    error = ("H.ERROR", "", "")
    return (
        *move("adjustment", C_DUE, cash_of(x.account_id), x.currency, amount=x.amount),
        *move("adjustment (house)", error, H_DUE, x.currency, amount=x.amount),
    )


ENTRIES: Mapping[type[Event], Callable[[Any], tuple[Entry, ...]]] = {
    CashDeposited: _deposited,
    DepositReturned: _deposit_returned,
    WithdrawalRequested: _withdrawal_requested,
    WithdrawalCancelled: _withdrawal_cancelled,
    WithdrawalSent: _withdrawal_sent,
    WithdrawalCompleted: _withdrawal_completed,
    WithdrawalRejected: _withdrawal_rejected,
    WithdrawalReturned: _withdrawal_returned,
    FundsReserved: _funds_reserved,
    HoldReleased: _hold_released,
    FeeAccrued: _fee_accrued,
    FeeCharged: _fee_charged,
    InterestCredited: _interest,
    InterestDebited: _interest,
    CashTransferredOut: _cash_out,
    CashTransferredIn: _cash_in,
    SecuritiesTransferredOut: _securities,
    SecuritiesTransferredIn: _securities,
    TransferUndone: _undone,
    AdjustmentPosted: _adjusted,
}
