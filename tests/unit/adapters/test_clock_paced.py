"""The clock of a demo: it waits, runs at its pace up to a moment, pauses, and never goes back."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.host.clock import PacedClock

OPEN = datetime(2022, 1, 3, 13, 30, tzinfo=UTC)
CLOSE = OPEN + timedelta(hours=6, minutes=30)


class Wall:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def wall() -> Wall:
    return Wall()


def test_it_does_not_move_before_it_is_started(wall: Wall) -> None:
    clock = PacedClock(OPEN, rate=60, real=wall)
    wall.seconds += 1_000
    assert clock() == OPEN


def test_it_runs_at_its_rate_and_stops_at_the_given_moment(wall: Wall) -> None:
    clock = PacedClock(OPEN, rate=65, real=wall)
    clock.run(CLOSE)
    wall.seconds += 60
    assert clock() == OPEN + timedelta(minutes=65)
    wall.seconds += 10_000
    assert clock() == CLOSE


def test_paused_it_stops_and_goes_on_from_there(wall: Wall) -> None:
    clock = PacedClock(OPEN, rate=60, real=wall)
    clock.run(CLOSE)
    wall.seconds += 10
    clock.rate = 0
    wall.seconds += 5_000
    assert clock() == OPEN + timedelta(minutes=10)
    assert clock.seconds_to(CLOSE) == float("inf")
    clock.rate = 120
    wall.seconds += 5
    assert clock() == OPEN + timedelta(minutes=20)


def test_another_rate_keeps_what_has_passed(wall: Wall) -> None:
    clock = PacedClock(OPEN, rate=1, real=wall)
    clock.run(CLOSE)
    for rate in (10, 100):
        wall.seconds += 6
        clock.rate = rate
    wall.seconds += 6
    assert clock() == OPEN + timedelta(seconds=6 + 60 + 600)
    assert clock.seconds_to(clock() + timedelta(seconds=50)) == pytest.approx(0.5)


def test_it_never_goes_back(wall: Wall) -> None:
    clock = PacedClock(CLOSE, rate=60, real=wall)
    clock.set(OPEN)
    assert clock() == CLOSE
    clock.run(OPEN)
    wall.seconds += 5
    assert clock() == CLOSE
    clock.run(CLOSE + timedelta(minutes=1))
    wall.seconds += 30
    clock.set(OPEN)
    assert clock() == CLOSE + timedelta(minutes=1)


def test_a_moment_that_is_not_reached_by_running_is_never_reached(wall: Wall) -> None:
    clock = PacedClock(OPEN, rate=60, real=wall)
    assert clock.seconds_to(CLOSE) == float("inf")
    clock.run(OPEN + timedelta(minutes=1))
    assert clock.seconds_to(CLOSE) == float("inf")
    assert clock.seconds_to(OPEN) == 0
