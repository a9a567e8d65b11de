"""Account: one client's cash, holds, lots and open items.

Every change of an account's money or shares is an event on `account-{id}`, and only that event
posts (`domain/ledger/`). An intent may be refused; the refusal states the missing figures. A
report (execution, confirmation, return) is booked even if it overdraws the account, and flagged.

Each noun is a module: standing (opening, status), cash, withdrawals, holds, trades, busts,
rematching, selection, obligations, exchange, fees, transfers, adjustments, residues. It decides
its commands and applies its events; the tables below find its functions by type.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from domain.account import (
    adjustments,
    base_cost,
    busts,
    cash,
    commands,
    events,
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
from domain.account.refusals import AccountRefusal as AccountRefusal
from domain.account.state import CLOSED
from domain.account.state import INITIAL as INITIAL
from domain.account.state import Cash as Cash
from domain.account.state import State as State
from domain.shared.message import Command, Decision, Event, Refused, Seen, refused

CATEGORY = "account"

_DECIDE: dict[type[Command], Callable[[Any, State, Seen], Decision]] = {
    commands.OpenAccount: standing.open_account,
    commands.AuthorisePerson: standing.authorise_person,
    commands.RevokePerson: standing.revoke_person,
    commands.ChangeLotMethod: standing.change_lot_method,
    commands.BlockAccount: standing.block,
    commands.UnblockAccount: standing.unblock,
    commands.SetClosingOnly: standing.set_closing_only,
    commands.CloseAccount: standing.close,
    commands.ReopenAccount: standing.reopen,
    commands.DepositCash: cash.deposit,
    commands.ReturnDeposit: cash.return_deposit,
    commands.WithdrawCash: withdrawals.withdraw,
    commands.CancelWithdrawal: withdrawals.cancel,
    commands.SendWithdrawal: withdrawals.send,
    commands.CompleteWithdrawal: withdrawals.complete,
    commands.RejectWithdrawal: withdrawals.reject,
    commands.ReturnWithdrawal: withdrawals.give_back,
    commands.ReserveForOrder: holds.reserve,
    commands.ReleaseHold: holds.release,
    commands.BookTrade: trades.book,
    commands.BustTrade: busts.bust,
    commands.SelectLots: selection.select,
    commands.StateBaseCost: base_cost.state_base_cost,
    commands.SettleObligation: obligations.settle,
    commands.SettleAfterBust: obligations.settle_after_bust,
    commands.RecordFailing: obligations.record_failing,
    commands.ConvertCurrency: exchange.convert,
    commands.SettleFx: exchange.settle_fx,
    commands.AccrueFee: fees.accrue,
    commands.ChargeFee: fees.charge,
    commands.CreditInterest: fees.credit_interest,
    commands.DebitInterest: fees.debit_interest,
    commands.TransferCash: transfers.send_cash,
    commands.ReceiveCash: transfers.receive_cash,
    commands.TransferSecurities: transfers.send_securities,
    commands.ReceiveSecurities: transfers.receive_securities,
    commands.CompleteTransfer: transfers.complete,
    commands.UndoTransfer: transfers.undo,
    commands.PostAdjustment: adjustments.post,
    commands.CashResidue: residues.cash,
}

_EVOLVE: dict[type[Event], Callable[[State, Any], State]] = {
    events.AccountOpened: standing.opened,
    events.PersonAuthorised: standing.person_authorised,
    events.PersonRevoked: standing.person_revoked,
    events.LotMethodChanged: standing.lot_method_changed,
    events.AccountRestricted: standing.restricted,
    events.CashDeposited: cash.deposited,
    events.DepositReturned: cash.returned,
    events.WithdrawalRequested: withdrawals.requested,
    events.WithdrawalSent: withdrawals.sent,
    events.WithdrawalCompleted: withdrawals.ended,
    events.WithdrawalCancelled: withdrawals.ended,
    events.WithdrawalRejected: withdrawals.rejected,
    events.WithdrawalReturned: withdrawals.returned,
    events.FundsReserved: holds.reserved,
    events.HoldReleased: holds.released,
    events.TradeBooked: trades.booked,
    events.TradeBusted: busts.busted,
    events.LotsRematched: rematching.rematched,
    events.LotsSelected: selection.selected,
    events.BaseCostStated: base_cost.stated,
    events.ObligationSettled: obligations.settled,
    events.SettledAfterBust: obligations.settled_after_bust,
    events.ObligationFailing: obligations.failing,
    events.FxBooked: exchange.booked,
    events.FxSettled: exchange.settled,
    events.FeeAccrued: fees.accrued,
    events.FeeCharged: fees.charged,
    events.InterestCredited: fees.interest_credited,
    events.InterestDebited: fees.interest_debited,
    events.CashTransferredOut: transfers.cash_out,
    events.CashTransferredIn: transfers.cash_in,
    events.SecuritiesTransferredOut: transfers.securities_out,
    events.SecuritiesTransferredIn: transfers.securities_in,
    events.TransferCompleted: transfers.completed,
    events.TransferUndone: transfers.undone,
    events.AdjustmentPosted: adjustments.posted,
    events.ResidueCashed: residues.cashed,
}

COMMANDS = tuple(_DECIDE)
EVENTS = tuple(_EVOLVE)

_READS: dict[type[Command], Callable[[Any], tuple[str, ...]]] = {
    commands.OpenAccount: lambda command: (f"client-{command.client_id}",),
    commands.TransferCash: lambda command: (f"account-{command.to_account_id}",),
    commands.TransferSecurities: lambda command: (
        f"account-{command.to_account_id}",
        f"instrument-{command.instrument_id}",
    ),
    commands.CashResidue: lambda command: (
        f"instrument-{command.instrument_id}",
        f"price-{command.instrument_id}",
        RATES,
    ),
    commands.BookTrade: lambda _: (RATES,),
    commands.ConvertCurrency: lambda _: (RATES,),
    commands.ReceiveSecurities: lambda _: (RATES,),
    commands.StateBaseCost: lambda _: (RATES,),
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
    if not state.exists and not isinstance(command, commands.OpenAccount):
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
    return state.account_id or stream.split("-", 1)[1]
