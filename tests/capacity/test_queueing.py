"""The model against its simulation: below saturation lag is bounded, beyond it grows, and where."""

import pytest

from tests.capacity.model import TARGET, Deployment, saturation, value
from tests.capacity.queueing import BATCH_MAX, FLUSH_S, World

TOLERANCE = 0.05
CASES = [Deployment(1, 1), Deployment(8, 1), Deployment(8, 4)]
SECONDS = 12.0


def expected(one: Deployment) -> float:
    """What the model says, homes spread evenly as those of the simulation are."""
    rate, _ = saturation(one, skew=1.0)
    return rate


@pytest.mark.parametrize("one", CASES, ids=str)
def test_at_the_load_it_is_sized_for_everything_is_visible_at_once(one: Deployment) -> None:
    played = World(one, expected(one) * TARGET, seed=1).play(SECONDS)
    assert played.visible > 0.95 * played.arrived
    assert played.quantile(0.99) < 0.1
    assert max(played.backlogs) < 0.1 * expected(one)  # a tenth of a second's worth


@pytest.mark.parametrize("one", CASES, ids=str)
def test_just_below_saturation_lag_stays_bounded(one: Deployment) -> None:
    played = World(one, expected(one) * (1 - TOLERANCE), seed=2).play(SECONDS)
    assert abs(played.growth) < 0.02 * expected(one)
    assert played.quantile(0.99) < 1.0


@pytest.mark.parametrize("one", CASES, ids=str)
def test_beyond_saturation_the_backlog_grows_by_what_is_too_much(one: Deployment) -> None:
    rate = expected(one) * 1.3
    played = World(one, rate, seed=3).play(SECONDS)
    assert played.growth == pytest.approx(0.3 * expected(one), rel=0.2)
    assert played.backlogs[-1] > 2 * played.backlogs[len(played.backlogs) // 3]


@pytest.mark.parametrize("one", CASES, ids=str)
def test_the_rate_that_gets_through_is_the_models(one: Deployment) -> None:
    played = World(one, expected(one) * 1.5, seed=4).play(SECONDS)
    assert played.visible / SECONDS == pytest.approx(expected(one), rel=TOLERANCE)


def test_lag_beyond_saturation_grows_with_the_time_where_the_workers_are_too_few() -> None:
    one = Deployment(8, 1)
    rate, tier = saturation(one)
    assert tier == "workers"
    played = World(one, rate * 1.2, seed=5).play(SECONDS)
    early, late = played.lags[len(played.lags) // 4], played.lags[-1]
    assert late > 3 * early
    # Whoever is served at t came when t/1.2 of the time had passed.
    assert late == pytest.approx(SECONDS * (1 - 1 / 1.2), rel=0.15)


def test_a_skewed_book_saturates_where_its_busiest_partition_does() -> None:
    one, weights = Deployment(8, 2), [9.0, 1.0]
    skew = 1.8  # the busiest partition's share over the mean
    rate, tier = saturation(one, skew=skew)
    assert tier == "workers"
    below = World(one, rate * 0.9, seed=6, weights=weights).play(SECONDS)
    beyond = World(one, rate * 1.2, seed=6, weights=weights).play(SECONDS)
    assert abs(below.growth) < 0.02 * rate
    assert beyond.growth == pytest.approx(0.2 * rate * 0.9, rel=0.25)


def test_workers_grow_with_partitions_until_another_tier_is_busy() -> None:
    through = [World(Deployment(16, n), 60_000, seed=7).play(4.0).visible / 4 for n in (1, 2, 4)]
    assert through[0] == pytest.approx(value("fold_rate"), rel=0.1)
    assert through[1] == pytest.approx(value("append_rate"), rel=0.1)
    assert through[2] == pytest.approx(value("append_rate"), rel=0.1)


def test_the_same_seed_is_the_same_run_and_the_batches_keep_the_measured_rate() -> None:
    runs = [World(Deployment(), 3_000, seed=8).play(2.0) for _ in range(2)]
    assert runs[0] == runs[1]
    assert 1 / value("relay_rate") > FLUSH_S / BATCH_MAX
