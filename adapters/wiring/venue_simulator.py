"""Opens the simulated venue of `tidemark venue`: a market, the venue's file, a FIX acceptor."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from msgspec import Struct

from adapters.fix.engine import Ends
from adapters.settings_error import SettingsError
from adapters.simulators.always_open import AlwaysOpen
from adapters.simulators.market import Market
from adapters.simulators.misbehaviour import VenueFaults
from adapters.street.venue_server import VenueServer
from adapters.street.venue_state import KeptVenue


class VenueChoice(Struct, frozen=True, kw_only=True):
    """What the command line chooses."""

    comp_ids: tuple[str, str]  # its own, the counterparty's
    port: int  # for FIX
    heartbeat_s: int
    tls: tuple[str, str, str] | None  # PEM files: authorities, certificate, key
    folder: Path
    seed: int
    faults: VenueFaults
    given_time: bool = False  # the venue is told the time over HTTP


class OpenVenue(Struct, frozen=True, kw_only=True):
    server: VenueServer
    marks: dict[str, Decimal]  # last price by symbol; may change
    units: dict[str, str]


@asynccontextmanager
async def open_venue(choice: VenueChoice, market: Market | None = None) -> AsyncIterator[OpenVenue]:
    """The venue with an always open market around its marks, or on the `market` given."""
    marks: dict[str, Decimal] = {}
    units: dict[str, str] = {}
    since = datetime.now(UTC).date() - timedelta(days=1)
    venue = KeptVenue(
        market or AlwaysOpen(marks, since=since),
        choice.folder / "venue.sqlite",
        seed=choice.seed,
        faults=choice.faults,
        units=units,
    )
    clock = None if choice.given_time else _now
    server = VenueServer(venue, _ends(choice), choice.folder / "fix", clock)
    try:
        yield OpenVenue(server=server, marks=marks, units=units)
    finally:
        venue.close()


def _ends(choice: VenueChoice) -> Ends:
    ca, cert, key = choice.tls or ("", "", "")
    return Ends(
        sender_comp_id=choice.comp_ids[0],
        target_comp_id=choice.comp_ids[1],
        port=choice.port,
        heartbeat_s=choice.heartbeat_s,
        tls=choice.tls is not None,
        ca=ca,
        cert=cert,
        key=key,
    )


def read_marks(text: str) -> tuple[dict[str, Decimal], dict[str, str]]:
    """Last prices and their units from JSON `{"AAPL": ["150.00", "USD"], ...}`.

    Raises:
        SettingsError: which symbol has no price that is a positive decimal.
    """
    try:
        found: Any = json.loads(text)
    except ValueError as e:
        raise SettingsError(f"marks: {e}") from None
    if not isinstance(found, dict):
        raise SettingsError("marks: an object of symbol to [price, unit] is needed")
    marks: dict[str, Decimal] = {}
    units: dict[str, str] = {}
    for symbol, said in found.items():
        pair = said if isinstance(said, list) and len(said) == 2 else [None, None]
        try:
            price = Decimal(str(pair[0]))
        except InvalidOperation:
            price = Decimal("NaN")
        if not (price.is_finite() and price > 0) or not isinstance(pair[1], str):
            raise SettingsError(f"marks: {symbol}: a positive price and its unit are needed")
        marks[symbol], units[symbol] = price, pair[1]
    return marks, units


def _now() -> datetime:
    return datetime.now(UTC)
