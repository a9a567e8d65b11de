"""The custodian's channel: settlement instructions out, statuses and confirmations in.

    settlement.instructed       -> sese.023 ; settlement.cancel_requested -> sese.020
    settlement.released         -> sese.030
    sese.024 status, sese.025 confirmation, sese.027 answer -> the settlement's reports

A confirmation's business id is the custodian's own reference.
"""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from adapters.counterparties.sese import (
    CancellationAnswer,
    FromCustodian,
    SettlementCancellation,
    SettlementConfirmation,
    SettlementInstruction,
    SettlementRelease,
    SettlementStatus,
)
from domain.settlement.commands import (
    RecordSettlementCancel,
    RecordSettlementConfirmation,
    RecordSettlementStatus,
)
from domain.settlement.events import (
    Advice,
    SettlementCancelled,
    SettlementCancelRequested,
    SettlementConfirmed,
    SettlementInstructed,
    SettlementReleased,
    SettlementStatusAdvised,
)
from domain.shared.envelope import Envelope
from domain.shared.message import Command
from sagas.engine.ports import Deadline, correlation
from streams.gateways.channels.channel import RESEND_FOR, Meaning, Unknown, conversation

Sent = SettlementInstruction | SettlementCancellation | SettlementRelease


class Instructed(Struct, frozen=True, kw_only=True):
    sent: tuple[Sent, ...] = ()
    over: bool = False
    last_at: datetime | None = None
    correlation_id: str = ""


class CustodianChannel:
    """Implements `Channel`."""

    NAME, VERSION = "custodian", 3
    INITIAL = Instructed()

    def __init__(self, name: str = NAME) -> None:
        self.NAME = name
        self.correlate = correlation(self.NAME, dict.fromkeys(_EVENTS, "obligation_id"))

    def evolve(  # noqa: PLR0911 - a table of events
        self, state: Instructed, arrived: Envelope
    ) -> Instructed:
        at = arrived.meta.recorded_at
        match arrived.event:
            case SettlementInstructed() as e:
                sent, known = (_instruction(e, at),), conversation(arrived)
                return Instructed(sent=sent, last_at=at, correlation_id=known)
            case _ if not state.sent:
                return state
            case SettlementCancelRequested(obligation_id=tx_id):
                call = SettlementCancellation(tx_id=tx_id, sent_at=at)
                return replace(state, sent=(*state.sent, call), last_at=at)
            case SettlementReleased(obligation_id=tx_id):
                release = SettlementRelease(tx_id=tx_id, sent_at=at)
                return replace(state, sent=(*state.sent, release), last_at=at)
            case SettlementConfirmed(rest_qty=rest):
                return replace(state, over=not rest, last_at=at)
            case SettlementCancelled() | SettlementStatusAdvised(status=Advice.REJECTED):
                return replace(state, over=True, last_at=at)
            case _:
                return state

    def due(self, state: Instructed) -> Deadline | None:
        return Deadline(state.last_at + RESEND_FOR, "forget") if state.last_at else None

    def ended(self, state: Instructed) -> bool:
        return state.over

    def sent(self, state: Instructed) -> tuple[Sent, ...]:
        return state.sent

    def about(self, report: FromCustodian) -> str:
        return report.tx_id

    def meaning(self, report: FromCustodian, state: Instructed) -> Meaning | None:
        if not state.sent:
            raise Unknown(report.tx_id)
        command, business_id = _command(report)
        return Meaning(
            command=command,
            message_id=f"{self.NAME}|{report.tx_id}|{business_id}",
            effective_at=report.at,
            correlation_id=state.correlation_id,
            causation_id=report.source,
        )

    def answer(self, report: FromCustodian) -> None:
        """No answer goes to the custodian: operations take the case up with it."""
        return


_EVENTS = (
    SettlementInstructed,
    SettlementReleased,
    SettlementCancelRequested,
    SettlementConfirmed,
    SettlementCancelled,
    SettlementStatusAdvised,
)


def _instruction(event: SettlementInstructed, at: datetime) -> SettlementInstruction:
    return SettlementInstruction(
        tx_id=event.obligation_id,
        side=event.side,
        isin=event.isin,
        qty=event.qty,
        amount=event.amount,
        currency=event.currency,
        trade_date=event.trade_date,
        settl_date=event.settl_date,
        country=event.country,
        free=event.free,
        hold=event.on_hold,
        sent_at=at,
    )


def _command(report: FromCustodian) -> tuple[Command, str]:
    match report:
        case SettlementStatus():
            status = RecordSettlementStatus(
                obligation_id=report.tx_id,
                status_kind=report.kind,
                status=report.status,
                reason=report.reason,
            )
            return status, f"{report.kind}|{report.status}|{report.at.isoformat()}"
        case SettlementConfirmation():
            confirmation = RecordSettlementConfirmation(
                obligation_id=report.tx_id,
                confirmation_id=report.confirmation_id,
                qty=report.qty,
                amount=report.amount,
                value_date=report.effective_date,
            )
            return confirmation, report.confirmation_id
        case CancellationAnswer():
            answer = RecordSettlementCancel(
                obligation_id=report.tx_id, accepted=report.accepted, reason=report.reason
            )
            return answer, f"cancel|{report.at.isoformat()}"
