"""FX: settle a booked exchange of currencies on its value date.

    fx.booked -> booked -08:00 UTC of the value date-> settling -fx.settled-> settled*

Settlement is between us and our own dealer, and cannot be refused; there is nothing to undo.
"""

from datetime import UTC, date, datetime, time

from msgspec import Struct
from msgspec.structs import replace

from domain.account.exchange import FxBooked, FxSettled, SettleFx
from domain.saga import DeadlinePassed
from domain.shared.envelope import Envelope
from domain.shared.ids import within
from domain.shared.message import Command
from sagas.engine.ports import Deadline, correlation

NAME, VERSION = "fx", 1
VALUE_TIME = time(8, 0, tzinfo=UTC)  # both currencies are good by the European morning
COMMANDS: tuple[type[Command], ...] = (SettleFx,)


class Fx(Struct, frozen=True, kw_only=True):
    account_id: str = ""
    fx_id: str = ""
    value_date: date | None = None
    settling: bool = False
    settled: bool = False


INITIAL = Fx()


def correlate(arrived: Envelope) -> str | None:
    """The saga id, from the account and the fx id, which is unique within its account only."""
    event = arrived.event
    if isinstance(event, FxBooked | FxSettled):
        return within(event.account_id, event.fx_id)
    return _own(arrived)


def evolve(state: Fx, arrived: Envelope) -> Fx:
    match arrived.event:
        case FxBooked() as e:
            return Fx(account_id=e.account_id, fx_id=e.fx_id, value_date=e.value_date)
        case FxSettled():
            return replace(state, settled=True)
        case DeadlinePassed():
            return replace(state, settling=True)
        case _:
            return state


def react(state: Fx, arrived: Envelope) -> tuple[Command, ...]:
    on = state.value_date
    if not isinstance(arrived.event, DeadlinePassed) or on is None or state.settling:
        return ()
    return (SettleFx(account_id=state.account_id, fx_id=state.fx_id, value_date=on),)


def due(state: Fx) -> Deadline | None:
    if state.value_date is None or state.settling or state.settled:
        return None
    return Deadline(datetime.combine(state.value_date, VALUE_TIME), "value_date")


def ended(state: Fx) -> bool:
    return state.settled


_own = correlation(NAME, {})
