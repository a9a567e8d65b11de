"""The venues of a platform: one FIX session for each that the settings name."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import NamedTuple

from adapters.counterparties.fix import Venue
from adapters.fix.engine import installed
from adapters.fix.journal import Journal
from adapters.fix.url import VenueUrl
from adapters.fix.venue import FixVenue
from adapters.settings import Settings
from adapters.wiring.platform import Platform
from commands.outcomes import Outcome
from commands.ports import Request

Send = Callable[[Sequence[Request]], Awaitable[Sequence[Outcome]]]


class RealVenue(NamedTuple):
    """A venue behind a FIX session, and which orders go there."""

    name: str
    destinations: Collection[str] | None
    venue: Venue


def open_venues(platform: Platform, send: Send) -> tuple[RealVenue, ...]:
    """The venues of the settings; none: the platform's street is simulated.

    Raises:
        SettingsError: QuickFIX is not installed.
    """
    named = platform.settings.fix_venues
    if named:
        installed()
    return tuple(_venue(url, platform, send) for url in named)


def destinations(settings: Settings) -> tuple[tuple[str, Collection[str] | None], ...]:
    """(name, destinations) of each venue of the settings."""
    return tuple((url.name, url.destinations) for url in settings.fix_venues)


def _venue(url: VenueUrl, platform: Platform, send: Send) -> RealVenue:
    session_id = url.name or "venue"
    ends = (url.sender_comp_id, url.target_comp_id)
    journal = Journal(session_id, platform.log, send, ends)
    folder = platform.settings.data_dir / "fix" / session_id
    venue = FixVenue(url, journal, folder, platform.clock)
    return RealVenue(url.name, url.destinations, venue)
