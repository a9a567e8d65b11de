"""The capacity model's arithmetic, by hand, and the page that quotes it."""

import pytest

from tests.capacity import tables
from tests.capacity.model import PARTITIONS, TARGET, Deployment, saturation, sized, value


def test_the_page_quotes_the_model() -> None:
    assert tables.quoted() == tables.tables()


def test_a_day_of_a_million_fills_by_hand() -> None:
    one = sized(1_000_000)
    assert one.events == 13_200_000
    assert one.events_rate == pytest.approx(13.2e6 / 23_400 * 5)  # 2,821
    assert one.commands_rate == pytest.approx(2_170, abs=1)
    assert one.api == 2  # 2,170 / (2,100 x .6) = 1.72
    assert (one.logs, one.partitions, one.workers) == (1, 1, 1)
    assert one.log_bytes == pytest.approx(18.07e9, rel=0.001)


@pytest.mark.parametrize("fills", [1, 10_000, 10**6, 3 * 10**6, 10**7, 10**8, 10**9])
def test_no_tier_is_busier_than_it_is_sized_for_and_none_has_a_server_too_many(
    fills: int,
) -> None:
    one = sized(fills)
    rate = one.events_rate
    assert one.commands_rate <= one.api * value("command_rate") * TARGET
    assert one.api == 1 or one.commands_rate > (one.api - 1) * value("command_rate") * TARGET
    assert rate / one.logs <= value("append_rate") * TARGET
    assert one.partitions in PARTITIONS
    skew = value("skew") if one.partitions > 1 else 1
    assert rate / one.logs * skew / one.partitions <= value("fold_rate") * TARGET


def test_ten_times_the_fills_is_ten_times_the_load_and_the_bytes() -> None:
    small, large = sized(10**7), sized(10**8)
    for name in ("events", "events_rate", "log_bytes", "fact_bytes", "kafka_bytes"):
        assert getattr(large, name) == pytest.approx(10 * getattr(small, name))


def test_the_first_tier_to_be_busy_is_the_one_with_the_least() -> None:
    assert saturation(Deployment(1, 1)) == (pytest.approx(2_730), "api")
    assert saturation(Deployment(8, 1)) == (pytest.approx(13_000), "workers")
    assert saturation(Deployment(8, 16)) == (pytest.approx(21_840), "api")
    assert saturation(Deployment(12, 16)) == (pytest.approx(23_500), "log")
    assert saturation(Deployment(8, 2)) == (pytest.approx(20_800), "workers")
    assert saturation(Deployment(8, 2), skew=2.0) == (pytest.approx(13_000), "workers")
