"""Today's date in a market (by its own clock) and in the house (UTC), and when a day is over.

Time zones are values here, by country. The rules behind a zone's name come with Python (or its
package tzdata).

Source: IANA time zone database 2025b, zone1970.tab. A country with several zones has that of its
main exchange. Sessions end at 16:00 in New York, 17:30 in Paris and 16:30 in London.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

_EUROPE = {
    "AT": "Vienna", "BE": "Brussels", "CH": "Zurich", "CZ": "Prague", "DE": "Berlin",
    "DK": "Copenhagen", "EE": "Tallinn", "ES": "Madrid", "FI": "Helsinki", "FR": "Paris",
    "GB": "London", "GR": "Athens", "HR": "Zagreb", "HU": "Budapest", "IE": "Dublin",
    "IT": "Rome", "LT": "Vilnius", "LU": "Luxembourg", "LV": "Riga", "MT": "Malta",
    "NL": "Amsterdam", "NO": "Oslo", "PL": "Warsaw", "PT": "Lisbon", "RO": "Bucharest",
    "SE": "Stockholm", "SI": "Ljubljana", "SK": "Bratislava", "TR": "Istanbul",
}  # fmt: skip
ZONES = {country: f"Europe/{city}" for country, city in _EUROPE.items()} | {
    "AE": "Asia/Dubai", "AU": "Australia/Sydney", "BR": "America/Sao_Paulo",
    "CA": "America/Toronto", "CN": "Asia/Shanghai", "CY": "Asia/Nicosia",
    "HK": "Asia/Hong_Kong", "IL": "Asia/Jerusalem", "IN": "Asia/Kolkata",
    "IS": "Atlantic/Reykjavik", "JP": "Asia/Tokyo", "KR": "Asia/Seoul",
    "MX": "America/Mexico_City", "NZ": "Pacific/Auckland", "SG": "Asia/Singapore",
    "TW": "Asia/Taipei", "US": "America/New_York", "ZA": "Africa/Johannesburg",
}  # fmt: skip
"""Country of a market (ISO 3166) -> time zone of its main exchange."""

FIRST_ZONE = timedelta(hours=14)
"""How far the first time zone is ahead of UTC: a day that has not begun there has begun nowhere."""

SESSION_ENDS = (
    ("America/New_York", time(16)),
    ("Europe/Paris", time(17, 30)),
    ("Europe/London", time(16, 30)),
)
"""Zone, and when the regular session ends there, of every market whose trades we settle."""


def house_today(now: datetime) -> date:
    """The date in the house, which uses UTC."""
    return now.astimezone(UTC).date()


def market_today(country: str, now: datetime) -> date:
    """The date in a country's market; for a country without a zone here, the latest on earth."""
    zone = ZONES.get(country)
    return latest_today(now) if zone is None else now.astimezone(_zone(zone)).date()


def latest_today(now: datetime) -> date:
    """The date that has begun somewhere on earth: no report can state a later one."""
    return (now.astimezone(UTC) + FIRST_ZONE).date()


def day_end(day: date) -> datetime:
    """When the last market's regular session of a date ends, UTC; the same on a holiday.

    A holiday ends as any other day does: its books close too, although no market traded.
    """
    ends = (datetime.combine(day, at, _zone(zone)) for zone, at in SESSION_ENDS)
    return max(end.astimezone(UTC) for end in ends)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
