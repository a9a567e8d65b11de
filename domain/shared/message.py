"""The messages: commands, events and refusals. All of them are frozen and known by name.

Frozen values form no cycles, so commands and events are left out of garbage collection
(`gc=False`): it would walk all objects of the process while its callers wait.

Events carry no clock, stream, version or cause: those are the `Envelope`'s. Dates and times in
an event are business facts (a trade date, a venue's transact time), never 'now'.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, dataclass_transform

from msgspec import Meta, Struct

from domain.shared.limits import EPOCH


class Erased(Struct, frozen=True, tag_field="erased", tag="erased"):
    """Replaces personal data once its client's key is destroyed."""


ERASED = Erased()
PERSONAL = Meta(extra={"personal": True})
Personal = Annotated[str, PERSONAL]
"""Free text of a command: it may hold a person's name, so it reaches no log file in clear."""
PersonalText = Annotated[str | Erased, PERSONAL]
"""A field that the codec stores encrypted under the data key of the event's `SUBJECT`.

A fold must not read it: views and decisions have to be the same once it is erased.
"""
FIRM = ":firm"
"""The subject of texts that concern no client. No client id may hold a colon."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Command(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """A request, named by an imperative; the message id travels beside it, not in it."""

    INTERNAL: ClassVar[bool] = False
    """True: only sagas, gateways and the timer send it; HTTP refuses it as unknown."""
    STATES_TIME: ClassVar[bool] = False
    """True: a caller may state `effective_at`. With an `INTERNAL` command it always may."""
    MAY_LIE_AHEAD: ClassVar[tuple[str, ...]] = ()
    """Fields whose date may lie in the future. Any other date must have come already."""
    SEES_LOG: ClassVar[bool] = False
    """True: the decision needs `Seen.log_began` and `log_end`, which cost a query."""
    SEES_DUES: ClassVar[bool] = False
    """True: the decision needs `Seen.dues`, which cost a query to the read models."""


class Internal(Command):
    """A command that only sagas, gateways and the timer send."""

    INTERNAL: ClassVar[bool] = True


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Event(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True, gc=False):
    """A fact, named by a past-tense tag; never edited, never deleted, only upcast."""

    VERSION: ClassVar[int] = 1
    SUBJECT: ClassVar[str] = "client_id"
    """The field that names the client whose data key seals the personal fields; or `FIRM`."""

    NEEDS: ClassVar[tuple[str, ...]] = ()
    """Personal fields that the event is about. It is not stored when one of them is given and its
    key was destroyed; any other event is stored with its personal fields erased."""


class Refusal(StrEnum):
    """Why a command was declined: a closed vocabulary per aggregate."""


class RequestRefusal(Refusal):
    """Why a request is declined, whichever aggregate its command is for."""

    CLIENT_ERASED = "client_erased"
    EFFECTIVE_AT_IN_FUTURE = "effective_at_in_future"
    EFFECTIVE_AT_NOT_ALLOWED = "effective_at_not_allowed"

    @classmethod
    def of_stated_time(cls, kind: type[Command]) -> "RequestRefusal":
        """The refusal that a time stated with a command of this kind may get."""
        may_state = kind.STATES_TIME or kind.INTERNAL
        return cls.EFFECTIVE_AT_IN_FUTURE if may_state else cls.EFFECTIVE_AT_NOT_ALLOWED


class Refused(Struct, frozen=True):
    """A refusal with the state that caused it. A value, not an exception: refusing is ordinary."""

    refusal: Refusal
    state: dict[str, str] = {}


def refused(refusal: Refusal, **state: object) -> Refused:
    return Refused(refusal, {k: str(v) for k, v in state.items()})


class Seen(Struct, frozen=True, kw_only=True, gc=False):
    """What a decision may read besides its own stream; all of it arrives as values."""

    now: datetime = EPOCH  # the handler's clock
    effective_at: datetime = EPOCH
    actor: str = "system"
    digest_key: bytes = b""  # of `domain.shared.digests`
    streams: Mapping[str, Any] = {}
    """The state of each stream that `reads(command)` names; the aggregate's INITIAL if empty."""
    log_began: datetime | None = None  # for commands that `SEES_LOG`; None: the log is empty
    log_end: int = 0  # its last position
    dues: Mapping[str, Decimal] = {}
    """What the clients' estate owes the house, by currency: -C.DUE over the whole log. Below zero
    where the house owes the clients. Only for commands that `SEES_DUES`."""


Decision = tuple[Event, ...] | Refused
"""The events to append in order, `()` when nothing changes (a duplicate report), or a refusal."""
