"""What becomes of a command: one answer for each, in the order in which they were asked."""

from msgspec import Struct

from commands.ports import KeyReused
from domain.message import Event, Refused


class Done(Struct, frozen=True, gc=False):
    """The command's events stand in the log (now, or since an earlier time: replayed)."""

    stream: str
    version: int
    position: int
    replayed: bool = False
    changed: bool = True
    events: tuple[Event, ...] = ()


class Declined(Struct, frozen=True):
    refused: Refused


class Raced(Struct, frozen=True):
    """Other writers won `ATTEMPTS_MAX` times in a row; safe to send again."""

    stream: str


Outcome = Done | Declined | KeyReused | Raced
