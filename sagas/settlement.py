"""Settlement: have the custodian settle each obligation, book what it confirms, chase the rest.

    trade.booked -> instructed -confirmed, rest 0-> settled*
                        `-confirmed in part-> (the rest goes on)
                        `-23:00 UTC of the settlement date-> failing -> settled* | cancelled*
    trade.busted -> what is open: cancel -> cancelled* ; what has settled: a reverse obligation

One saga per obligation: a reverse one starts with its own instruction. The custodian is told at
once and acts on the settlement date. Charges are no part of it: the street is owed gross and
accrued interest. The compensation of an instruction is its cancellation, of a settled one its
reverse; a denied cancellation leaves the obligation open, and settlement wins over both.
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from domain.account.commands import RecordFailing, SettleObligation
from domain.account.events import TradeBooked, TradeBusted
from domain.envelope import Envelope
from domain.fix import Side
from domain.message import Command
from domain.saga import DeadlinePassed
from domain.settlement.commands import CancelSettlement, InstructSettlement, MarkFailing
from domain.settlement.events import (
    SettlementCancelled,
    SettlementConfirmed,
    SettlementFailing,
    SettlementInstructed,
)
from sagas.ports import Deadline, correlation

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
    settl_date: date | None = None
    country: str = ""
    rest_qty: Decimal = Decimal(0)
    busted: bool = False  # its trade did not happen: cancelled, or reversed, and not chased


INITIAL = Obligation()

correlate = correlation(
    NAME,
    {
        TradeBooked: "trade_id",
        TradeBusted: "trade_id",
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
        case TradeBooked(settl_date=on, qty=qty) | SettlementInstructed(settl_date=on, qty=qty):
            step = state.step or Step.OPEN
            return replace(state, step=step, settl_date=on, rest_qty=qty)
        case SettlementConfirmed(rest_qty=rest):
            return replace(state, step=state.step if rest else Step.SETTLED, rest_qty=rest)
        case SettlementFailing(rest_qty=rest) if state.step == Step.OPEN:
            return replace(state, step=Step.FAILING, rest_qty=rest)
        case SettlementCancelled() if state.step != Step.SETTLED:
            return replace(state, step=Step.CANCELLED)
        case TradeBusted():
            return replace(state, busted=True)
        case DeadlinePassed() if state.step == Step.OPEN:
            return replace(state, step=Step.FAILING)
        case _:
            return state


def react(state: Obligation, arrived: Envelope) -> tuple[Command, ...]:
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
        case DeadlinePassed(saga_id=obligation_id) if state.step == Step.OPEN and not state.busted:
            reason, on = "unsettled_at_close", state.settl_date
            return (MarkFailing(obligation_id=obligation_id, reason=reason, close_of=on),)
        case _:
            return ()


def due(state: Obligation) -> Deadline | None:
    if state.step != Step.OPEN or state.busted or state.settl_date is None:
        return None
    return Deadline(datetime.combine(state.settl_date, CLOSE), "unsettled_at_close")


def ended(state: Obligation) -> bool:
    return state.step in (Step.SETTLED, Step.CANCELLED)


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
        side=Side.SELL if bust.side == Side.BUY else Side.BUY,
        qty=bust.reverse_qty,
        amount=bust.reverse_amount,
        currency=bust.currency,
        trade_date=bust.trade_date,
        settl_date=bust.settl_date or bust.trade_date,
    )
    return (*out, reverse)
