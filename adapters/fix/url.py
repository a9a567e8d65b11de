"""`TIDEMARK_VENUES`: the venues to connect to, as URLs or a file of them.

    fix://TIDEMARK:XNYS@host:5001?name=XNYS&destinations=XNYS,ARCX
    fixs://TIDEMARK:XNYS@host:5002?ca=/etc/ca.pem&cert=/etc/us.pem&key=/etc/us.key

The user part is SenderCompID:TargetCompID. Several URLs are separated by blanks or new lines; any
other value is the path of a file with one URL a line (`#` begins a comment). Parameters: `name`
(of the session, needed with several), `destinations` (values of ExDestination whose orders go
there, needed with several and disjoint; a leading or doubled comma includes orders that name none),
`heartbeat` (seconds), `username`, `password_file` (Logon 553, 554), `hours` (`08:00-17:00`, both
local to `zone`), `zone` (an IANA time zone, default UTC), `reset` (`daily` or `never`).
"""

import re
from datetime import time
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from msgspec import Struct

from adapters.fix.schedule import Schedule

_KNOWN = frozenset(
    (
        *("name", "destinations", "heartbeat", "username", "password_file", "hours", "zone"),
        *("reset", "ca", "cert", "key"),
    )
)
_COMP_ID_MAX = 32
_NAME = re.compile(r"[A-Za-z0-9_]{1,24}", re.ASCII)


class VenueUrl(Struct, frozen=True, kw_only=True):
    """The settings of one FIX session."""

    host: str
    port: int
    sender_comp_id: str
    target_comp_id: str
    name: str = ""
    destinations: frozenset[str] | None = None
    heartbeat_s: int = 30
    username: str = ""
    password_file: str = ""
    schedule: Schedule = Schedule()
    tls: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""

    @property
    def where(self) -> str:
        """For messages: without a password."""
        return f"{self.sender_comp_id}:{self.target_comp_id}@{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError: says which part of the URL is wrong, and never shows a password."""
        split = urlsplit(text)
        if split.scheme not in ("fix", "fixs"):
            raise ValueError(f"scheme {split.scheme!r} is neither fix nor fixs")
        try:
            port = split.port or 0
        except ValueError:
            port = 0
        if not split.hostname or not port:
            raise ValueError("no host:port behind the @")
        given = _parameters(split.query)
        names = (unquote(split.username or ""), unquote(split.password or ""))
        tls = split.scheme == "fixs"
        files = {
            k: _file(k, given[k]) for k in ("ca", "cert", "key", "password_file") if k in given
        }
        if tls and "ca" not in given:
            raise ValueError("fixs needs ca: the authorities that may sign the venue's certificate")
        if not tls and {"ca", "cert", "key"} & set(given):
            raise ValueError("ca, cert and key need fixs")
        if ("cert" in given) != ("key" in given):
            raise ValueError("cert and key belong together")
        return cls(
            host=split.hostname,
            port=port,
            sender_comp_id=_comp_id("SenderCompID", names[0]),
            target_comp_id=_comp_id("TargetCompID", names[1]),
            name=_name(given.get("name", "")),
            destinations=_destinations(given.get("destinations")),
            heartbeat_s=_heartbeat(given.get("heartbeat", "30")),
            username=given.get("username", ""),
            schedule=_schedule(given),
            tls=tls,
            **files,
        )


def venues(value: str) -> tuple[VenueUrl, ...]:
    """All venues that a setting names.

    Raises:
        ValueError: the rule that is broken, with the number of the URL if there are several.
    """
    lines = value.split() if value.startswith(("fix:", "fixs:")) else _lines(value)
    out: list[VenueUrl] = []
    for number, line in enumerate(lines, start=1):
        try:
            out.append(VenueUrl.parse(line))
        except ValueError as e:
            raise ValueError(f"venue {number}: {e}" if len(lines) > 1 else str(e)) from None
    names = [venue.name for venue in out]
    if doubled := {name for name in names if names.count(name) > 1}:
        what = f"two are called {min(doubled)!r}" if min(doubled) else "several need a name each"
        raise ValueError(f"venues: {what}")
    _apart(out)
    return tuple(out)


def _apart(venues: list[VenueUrl]) -> None:
    """Refuse several venues that might both take an order: it would be sent twice."""
    taken: set[str] = set()
    for venue in venues if len(venues) > 1 else ():
        if venue.destinations is None:
            raise ValueError(f"venue {venue.name}: several venues need destinations each")
        if both := taken & venue.destinations:
            raise ValueError(f"venue {venue.name}: destination {min(both)!r} is another's too")
        taken |= venue.destinations


def _lines(value: str) -> list[str]:
    if not value.strip():
        return []
    try:
        text = Path(value.strip()).read_text()
    except OSError as e:
        raise ValueError(f"{value.strip()}: {e.strerror}") from None
    lines = [line.split("#", 1)[0].strip() for line in text.splitlines()]
    return [line for line in lines if line]


def _parameters(query: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _KNOWN:
            raise ValueError(f"no parameter {name!r}: {', '.join(sorted(_KNOWN))}")
        if name in given:
            raise ValueError(f"parameter {name} is given twice")
        given[name] = value
    return given


def _name(value: str) -> str:
    if value and not _NAME.fullmatch(value):
        raise ValueError("name: 1 to 24 letters, digits and _")
    return value


def _comp_id(what: str, value: str) -> str:
    if not (0 < len(value) <= _COMP_ID_MAX and value.isascii() and value.isprintable()):
        raise ValueError(f"{what}: 1 to {_COMP_ID_MAX} printable ASCII characters")
    if set(value) & set("/\\ ="):
        raise ValueError(f"{what}: no blank, slash or =")
    return value


def _destinations(value: str | None) -> frozenset[str] | None:
    return None if value is None else frozenset(part.strip() for part in value.split(","))


def _heartbeat(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 3600):
        raise ValueError("heartbeat: 1 to 3600 seconds")
    return int(value)


def _file(name: str, value: str) -> str:
    if not Path(value).is_file():
        raise ValueError(f"{name}: there is no file {value}")
    return value


def _schedule(given: dict[str, str]) -> Schedule:
    reset = given.get("reset", "never")
    if reset not in ("daily", "never"):
        raise ValueError("reset: daily or never")
    opens, closes = _hours(given.get("hours", ""))
    zone = given.get("zone", "UTC")
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"zone: {zone!r} is no IANA time zone") from None
    return Schedule(opens=opens, closes=closes, zone=zone, daily_reset=reset == "daily")


def _hours(value: str) -> tuple[time | None, time | None]:
    if not value:
        return None, None
    try:
        opens, closes = (time.fromisoformat(part) for part in value.split("-"))
    except ValueError:
        raise ValueError("hours: HH:MM-HH:MM") from None
    if opens == closes or opens.tzinfo or closes.tzinfo:
        raise ValueError("hours: two different local times")
    return opens, closes
