"""Chooses the source of a root field: the views once they have passed a position, or a fold.

asOf, knownAt absent    -> Current, after the views have passed `atLeast`
asOf: effective by then -> Past: events with effective_at <= asOf
knownAt: known by then  -> Past: events up to the last position committed by then
"""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from api.graphql.engine.faults import BAD_ARGUMENT, NOT_YET, fault
from api.graphql.engine.folds import Folds, Moment
from api.graphql.engine.opened import Opened
from api.graphql.engine.session import PATIENCE_S, Session
from api.graphql.engine.sources import Current, Past, Source, unsupported


class When(NamedTuple):
    """The arguments that every root field takes."""

    as_of: datetime | None
    known_at: datetime | None
    at_least: str | None

    @property
    def past(self) -> bool:
        return self.as_of is not None or self.known_at is not None


_POSITION = re.compile(r"[0-9]{1,18}")


async def source_at(session: Session, when: When) -> Source:
    """The source for a single key; a resolver awaits this before anything else.

    Raises:
        GraphQLError: BAD_ARGUMENT; NOT_YET if the views do not reach the position in time.
    """
    position = _position(when.at_least)
    if not when.past:
        return await _current(session, position)
    if any(at is not None and at.tzinfo is None for at in (when.as_of, when.known_at)):
        raise fault(BAD_ARGUMENT, "asOf and knownAt need a zone: 2020-01-31T00:00:00Z")
    when = when._replace(as_of=_utc("asOf", when.as_of), known_at=_utc("knownAt", when.known_at))
    moment = await _moment(session, when, position)
    opened = Opened(session.log, moment)
    return Past(Folds(session.log, session.cache, moment, session.purse), moment, opened)


async def now_only(session: Session, what: str, when: When) -> Current:
    """The source for a field that only the views can answer, never a fold.

    Raises:
        GraphQLError: AS_OF_UNSUPPORTED if a moment is given; also those of `source_at`.
    """
    if when.past:
        raise unsupported(what)
    return await _current(session, _position(when.at_least))


async def log_at_least(session: Session, at_least: str | None) -> int:
    """The log's last position, once it has reached `at_least`; raises NOT_YET if it does not."""
    position = _position(at_least)
    if position:
        await session.log.wait(position - 1, timeout_s=PATIENCE_S)
    last = await session.log.last()
    if last < position:
        raise fault(NOT_YET, f"the log is at position {last}, not yet at {position}")
    return last


async def _current(session: Session, position: int) -> Current:
    if position:
        session.need(position)
        await session.require_position(position)
    return session.current


async def _moment(session: Session, when: When, at_least: int) -> Moment:
    if at_least or when.known_at is None:
        position = await log_at_least(session, str(at_least))
    if when.known_at is not None:
        position = await session.log.position_at(when.known_at)
    shown = min(t for t in (when.as_of, when.known_at, session.clock()) if t is not None)
    cut = when.known_at is not None
    return Moment(position, when.as_of, shown.date(), cut)


def _utc(argument: str, at: datetime | None) -> datetime | None:
    try:
        return at and at.astimezone(UTC)
    except OverflowError as error:  # in UTC it is outside the years 1 to 9999
        raise fault(BAD_ARGUMENT, f"{argument}: must be in the years 1 to 9999 in UTC") from error


def _position(text: str | None) -> int:
    if text is None:
        return 0
    if not _POSITION.fullmatch(text):
        raise fault(BAD_ARGUMENT, "atLeast is a position: a number as a string")
    return int(text)
