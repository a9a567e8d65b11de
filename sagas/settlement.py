"""Settlement: have the custodian settle each obligation, book what it confirms, chase the rest.

    trade.booked -> instructed -confirmed, rest 0-> settled*
                        `-a delivery: on hold until noon of its date, then released if covered;
                          if not, asked again every noon
                        `-confirmed in part-> (the rest goes on)
                        `-23:00 UTC of the settlement date-> failing -> settled* | cancelled*
    trade.busted -> what is open: cancel -> cancelled* ; what has settled: a reverse obligation
      `-confirmed all the same-> settled after the bust: a reverse obligation

One saga per obligation; a reverse obligation starts with its own instruction. The custodian is
instructed at once and acts on the settlement date. A delivery is released only when the account's
own settled stock covers it, so that one client's stock never delivers another's sale. Charges are
not included: the market is owed gross and accrued interest. The compensation of an instruction is
its cancellation, of a settled one its reverse. If a busted trade settles all the same (the
cancellation came too late, or was denied), the account books what came as owed back, and each
part that settles goes back under an instruction of its own. A held delivery whose cancellation is
denied is never released: its trade did not happen.
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from domain.account.busts import TradeBusted
from domain.account.obligations import (
    ObligationSettled,
    RecordFailing,
    SettleAfterBust,
    SettledAfterBust,
    SettleObligation,
)
from domain.account.trades import TradeBooked
from domain.saga import CommandRefused, DeadlinePassed
from domain.settlement.commands import (
    CancelSettlement,
    InstructSettlement,
    MarkFailing,
    ReleaseSettlement,
)
from domain.settlement.events import (
    SettlementCancelled,
    SettlementConfirmed,
    SettlementFailing,
    SettlementInstructed,
    SettlementReleased,
)
from domain.shared.envelope import Envelope
from domain.shared.fix import Side, other
from domain.shared.ids import within
from domain.shared.message import Command
from sagas.engine.ports import Deadline, correlation, message_id

NAME, VERSION = "settlement", 3
CLOSE = time(23, 0, tzinfo=UTC)  # after the last settlement cycle of any market we trade
NOON = time(12, 0, tzinfo=UTC)  # before the settlement cycles, when the day's receipts are known
RELEASE, UNSETTLED = "release", "unsettled_at_close"
COMMANDS: tuple[type[Command], ...] = (
    InstructSettlement,
    ReleaseSettlement,
    SettleObligation,
    SettleAfterBust,
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
    busted: bool = False  # the trade was undone: cancel or reverse, do not chase
    booking: dict[str, SettleObligation] = {}  # confirmed and not booked yet, by message id
    returned: int = 0  # parts owed back so far
    release_at: datetime | None = None  # a held delivery: when to ask for its release
    on_hold: bool = False


INITIAL = Obligation()

correlate = correlation(
    NAME,
    {
        TradeBooked: "trade_id",
        TradeBusted: "trade_id",
        ObligationSettled: "obligation_id",
        SettledAfterBust: "obligation_id",
        SettlementInstructed: "obligation_id",
        SettlementConfirmed: "obligation_id",
        SettlementFailing: "obligation_id",
        SettlementCancelled: "obligation_id",
        SettlementReleased: "obligation_id",
    },
)


def evolve(  # noqa: PLR0911 - a table of events
    state: Obligation, arrived: Envelope
) -> Obligation:
    held = _evolve_hold(state, arrived)
    if held is not None:
        return held
    match arrived.event:
        case TradeBooked() as trade:
            return _open(state, _instruct(trade))
        case SettlementInstructed() as event:
            return _hold(_open(state, _as_instruction(event)), event.on_hold)
        case SettlementConfirmed(rest_qty=rest) as confirmed:
            step = state.step if rest else Step.SETTLED
            booking = state.booking | {message_id(arrived, NAME, 0): _settle(confirmed)}
            state = replace(state, returned=state.returned + state.busted)
            return replace(state, step=step, rest_qty=rest, booking=booking)
        case ObligationSettled(confirmation_id=booked) | SettledAfterBust(confirmation_id=booked):
            return replace(state, booking=_booking_without(state.booking, booked))
        case SettlementFailing() | DeadlinePassed() if state.step == Step.OPEN:
            return replace(state, step=Step.FAILING)
        case SettlementCancelled() if state.step != Step.SETTLED:
            return replace(state, step=Step.CANCELLED)
        case TradeBusted():
            return replace(state, busted=True)
        case CommandRefused(refused_id=refused_id) if part := state.booking.get(refused_id):
            return _drop_part(state, arrived, part)
        case _:
            return state


def react(  # noqa: PLR0911 - a table of events
    state: Obligation, arrived: Envelope
) -> tuple[Command, ...]:
    match arrived.event:
        case TradeBooked() as trade:
            return (_instruct(trade),)
        case TradeBusted() as bust:
            return _undo(state, bust)
        case SettlementConfirmed() as confirmed:
            part = _settle(confirmed)
            return (_after_bust(state, part) if state.busted else part,)
        case DeadlinePassed(name=name, due_at=at) if name == RELEASE:
            return _release(state) if due(state) == Deadline(at, name) else ()
        case SettlementFailing() as failing:
            return (
                RecordFailing(
                    account_id=failing.account_id,
                    obligation_id=failing.obligation_id,
                    reason=failing.reason,
                    whose=failing.whose,
                ),
            )
        case DeadlinePassed(saga_id=obligation_id, name=name, due_at=at):
            if due(state) != Deadline(at, name):
                return ()
            return (_failing(state, obligation_id, at),)
        case SettledAfterBust() as came:
            return (_send_back(state, came),)
        case CommandRefused(refused_id=refused_id) as no if _was_busted(state, no):
            return (_after_bust(state, state.booking[refused_id]),)
        case _:
            return ()


def due(state: Obligation) -> Deadline | None:
    if state.step not in (Step.OPEN, Step.FAILING) or state.busted or state.instructed is None:
        return None
    deadlines = []
    if state.release_at is not None:
        deadlines.append(Deadline(state.release_at, RELEASE))
    if state.step == Step.OPEN:
        close = datetime.combine(state.instructed.settl_date, CLOSE)
        deadlines.append(Deadline(close, UNSETTLED))
    return min(deadlines, default=None)


def ended(state: Obligation) -> bool:
    return state.step in (Step.SETTLED, Step.CANCELLED) and not state.booking


def _open(state: Obligation, instruction: InstructSettlement) -> Obligation:
    if state.instructed is not None:
        return state
    return replace(state, step=Step.OPEN, instructed=instruction, rest_qty=instruction.qty)


def _evolve_hold(state: Obligation, arrived: Envelope) -> Obligation | None:
    """The state after an event about a held delivery's release; None: another kind of event."""
    match arrived.event:
        case SettlementReleased():
            return replace(state, on_hold=False, release_at=None)
        case DeadlinePassed(name=name) if name == RELEASE:
            return replace(state, release_at=None)
        case CommandRefused(command=name) if name == ReleaseSettlement.__name__:
            return replace(state, release_at=_next_noon(arrived.meta.recorded_at))
        case _:
            return None


def _hold(state: Obligation, on_hold: bool) -> Obligation:
    if not on_hold or state.instructed is None:
        return state
    noon = datetime.combine(state.instructed.settl_date, NOON)
    return replace(state, on_hold=True, release_at=noon)


def _next_noon(after: datetime) -> datetime:
    noon = datetime.combine(after.date(), NOON)
    return noon if noon > after else noon + timedelta(days=1)


def _release(state: Obligation) -> tuple[Command, ...]:
    instruction = state.instructed
    if instruction is None:
        return ()
    return (
        ReleaseSettlement(
            obligation_id=instruction.obligation_id, account_id=instruction.account_id
        ),
    )


def _failing(state: Obligation, obligation_id: str, at: datetime) -> MarkFailing:
    """Mark it failing; the fault is ours if we still hold the delivery back."""
    if state.on_hold:
        return MarkFailing(
            obligation_id=obligation_id, reason="not_covered", whose="ours", close_of=at.date()
        )
    return MarkFailing(obligation_id=obligation_id, reason=UNSETTLED, close_of=at.date())


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
        country=trade.market_country or "US",
        hold=trade.side is Side.SELL,
    )


def _settle(confirmed: SettlementConfirmed) -> SettleObligation:
    return SettleObligation(
        account_id=confirmed.account_id,
        obligation_id=confirmed.obligation_id,
        qty=confirmed.qty,
        amount=confirmed.amount,
        value_date=confirmed.value_date,
        confirmation_id=confirmed.confirmation_id,
    )


def _was_busted(state: Obligation, no: CommandRefused) -> bool:
    """Whether the account refused a confirmed part because a bust had already undone the trade."""
    of_part = no.command == SettleObligation.__name__ and no.refused_id in state.booking
    return of_part and state.busted


def _drop_part(state: Obligation, arrived: Envelope, part: SettleObligation) -> Obligation:
    """Drop a refused part (a case); after a bust, book it as owed back under a new message id."""
    booking = _booking_without(state.booking, part.confirmation_id)
    if isinstance(arrived.event, CommandRefused) and _was_busted(state, arrived.event):
        booking |= {message_id(arrived, NAME, 0): part}
        return replace(state, booking=booking, returned=state.returned + 1)
    return replace(state, booking=booking)


def _after_bust(state: Obligation, part: SettleObligation) -> SettleAfterBust:
    was = _instruction(state)
    name = f"{was.obligation_id}.back{state.returned + 1}"
    return SettleAfterBust(
        account_id=was.account_id,
        obligation_id=was.obligation_id,
        reverse_id=within(was.obligation_id, name),
        isin=was.isin,
        side=was.side,
        qty=part.qty,
        amount=part.amount,
        currency=was.currency,
        trade_date=was.trade_date,
        value_date=part.value_date,
        confirmation_id=part.confirmation_id,
    )


def _undo(state: Obligation, bust: TradeBusted) -> tuple[Command, ...]:
    """Cancel the part that is open and reverse the part that has settled."""
    out: tuple[Command, ...] = ()
    if bust.open_qty:
        out = (CancelSettlement(obligation_id=bust.trade_id, reason="trade_busted"),)
    if not bust.reverse_qty:
        return out
    reverse = _opposite(
        state,
        bust.reverse_id,
        qty=bust.reverse_qty,
        amount=bust.reverse_amount,
        settl_date=bust.settl_date or bust.trade_date,
    )
    return (*out, reverse)


def _send_back(state: Obligation, came: SettledAfterBust) -> InstructSettlement:
    """Return what came after the bust on the day it came: it was never owed."""
    qty, amount, day = came.qty, came.amount, came.value_date
    return _opposite(state, came.reverse_id, qty=qty, amount=amount, settl_date=day)


def _opposite(
    state: Obligation, reverse_id: str, *, qty: Decimal, amount: Decimal, settl_date: date
) -> InstructSettlement:
    """The opposite instruction; a delivery is held until the account's own stock covers it."""
    was = _instruction(state)
    return replace(
        was,
        obligation_id=reverse_id,
        side=other(was.side),
        qty=qty,
        amount=amount,
        settl_date=settl_date,
        hold=was.side is Side.BUY,
    )


def _instruction(state: Obligation) -> InstructSettlement:
    assert state.instructed is not None  # a trade is booked before it is busted or settles
    return state.instructed


def _booking_without(
    booking: dict[str, SettleObligation], confirmation_id: str
) -> dict[str, SettleObligation]:
    return {k: part for k, part in booking.items() if part.confirmation_id != confirmation_id}


def _as_instruction(event: SettlementInstructed) -> InstructSettlement:
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
