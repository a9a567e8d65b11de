"""Transfer: one account gives, another receives; if that is refused, the giver gets it back.

    cash_out | securities_out -> receiving -cash_in | securities_in-> received -completed-> *
                                    `-refused-> undoing -undone-> *

The compensation of the first half is UndoTransfer, which the giving account cannot refuse while
the transfer is under way. In between, the value is booked on C.XFER[transfer]. The saga passes the
lots on as the giver moved them; the receiver reverses their sign.
"""

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from domain.account.transfers import (
    CashTransferredIn,
    CashTransferredOut,
    CompleteTransfer,
    ReceiveCash,
    ReceiveSecurities,
    SecuritiesTransferredIn,
    SecuritiesTransferredOut,
    TransferCompleted,
    TransferUndone,
    UndoTransfer,
)
from domain.instrument.commands import UseInstrument
from domain.saga import CommandRefused
from domain.shared.envelope import Envelope
from domain.shared.ids import within
from domain.shared.message import Command
from sagas.engine.ports import Deadline, correlation

NAME, VERSION = "transfer", 1
COMMANDS: tuple[type[Command], ...] = (
    ReceiveCash,
    ReceiveSecurities,
    CompleteTransfer,
    UndoTransfer,
    UseInstrument,
)
RECEIVING = frozenset({"ReceiveCash", "ReceiveSecurities"})


class Step(StrEnum):
    NONE = ""
    RECEIVING = "receiving"
    UNDOING = "undoing"
    RECEIVED = "received"
    COMPLETED = "completed"
    UNDONE = "undone"


class Transfer(Struct, frozen=True, kw_only=True):
    step: Step = Step.NONE
    account_id: str = ""  # the giver
    transfer_id: str = ""


INITIAL = Transfer()


def correlate(arrived: Envelope) -> str | None:
    """The saga id, from the giver and the transfer id, which is unique within the giver only."""
    match arrived.event:
        case (
            CashTransferredOut()
            | SecuritiesTransferredOut()
            | TransferCompleted()
            | TransferUndone() as e
        ):
            return within(e.account_id, e.transfer_id)
        case CashTransferredIn() | SecuritiesTransferredIn() as e:
            return within(e.from_account_id, e.transfer_id)
        case _:
            return _own(arrived)


def evolve(state: Transfer, arrived: Envelope) -> Transfer:
    match arrived.event:
        case CashTransferredOut() | SecuritiesTransferredOut() as e:
            return Transfer(step=Step.RECEIVING, account_id=e.account_id, transfer_id=e.transfer_id)
        case CashTransferredIn() | SecuritiesTransferredIn():
            return replace(state, step=Step.RECEIVED)
        case TransferCompleted():
            return replace(state, step=Step.COMPLETED)
        case TransferUndone():
            return replace(state, step=Step.UNDONE)
        case CommandRefused(command=name) if name in RECEIVING and state.step == Step.RECEIVING:
            return replace(state, step=Step.UNDOING)
        case _:
            return state


def react(state: Transfer, arrived: Envelope) -> tuple[Command, ...]:
    match arrived.event:
        case CashTransferredOut() as e:
            return (
                ReceiveCash(
                    account_id=e.to_account_id,
                    transfer_id=e.transfer_id,
                    from_account_id=e.account_id,
                    currency=e.currency,
                    amount=e.amount,
                ),
            )
        case SecuritiesTransferredOut() as e:
            return (*_used(e), _receive(e))
        case CashTransferredIn() | SecuritiesTransferredIn() as e:
            return (CompleteTransfer(account_id=e.from_account_id, transfer_id=e.transfer_id),)
        case CommandRefused(command=name, refusal=why) if name in RECEIVING:
            if state.step != Step.RECEIVING:
                return ()
            giver, transfer_id = state.account_id, state.transfer_id
            return (UndoTransfer(account_id=giver, transfer_id=transfer_id, reason=why),)
        case _:
            return ()


def due(state: Transfer) -> Deadline | None:
    return None


def ended(state: Transfer) -> bool:
    return state.step in (Step.COMPLETED, Step.UNDONE)


def _used(out: SecuritiesTransferredOut) -> tuple[UseInstrument, ...]:
    """Report a listing's first use: it values the shares from now on, so its ISIN must stay."""
    if not out.first_use:
        return ()
    return (UseInstrument(instrument_id=out.instrument_id, isin=out.isin),)


def _receive(out: SecuritiesTransferredOut) -> ReceiveSecurities:
    return ReceiveSecurities(
        account_id=out.to_account_id,
        transfer_id=out.transfer_id,
        from_account_id=out.account_id,
        instrument_id=out.instrument_id,
        isin=out.isin,
        currency=out.currency,
        lots=out.lots,
        base_currency=out.base_currency,
    )


_own = correlation(NAME, {})
