"""The pauses between tries: how they grow, what bounds them, what begins them again."""

import math

import pytest

from adapters.host.retry import Retry, reconnecting


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_each_pause_is_twice_the_last_up_to_the_longest() -> None:
    retry = Retry(0.05, 0.3)
    assert [retry.next_s() for _ in range(5)] == [0.05, 0.1, 0.2, 0.3, 0.3]


def test_a_success_begins_with_the_shortest_pause_again() -> None:
    retry = Retry(0.1, 5.0)
    assert [retry.next_s(), retry.next_s()] == [0.1, 0.2]
    retry.reset()
    assert retry.next_s() == 0.1


def test_without_a_bound_it_is_never_over() -> None:
    clock = Clock()
    retry = Retry(1.0, 60.0, clock=clock)
    clock.now += 1e9
    assert not retry.over


@pytest.mark.parametrize(("passed_s", "over"), [(0.0, False), (9.0, False), (9.1, True)])
def test_it_is_over_when_the_next_pause_would_end_too_late(passed_s: float, over: bool) -> None:
    clock = Clock()
    retry = Retry(1.0, 4.0, for_s=10.0, clock=clock)
    clock.now += passed_s
    assert retry.over is over


def test_a_longer_pause_is_over_sooner() -> None:
    clock = Clock()
    retry = Retry(1.0, 4.0, for_s=10.0, clock=clock)
    retry.next_s()
    retry.next_s()
    clock.now += 6.0
    assert not retry.over
    clock.now += 0.1
    assert retry.over


def test_a_success_gives_the_whole_time_again() -> None:
    clock = Clock()
    retry = Retry(1.0, 4.0, for_s=10.0, clock=clock)
    clock.now += 9.5
    assert retry.over
    retry.reset()
    clock.now += 9.0
    assert not retry.over


def test_no_time_at_all_permits_no_pause() -> None:
    assert Retry(0.05, 1.0, for_s=0.0, clock=Clock()).over


def test_a_lost_connection_is_replaced_with_pauses_of_a_second_at_most() -> None:
    retry = reconnecting(math.inf)
    assert [retry.next_s() for _ in range(7)] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
