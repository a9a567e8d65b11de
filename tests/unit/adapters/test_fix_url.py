"""TIDEMARK_VENUES: which URLs name a venue, and what is said of the others. Hours and days."""

from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.fix import engine
from adapters.fix.schedule import DAY, Schedule
from adapters.fix.url import VenueUrl, venues
from adapters.settings import Settings
from adapters.settings_error import SettingsError

PLAIN = "fix://TIDEMARK:XNYS@127.0.0.1:5001"


def test_a_url_names_both_ends() -> None:
    [venue] = venues(f"{PLAIN}?name=XNYS&destinations=XNYS,,ARCX&heartbeat=10")
    assert (venue.host, venue.port) == ("127.0.0.1", 5001)
    assert (venue.sender_comp_id, venue.target_comp_id) == ("TIDEMARK", "XNYS")
    assert venue.destinations == {"XNYS", "", "ARCX"}
    assert (venue.heartbeat_s, venue.tls, venue.name) == (10, False, "XNYS")


def test_several_are_separated_by_blanks_or_come_from_a_file(tmp_path: Path) -> None:
    other = "fix://TIDEMARK:ARCX@127.0.0.1:5002?name=ARCX&destinations=ARCX"
    found = venues(f"{PLAIN}?name=XNYS&destinations=XNYS {other}")
    assert [venue.name for venue in found] == ["XNYS", "ARCX"]
    file = tmp_path / "venues"
    file.write_text(f"# the street\n{PLAIN}?name=XNYS&destinations=XNYS\n\n{other}  # dark\n")
    assert venues(str(file)) == found


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("fix://a:b@h", "no host:port"),
        ("fix://a:b@h:x", "no host:port"),
        ("fix://h:1", "SenderCompID: 1 to 32"),
        ("fix://a@h:1", "TargetCompID: 1 to 32"),
        ("fix://a%2Fb:c@h:1", "SenderCompID: no blank, slash"),
        (f"{PLAIN}?heartbeat=0", "heartbeat: 1 to 3600 seconds"),
        (f"{PLAIN}?colour=red", "no parameter 'colour'"),
        (f"{PLAIN}?name=a&name=b", "parameter name is given twice"),
        (f"{PLAIN}?hours=8-5", "hours: HH:MM-HH:MM"),
        (f"{PLAIN}?hours=08:00-08:00", "two different local times"),
        (f"{PLAIN}?zone=Mars/Olympus", "is no IANA time zone"),
        (f"{PLAIN}?reset=hourly", "reset: daily or never"),
        (f"{PLAIN}?ca=/none", "there is no file /none"),
        ("fixs://a:b@h:1", "fixs needs ca"),
        (f"{PLAIN} {PLAIN}", "several need a name each"),
        (f"{PLAIN}?name=x {PLAIN}?name=x", "two are called 'x'"),
        (f"{PLAIN}?name=x fix://a:b@h", "venue 2: no host:port"),
        (f"{PLAIN}?name=x&destinations=A {PLAIN}?name=y", "y: several venues need destinations"),
        (
            f"{PLAIN}?name=x&destinations=A,B {PLAIN}?name=y&destinations=B",
            "venue y: destination 'B' is another's too",
        ),
        (f"{PLAIN}?name=a-b", "name: 1 to 24 letters, digits and _"),
        ("/no/such/file", "No such file"),
    ],
)
def test_a_wrong_one_is_named_with_its_rule(text: str, rule: str) -> None:
    with pytest.raises(ValueError) as caught:
        venues(text)
    assert rule in str(caught.value)


def test_certificates_belong_to_tls(tmp_path: Path) -> None:
    pem = tmp_path / "a.pem"
    pem.write_text("x")
    with pytest.raises(ValueError, match="cert and key belong together"):
        VenueUrl.parse(f"fixs://a:b@h:1?ca={pem}&cert={pem}")
    with pytest.raises(ValueError, match="need fixs"):
        VenueUrl.parse(f"{PLAIN}?ca={pem}")


def test_the_setting_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMARK_VENUES", "fix://a@h:1")
    with pytest.raises(SettingsError, match="TIDEMARK_VENUES: TargetCompID"):
        Settings.read()


def test_without_quickfix_the_variable_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="TIDEMARK_VENUES: QuickFIX is not installed"):
        engine.installed()


DAYTIME = Schedule(opens=time(8), closes=time(17), zone="America/New_York", daily_reset=True)
NIGHT = Schedule(opens=time(18), closes=time(17), zone="America/New_York", daily_reset=True)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_hours_are_local_and_may_cross_midnight() -> None:
    assert not DAYTIME.is_open(at("2026-07-01 11:59"))  # 07:59 in New York
    assert DAYTIME.is_open(at("2026-07-01 12:00"))
    assert DAYTIME.is_open(at("2026-12-01 13:00"))  # winter: an hour later in UTC
    assert not DAYTIME.is_open(at("2026-12-01 12:59"))
    assert NIGHT.is_open(at("2026-12-01 04:00"))
    assert not NIGHT.is_open(at("2026-12-01 22:30"))


def test_a_session_that_crosses_midnight_is_one_day() -> None:
    evening, morning = at("2026-12-01 23:30"), at("2026-12-02 14:00")
    assert NIGHT.session_day(evening) == NIGHT.session_day(morning)
    assert not NIGHT.resets(evening, morning)
    assert NIGHT.resets(evening, at("2026-12-02 23:30"))


def test_without_a_reset_numbers_go_on() -> None:
    assert not Schedule().resets(at("2020-01-01 00:00"), at("2026-01-01 00:00"))
    assert not DAYTIME.resets(None, at("2026-01-01 00:00"))


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda d: d.replace(tzinfo=UTC)),
    st.sampled_from([DAYTIME, NIGHT, Schedule()]),
)
def test_the_next_change_is_ahead_and_nothing_changes_before_it(
    now: datetime, schedule: Schedule
) -> None:
    change = schedule.next_change(now)
    assert now < change <= now + DAY + DAY / 24  # a day of 25 hours
    middle = now + (change - now) / 2
    assert schedule.is_open(middle) == schedule.is_open(now)
    assert schedule.session_day(middle) == schedule.session_day(now)
