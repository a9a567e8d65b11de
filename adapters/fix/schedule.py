"""The hours of a session, and where one session day ends and the next begins. Pure.

Hours are local to a zone and may cross midnight. Without hours a session is always open, and its
day is the zone's calendar day.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

DAY = timedelta(days=1)


class Schedule(Struct, frozen=True, kw_only=True):
    opens: time | None = None
    closes: time | None = None
    zone: str = "UTC"
    daily_reset: bool = False

    def is_open(self, at: datetime) -> bool:
        if self.opens is None or self.closes is None:
            return True
        now = at.astimezone(ZoneInfo(self.zone)).time()
        if self.opens < self.closes:
            return self.opens <= now < self.closes
        return now >= self.opens or now < self.closes

    def session_day(self, at: datetime) -> date:
        """The local day on which the session that `at` belongs to began."""
        local = at.astimezone(ZoneInfo(self.zone))
        if self.opens is None:
            return local.date()
        return local.date() if local.time() >= self.opens else local.date() - DAY

    def next_change(self, at: datetime) -> datetime:
        """The next moment at which the session opens, closes, or begins a new day."""
        zone = ZoneInfo(self.zone)
        local = at.astimezone(zone)
        times = {t for t in (self.opens, self.closes) if t is not None} or {time(0)}
        days = (local.date() + n * DAY for n in range(3))
        moments = (datetime.combine(d, t, tzinfo=zone) for d in days for t in times)
        return min(m for m in moments if m.timestamp() > at.timestamp()).astimezone(at.tzinfo)

    def resets(self, last: datetime | None, now: datetime) -> bool:
        """Whether the numbers begin at 1 again: the last logon was in an earlier session day."""
        if not self.daily_reset or last is None:
            return False
        return self.session_day(last) < self.session_day(now)
