"""Transfers between two accounts: two streams, and C.XFER[transfer] between them (J16).

    sender: none -Transfer-> under way -Complete-> *        receiver: -Receive-> *
                                 `-Undo (the receiver refused)-> *

Only settled cash and settled shares move. Lots keep their id, cost and dates, and their base cost
if both accounts have the same base currency. Otherwise the receiver converts the cost at the last
fixing, because the rate of the purchase day is no longer known. Without a fixing the receiver
refuses, and the transfer is undone. Lots whose base cost is unknown cannot be transferred.
"""

from decimal import Decimal

from msgspec.structs import replace

from domain.account import base_cost
from domain.account.changes import add_cash, append_arrivals, move_lots, with_item
from domain.account.listings import listing
from domain.account.rates import base_rate, in_base, no_rate
from domain.account.refusals import (
    R,
    bad_money,
    bad_qty,
    first,
    in_base_currency,
    lacking,
    powerless,
    refuse_unless,
)
from domain.account.state import CLOSING, CLOSING_ONLY, DORMANT, OPEN, State, Transfer
from domain.rules.lots import LotMove, dispose, mirror
from domain.shared.message import Command, Decision, Event, Internal, Refused, Seen, refused
from domain.shared.money import MINOR_UNITS, ZERO, is_currency, money
from domain.shared.shares import Value


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


Sending = TransferCash | TransferSecurities


def send_cash(command: TransferCash, state: State, seen: Seen) -> Decision:
    worth = in_base_currency(state, command.amount, command.currency)
    if wrong := (
        _parties_fault(command, state, seen)
        or bad_money(command.amount, command.currency)
        or powerless(state, seen, "withdraw", worth)
    ):
        return wrong
    free = state.available_to_withdraw(command.currency, seen.now.date())
    return lacking(command.amount, free, command.currency) or (
        CashTransferredOut(
            account_id=command.account_id,
            transfer_id=command.transfer_id,
            to_account_id=command.to_account_id,
            currency=command.currency,
            amount=money(command.amount, command.currency),
        ),
    )


def send_securities(command: TransferSecurities, state: State, seen: Seen) -> Decision:
    if wrong := (
        _parties_fault(command, state, seen)
        or bad_qty(command.qty)
        or powerless(state, seen, "withdraw", lambda: None)
    ):
        return wrong
    isin = command.isin
    if isinstance(named := listing(seen, command.instrument_id, isin), Refused):
        return named
    free = min(state.qty(isin), state.settled_qty(isin)) - state.held_qty(isin)
    if command.qty > free:
        return refused(R.INSUFFICIENT_SHARES, isin=isin, required=command.qty, available=free)
    if wrong := base_cost.refuse_waiting(state, isin):
        return wrong
    currencies = {lot.currency for lot in state.lots[isin] if lot.qty > 0}
    if len(currencies) > 1:  # one event states one currency of cost
        return refused(R.LOTS_DO_NOT_MATCH, currencies=",".join(sorted(currencies)))
    currency = currencies.pop()
    return (
        SecuritiesTransferredOut(
            account_id=command.account_id,
            transfer_id=command.transfer_id,
            to_account_id=command.to_account_id,
            isin=isin,
            instrument_id=command.instrument_id,
            currency=currency,
            lots=_lots_sent(command, state, seen, currency=currency),
            base_currency=state.base_currency,
            first_use=not named.used,
        ),
    )


def _lots_sent(
    command: TransferSecurities, state: State, seen: Seen, *, currency: str
) -> tuple[LotMove, ...]:
    moves = dispose(
        state.lots[command.isin],
        command.transfer_id,
        command.qty,
        method=state.lot_method,
        proceeds=Value(
            amount=ZERO,
            base=ZERO,
            cents=MINOR_UNITS[currency],
            base_cents=MINOR_UNITS[state.base_currency],
            currency=currency,
        ),
        on=seen.effective_at.date(),
    )
    return tuple(replace(m, realises=False) for m in moves)


def _parties_fault(command: Sending, state: State, seen: Seen) -> Refused | None:
    """Refuse unless both accounts may take part in this transfer."""
    if wrong := refuse_unless(state, OPEN, CLOSING_ONLY, DORMANT, CLOSING):
        return wrong
    if command.to_account_id == command.account_id:
        return refused(R.SAME_ACCOUNT, account_id=command.account_id)
    if command.transfer_id in state.transfers:
        return refused(R.TRANSFER_EXISTS, transfer_id=command.transfer_id)
    target: State | None = seen.streams.get(f"account-{command.to_account_id}")
    if target is None or not target.exists:
        return refused(R.ACCOUNT_UNKNOWN, account_id=command.to_account_id)
    return refuse_unless(target, OPEN, CLOSING_ONLY, DORMANT)


def receive_cash(command: ReceiveCash, state: State, seen: Seen) -> Decision:
    if wrong := first(
        refuse_unless(state, OPEN, CLOSING_ONLY, DORMANT),
        bad_money(command.amount, command.currency),
    ):
        return wrong
    return (
        CashTransferredIn(
            account_id=command.account_id,
            transfer_id=command.transfer_id,
            from_account_id=command.from_account_id,
            currency=command.currency,
            amount=money(command.amount, command.currency),
        ),
    )


def receive_securities(command: ReceiveSecurities, state: State, seen: Seen) -> Decision:
    """Book the shares. The command's lots may be the sender's moves (negative) or their mirror."""
    lots = tuple(m if m.qty > 0 else mirror((m,))[0] for m in command.lots if m.qty)
    if wrong := first(
        refuse_unless(state, OPEN, CLOSING_ONLY, DORMANT), *(bad_qty(m.qty) for m in lots)
    ):
        return wrong
    if not lots:
        return refused(R.QTY_NOT_POSITIVE, qty=0)
    if not is_currency(command.currency):
        return refused(R.CURRENCY_UNKNOWN, currency=command.currency)
    if command.base_currency not in ("", state.base_currency):
        rate = base_rate(state, command.currency, seen)
        if not rate:
            return no_rate(state.base_currency, command.currency, seen)
        lots = tuple(
            replace(m, cost_base=in_base(state, m.cost, command.currency, rate=rate).base)
            for m in lots
        )
    return (
        SecuritiesTransferredIn(
            account_id=command.account_id,
            transfer_id=command.transfer_id,
            from_account_id=command.from_account_id,
            isin=command.isin,
            instrument_id=command.instrument_id,
            currency=command.currency,
            lots=lots,
        ),
    )


def complete(command: CompleteTransfer, state: State, seen: Seen) -> Decision:
    if command.transfer_id not in state.transfers:
        return ()
    return (TransferCompleted(account_id=command.account_id, transfer_id=command.transfer_id),)


def undo(command: UndoTransfer, state: State, seen: Seen) -> Decision:
    """The receiver refused: the sender takes back exactly what it gave."""
    sent = state.transfers.get(command.transfer_id)
    if sent is None:
        return refused(R.TRANSFER_UNKNOWN, transfer_id=command.transfer_id)
    return (
        TransferUndone(
            account_id=command.account_id,
            transfer_id=command.transfer_id,
            currency=sent.currency,
            amount=sent.amount,
            isin=sent.isin,
            instrument_id=sent.instrument_id,
            lots=mirror(sent.lots),
            reason=command.reason,
        ),
    )


def cash_out(state: State, event: CashTransferredOut) -> State:
    sent = Transfer(currency=event.currency, amount=event.amount)
    state = add_cash(state, event.currency, -event.amount)
    return _with(state, event.transfer_id, sent)


def cash_in(state: State, event: CashTransferredIn) -> State:
    return add_cash(state, event.currency, event.amount)


def securities_out(state: State, event: SecuritiesTransferredOut) -> State:
    sent = Transfer(
        currency=event.currency,
        isin=event.isin,
        instrument_id=event.instrument_id,
        lots=event.lots,
    )
    state = move_lots(state, event.isin, event.lots, currency=event.currency)
    return _with(state, event.transfer_id, sent)


def securities_in(state: State, event: SecuritiesTransferredIn) -> State:
    state = append_arrivals(state, event.isin, (m.lot_id for m in event.lots))
    return move_lots(state, event.isin, event.lots, currency=event.currency)


def completed(state: State, event: TransferCompleted) -> State:
    return _with(state, event.transfer_id, None)


def undone(state: State, event: TransferUndone) -> State:
    state = add_cash(state, event.currency, event.amount)
    if event.isin:
        state = move_lots(state, event.isin, event.lots, currency=event.currency, restores=True)
    return _with(state, event.transfer_id, None)


def _with(state: State, transfer_id: str, sent: Transfer | None) -> State:
    return replace(state, transfers=with_item(state.transfers, transfer_id, sent))
