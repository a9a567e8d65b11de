"""Account: one client's cash, holds, lots and open items.

Every change of an account's money or shares is an event on `account-{id}`, and only that event
posts (`domain/ledger/`). An intent may be refused; the refusal states the missing figures. A
report (execution, confirmation, return) is booked even if it overdraws the account, and flagged.

Each noun is a module: standing (opening, status), cash, withdrawals, holds, trades, busts,
rematching, selection, base_cost, obligations, exchange, fees, transfers, adjustments, residues. It
defines its commands and events, decides the commands and applies the events; the tables below find
its functions by type. Import a command or an event from its noun's module.

A command may be a report, which states what already happened. A report is refused only if its
figures cannot be stored, or if it concerns an item that is not open.

In an event, amounts are positive unless marked signed. Money is exact to the currency's minor unit;
quantities have up to 8 decimals. The journal lines (J..) that each event posts are in
`domain/ledger/`. Free texts and references are encrypted under the key of the account's client
(`client_id`, which the decision takes from the state). Decisions compare references by their
`reference_hmac`.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from domain.account import (
    adjustments,
    base_cost,
    busts,
    cash,
    exchange,
    fees,
    holds,
    obligations,
    rematching,
    residues,
    selection,
    standing,
    trades,
    transfers,
    withdrawals,
)
from domain.account.rates import RATES
from domain.account.refusal_table import REFUSALS as REFUSALS
from domain.account.refusals import AccountRefusal
from domain.account.state import CLOSED, State
from domain.account.state import INITIAL as INITIAL
from domain.shared.envelope import id_of
from domain.shared.message import Command, Decision, Event, Refused, Seen, refused

CATEGORY = "account"

_DECIDE: dict[type[Command], Callable[[Any, State, Seen], Decision]] = {
    standing.OpenAccount: standing.open_account,
    standing.AuthorisePerson: standing.authorise_person,
    standing.RevokePerson: standing.revoke_person,
    standing.ChangeLotMethod: standing.change_lot_method,
    standing.BlockAccount: standing.block,
    standing.UnblockAccount: standing.unblock,
    standing.SetClosingOnly: standing.set_closing_only,
    standing.CloseAccount: standing.close,
    standing.ReopenAccount: standing.reopen,
    cash.DepositCash: cash.deposit,
    cash.ReturnDeposit: cash.return_deposit,
    withdrawals.WithdrawCash: withdrawals.withdraw,
    withdrawals.CancelWithdrawal: withdrawals.cancel,
    withdrawals.SendWithdrawal: withdrawals.send,
    withdrawals.CompleteWithdrawal: withdrawals.complete,
    withdrawals.RejectWithdrawal: withdrawals.reject,
    withdrawals.ReturnWithdrawal: withdrawals.give_back,
    holds.ReserveForOrder: holds.reserve,
    holds.ReleaseHold: holds.release,
    trades.BookTrade: trades.book,
    busts.BustTrade: busts.bust,
    selection.SelectLots: selection.select,
    base_cost.StateBaseCost: base_cost.state_base_cost,
    obligations.SettleObligation: obligations.settle,
    obligations.SettleAfterBust: obligations.settle_after_bust,
    obligations.RecordFailing: obligations.record_failing,
    exchange.ConvertCurrency: exchange.convert,
    exchange.SettleFx: exchange.settle_fx,
    fees.AccrueFee: fees.accrue,
    fees.ChargeFee: fees.charge,
    fees.CreditInterest: fees.credit_interest,
    fees.DebitInterest: fees.debit_interest,
    transfers.TransferCash: transfers.send_cash,
    transfers.ReceiveCash: transfers.receive_cash,
    transfers.TransferSecurities: transfers.send_securities,
    transfers.ReceiveSecurities: transfers.receive_securities,
    transfers.CompleteTransfer: transfers.complete,
    transfers.UndoTransfer: transfers.undo,
    adjustments.PostAdjustment: adjustments.post,
    residues.CashResidue: residues.cash,
}

_EVOLVE: dict[type[Event], Callable[[State, Any], State]] = {
    standing.AccountOpened: standing.opened,
    standing.PersonAuthorised: standing.person_authorised,
    standing.PersonRevoked: standing.person_revoked,
    standing.LotMethodChanged: standing.lot_method_changed,
    standing.AccountRestricted: standing.restricted,
    cash.CashDeposited: cash.deposited,
    cash.DepositReturned: cash.returned,
    withdrawals.WithdrawalRequested: withdrawals.requested,
    withdrawals.WithdrawalSent: withdrawals.sent,
    withdrawals.WithdrawalCompleted: withdrawals.ended,
    withdrawals.WithdrawalCancelled: withdrawals.ended,
    withdrawals.WithdrawalRejected: withdrawals.rejected,
    withdrawals.WithdrawalReturned: withdrawals.returned,
    holds.FundsReserved: holds.reserved,
    holds.HoldReleased: holds.released,
    trades.TradeBooked: trades.booked,
    busts.TradeBusted: busts.busted,
    rematching.LotsRematched: rematching.rematched,
    selection.LotsSelected: selection.selected,
    base_cost.BaseCostStated: base_cost.stated,
    obligations.ObligationSettled: obligations.settled,
    obligations.SettledAfterBust: obligations.settled_after_bust,
    obligations.ObligationFailing: obligations.failing,
    exchange.FxBooked: exchange.booked,
    exchange.FxSettled: exchange.settled,
    fees.FeeAccrued: fees.accrued,
    fees.FeeCharged: fees.charged,
    fees.InterestCredited: fees.interest_credited,
    fees.InterestDebited: fees.interest_debited,
    transfers.CashTransferredOut: transfers.cash_out,
    transfers.CashTransferredIn: transfers.cash_in,
    transfers.SecuritiesTransferredOut: transfers.securities_out,
    transfers.SecuritiesTransferredIn: transfers.securities_in,
    transfers.TransferCompleted: transfers.completed,
    transfers.TransferUndone: transfers.undone,
    adjustments.AdjustmentPosted: adjustments.posted,
    residues.ResidueCashed: residues.cashed,
}

COMMANDS = tuple(_DECIDE)
EVENTS = tuple(_EVOLVE)

_READS: dict[type[Command], Callable[[Any], tuple[str, ...]]] = {
    standing.OpenAccount: lambda command: (f"client-{command.client_id}",),
    transfers.TransferCash: lambda command: (f"account-{command.to_account_id}",),
    transfers.TransferSecurities: lambda command: (
        f"account-{command.to_account_id}",
        f"instrument-{command.instrument_id}",
    ),
    residues.CashResidue: lambda command: (
        f"instrument-{command.instrument_id}",
        f"price-{command.instrument_id}",
        RATES,
    ),
    trades.BookTrade: lambda _: (RATES,),
    exchange.ConvertCurrency: lambda _: (RATES,),
    transfers.ReceiveSecurities: lambda _: (RATES,),
    base_cost.StateBaseCost: lambda _: (RATES,),
}


def key(command: Command) -> str:
    return str(command.account_id)  # type: ignore[attr-defined]


def reads(command: Command) -> tuple[str, ...]:
    named = _READS.get(type(command))
    return named(command) if named else ()


def decide(command: Command, state: State, seen: Seen) -> Decision:
    """Return the events of `command`, `()` if nothing changes, or a refusal with figures.

    If the account was never opened, every command except `OpenAccount` is refused for that first.
    """
    if not state.exists and not isinstance(command, standing.OpenAccount):
        return refused(AccountRefusal.ACCOUNT_UNKNOWN, account_id=key(command))
    decision = _DECIDE[type(command)](command, state, seen)
    if state.status == CLOSED and not isinstance(decision, Refused):
        return tuple(map(_after_closing, decision))
    return decision


def _after_closing(event: Event) -> Event:
    """Flag a report that is booked on a closed account: operations must pay it out."""
    flagged = "account_closed" in event.__struct_fields__
    return replace(event, account_closed=True) if flagged else event


def evolve(state: State, event: Event) -> State:
    """Apply one event without any check: everything in the stream has happened."""
    return _EVOLVE[type(event)](state, event)


def home(state: State, stream: str) -> str:
    return state.account_id or id_of(stream)
