"""Settlement: have the custodian settle each obligation, book what it confirms, chase the rest.

    trade.booked -> instructed -confirmed, rest 0-> settled*
                        `-confirmed in part-> (the rest goes on)
                        `-23:00 UTC of the settlement date-> failing -> settled* | cancelled*
    trade.busted -> what is open: cancel -> cancelled* ; what has settled: a reverse obligation

One saga per obligation: a reverse one starts with its own instruction. The custodian is told at
once and acts on the settlement date. Charges are no part of it: the street is owed gross and
accrued interest. The compensation of an instruction is its cancellation, of a settled one its
reverse. Where a busted trade settles all the same (the cancellation came too late, or was denied)
the account has no obligation left to book it on and refuses: what came is sent back.
"""

from datetime import UTC, datetime, time
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from domain.account.commands import RecordFailing, SettleObligation
from domain.account.events import ObligationSettled, TradeBooked, TradeBusted
from domain.envelope import Envelope
from domain.fix import Side
from domain.message import Command
from domain.saga import CommandRefused, DeadlinePassed
from domain.settlement.commands import CancelSettlement, InstructSettlement, MarkFailing
from domain.settlement.events import (
    SettlementCancelled,
    SettlementConfirmed,
    SettlementFailing,
    SettlementInstructed,
)
from sagas.ports import Deadline, correlation, message_id, within

NAME, VERSION = "settlement", 1
CLOSE = time(23, 0, tzinfo=UTC)  # after the last settlement cycle of any market we trade
COMMANDS: tuple[type[Command], ...] = (
    InstructSettlement,
    SettleObligation,
    MarkFailing,
    RecordFailing,
    CancelSettlement,
)


class Step(StrEnum):
    NONE = ""
    OPEN = "open"
    FAILING = "failing"
    SETTLED = "settled"
    CANCELLED = "cancelled"


class Obligation(Struct, frozen=True, kw_only=True):
    step: Step = Step.NONE
    instructed: InstructSettlement | None = None
    rest_qty: Decimal = Decimal(0)
    busted: bool = False  # its trade did not happen: cancelled, or reversed, and not chased
    booking: dict[str, SettleObligation] = {}  # confirmed and not booked yet, by message id
    returned: int = 0  # parts sent back so far


INITIAL = Obligation()

correlate = correlation(
    NAME,
    {
        TradeBooked: "trade_id",
        TradeBusted: "trade_id",
        ObligationSettled: "obligation_id",
        SettlementInstructed: "obligation_id",
        SettlementConfirmed: "obligation_id",
        SettlementFailing: "obligation_id",
        SettlementCancelled: "obligation_id",
    },
)


def evolve(  # noqa: PLR0911 - a table of events
    state: Obligation, arrived: Envelope
) -> Obligation:
    match arrived.event:
        case TradeBooked() as trade:
            return _opened(state, _instruct(trade))
        case SettlementInstructed() as event:
            return _opened(state, _as_instructed(event))
        case SettlementConfirmed(rest_qty=rest) as told:
            step = state.step if rest else Step.SETTLED
            booking = state.booking | {message_id(arrived, NAME, 0): _settle(told)}
            return replace(state, step=step, rest_qty=rest, booking=booking)
        case ObligationSettled(confirmation_id=booked):
            return replace(state, booking=_without(state.booking, booked))
        case SettlementFailing() | DeadlinePassed() if state.step == Step.OPEN:
            return replace(state, step=Step.FAILING)
        case SettlementCancelled() if state.step != Step.SETTLED:
            return replace(state, step=Step.CANCELLED)
        case TradeBusted():
            return replace(state, busted=True)
        case CommandRefused(refused_id=refused_id) if part := state.booking.get(refused_id):
            booking = _without(state.booking, part.confirmation_id)
            return replace(state, booking=booking, returned=state.returned + state.busted)
        case _:
            return state


def react(  # noqa: PLR0911 - a table of events
    state: Obligation, arrived: Envelope
) -> tuple[Command, ...]:
    match arrived.event:
        case TradeBooked() as trade:
            return (_instruct(trade),)
        case TradeBusted() as bust:
            return _undo(bust)
        case SettlementConfirmed() as told:
            return (_settle(told),)
        case SettlementFailing() as told:
            return (
                RecordFailing(
                    account_id=told.account_id,
                    obligation_id=told.obligation_id,
                    reason=told.reason,
                    whose=told.whose,
                ),
            )
        case DeadlinePassed(saga_id=obligation_id, name=name, due_at=at):
            if due(state) != Deadline(at, name):
                return ()
            return (MarkFailing(obligation_id=obligation_id, reason=name, close_of=at.date()),)
        case CommandRefused(refused_id=refused_id) if state.busted:
            part = state.booking.get(refused_id)
            return (_send_back(state, part),) if part else ()
        case _:
            return ()


def due(state: Obligation) -> Deadline | None:
    if state.step != Step.OPEN or state.busted or state.instructed is None:
        return None
    close = datetime.combine(state.instructed.settl_date, CLOSE)
    return Deadline(close, "unsettled_at_close")


def ended(state: Obligation) -> bool:
    return state.step in (Step.SETTLED, Step.CANCELLED) and not state.booking


def _opened(state: Obligation, instruction: InstructSettlement) -> Obligation:
    if state.instructed is not None:
        return state
    return replace(state, step=Step.OPEN, instructed=instruction, rest_qty=instruction.qty)


def _instruct(trade: TradeBooked) -> InstructSettlement:
    return InstructSettlement(
        obligation_id=trade.trade_id,
        account_id=trade.account_id,
        instrument_id=trade.instrument_id,
        isin=trade.isin,
        side=trade.side,
        qty=trade.qty,
        amount=trade.gross + trade.accrued_interest,
        currency=trade.currency,
        trade_date=trade.trade_date,
        settl_date=trade.settl_date,
    )


def _settle(told: SettlementConfirmed) -> SettleObligation:
    return SettleObligation(
        account_id=told.account_id,
        obligation_id=told.obligation_id,
        qty=told.qty,
        amount=told.amount,
        value_date=told.value_date,
        confirmation_id=told.confirmation_id,
    )


def _undo(bust: TradeBusted) -> tuple[Command, ...]:
    """Call back what is open, and have what has settled brought back."""
    out: tuple[Command, ...] = ()
    if bust.open_qty:
        out = (CancelSettlement(obligation_id=bust.trade_id, reason="trade_busted"),)
    if not bust.reverse_qty:
        return out
    reverse = InstructSettlement(
        obligation_id=bust.reverse_id,
        account_id=bust.account_id,
        isin=bust.isin,
        side=_other(bust.side),
        qty=bust.reverse_qty,
        amount=bust.reverse_amount,
        currency=bust.currency,
        trade_date=bust.trade_date,
        settl_date=bust.settl_date or bust.trade_date,
    )
    return (*out, reverse)


def _send_back(state: Obligation, part: SettleObligation) -> InstructSettlement:
    """A part of a busted trade that settled: the same, the other way round, on the same day."""
    was = state.instructed
    assert was is not None  # nothing settles that was not instructed
    return InstructSettlement(
        obligation_id=within(was.obligation_id, f"{was.obligation_id}.back{state.returned + 1}"),
        account_id=was.account_id,
        instrument_id=was.instrument_id,
        isin=was.isin,
        side=_other(was.side),
        qty=part.qty,
        amount=part.amount,
        currency=was.currency,
        trade_date=was.trade_date,
        settl_date=part.value_date,
        country=was.country,
    )


def _without(
    booking: dict[str, SettleObligation], confirmation_id: str
) -> dict[str, SettleObligation]:
    return {k: part for k, part in booking.items() if part.confirmation_id != confirmation_id}


def _as_instructed(event: SettlementInstructed) -> InstructSettlement:
    return InstructSettlement(
        obligation_id=event.obligation_id,
        account_id=event.account_id,
        instrument_id=event.instrument_id,
        isin=event.isin,
        side=event.side,
        qty=event.qty,
        amount=event.amount,
        currency=event.currency,
        trade_date=event.trade_date,
        settl_date=event.settl_date,
        country=event.country,
    )


def _other(side: Side) -> Side:
    return Side.SELL if side == Side.BUY else Side.BUY
