"""A run killed at any moment, and again during its recovery, ends with the same books."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.host.entropy import SeededEntropy
from adapters.memory.disk import Disk, Write
from adapters.simulators.misbehaviour import CustodianFaults, VenueFaults
from commands.handler import Declined, Done
from domain.house import FundHouse
from simulation.crashes import crash_everywhere
from simulation.figures import differences
from simulation.killed import (
    ROUGH,
    Life,
    Point,
    crash_points,
    describe,
    killed_at,
    live,
    remains,
)
from simulation.run import ControlsFailed, OtherRun, Spec
from streams.gateways.counterparties import YEAR
from tests.unit.adapters.platform import NOW, WriteSide

SMALL = Spec(first=date(2022, 1, 3), last=date(2022, 1, 6), accounts=2, seed=2)
FORTNIGHT = Spec(first=date(2022, 5, 23), last=date(2022, 6, 7), accounts=3, seed=2)
"""It has a month's end, a weekend with late reports, conversions, and a saver's withdrawals."""
SAMPLE_EVERY = 11  # crash points, in `make test`; no divisor of how often a point is killed thrice


def unseen(done: int, total: int) -> None:
    """Ignore the progress."""


async def survivor(spec: Spec, journal: Sequence[Write], point: Point, times: int = 1) -> Life:
    *_, last = await killed_at(spec, journal, point, times=times)
    assert isinstance(last, Life), f"{describe(journal, point)}: {last}"
    return last


async def test_two_runs_of_one_seed_have_the_same_log_and_another_seed_another() -> None:
    one, two = await live(SMALL), await live(SMALL)
    other = await live(Spec(first=SMALL.first, last=SMALL.last, accounts=2, seed=3))
    assert one.root == two.root
    assert one.journal == two.journal
    assert not differences(one.figures, two.figures)
    assert other.root != one.root
    assert differences(one.figures, other.figures)


@pytest.mark.faults
async def test_a_small_run_killed_before_within_and_after_every_write_has_the_same_figures() -> (
    None
):
    found = await same_figures(SMALL)
    assert found["crashes"] > found["points"] > found["writes"] > found["appends"]


async def test_a_small_run_killed_at_some_of_its_writes_has_the_same_figures() -> None:
    """The sample of the test before: every eleventh crash point."""
    found = await same_figures(SMALL, every=SAMPLE_EVERY)
    assert found["crashes"] > found["points"] > found["writes"] / SAMPLE_EVERY


async def same_figures(spec: Spec, every: int = 1) -> dict[str, Any]:
    """Kill the run at its crash points, compare the figures; returns the counts."""
    heard: list[tuple[int, int]] = []
    found = await crash_everywhere(spec, seen=lambda *at: heard.append(at), every=every)
    assert found["differences"] == []
    assert found["equal"]
    assert found["orders"] and found["fills"] and found["appends"] > 20
    assert heard[-1] == (found["points"], found["points"])
    return found


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.faults) for n in range(2, 6))]
)
async def test_every_day_closes_although_busted_trades_settle_all_the_same(seed: int) -> None:
    """They settle in parts, late, before and after the bust; sales, purchases, corrections."""
    venue = VenueFaults(bust=0.4, correct=0.2, late=0.1, duplicate=0.2)
    custodian = CustodianFaults(fail=0.4, partial=0.5, duplicate=0.2, deny_cancel=0.7)
    faults = ROUGH._replace(venue=venue, custodian=custodian)
    spec = Spec(first=date(2016, 2, 8), last=date(2016, 3, 15), accounts=5, seed=seed)
    life = await live(spec, faults=faults)
    assert len(life.figures.days) == 26  # each closed on its controls
    assert life.counts["after_bust"] > 30 and life.counts["failed"] > 50
    owed_back = {fact[6] for fact in life.figures.facts if fact[0] == "after_bust"}
    gone_back = {fact[2] for fact in life.figures.facts if fact[0] == "settled" and fact[6] == "0"}
    open_ = {line.ref for line in life.figures.balances if line.account == "C.STREET"}
    assert owed_back - gone_back == owed_back & open_
    assert len(owed_back & gone_back) > 20


@pytest.mark.slow
@pytest.mark.parametrize("every", [108, pytest.param(36, marks=pytest.mark.faults)])
async def test_a_fortnight_killed_thrice_has_the_same_figures(every: int) -> None:
    whole = await live(FORTNIGHT)
    kinds = {fact[0] for fact in whole.figures.facts}
    assert kinds >= {"booked", "busted", "settled", "after_bust", "failing", "charged", "FxSettled"}
    points = crash_points(whole.journal)
    for point in points[11::every]:
        life = await survivor(FORTNIGHT, whole.journal, point, times=3)
        assert not differences(whole.figures, life.figures), describe(whole.journal, point)


@pytest.mark.slow
@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.faults)])
async def test_what_is_decided_on_the_morning_after_a_weekend_is_decided_again_as_it_was(
    every: int,
) -> None:
    """Reports from the weekend are in the log on Monday before any decision."""
    spec = Spec(first=date(2022, 2, 28), last=date(2022, 3, 9), accounts=6, seed=4)
    whole = await live(spec)
    decided = [n for n, write in enumerate(whole.journal) if _places_orders(write)]
    assert len(decided) >= 3
    for n in decided[::every]:
        life = await survivor(spec, whole.journal, Point(n + 1))
        assert not differences(whole.figures, life.figures), n


def _places_orders(write: Write) -> bool:
    return write.appends and write.args[0][0].stream.startswith("order-")


async def test_a_run_that_is_whole_is_left_as_it_is() -> None:
    whole = await live(SMALL)
    again = await live(SMALL, whole.journal)
    assert again.root == whole.root
    assert not differences(whole.figures, again.figures)


async def test_a_run_may_be_carried_on_to_a_later_day() -> None:
    longer = Spec(first=SMALL.first, last=date(2022, 1, 11), accounts=2, seed=2)
    carried_on = await live(longer, (await live(SMALL)).journal)
    at_once = await live(longer)
    assert not differences(at_once.figures, carried_on.figures)


async def test_a_log_that_was_lived_in_is_not_simulated_further() -> None:
    lived_in = await live(Spec(first=SMALL.first, last=date(2022, 1, 20), accounts=2, seed=2))
    earlier = [w for w in lived_in.journal if not _closes(w)]
    with pytest.raises(OtherRun, match="2022-01-20"):
        await live(SMALL, earlier)


def _closes(write: Write) -> bool:
    return write.appends and write.args[0][0].stream == "house-main"


async def test_a_street_that_forgot_what_it_holds_keeps_the_day_open() -> None:
    """The comparison can fail: the street's statements are not computed from our own books."""
    journal = (await live(SMALL)).journal
    forgetful = [w._replace(args=([],)) if w.store == "statement" else w for w in journal]
    with pytest.raises(ControlsFailed, match="bank statement"):
        await live(SMALL, forgetful[: len(journal) * 3 // 4])


async def test_what_is_lost_is_named() -> None:
    whole, other = await live(SMALL), await live(SMALL, faults=YEAR)
    named = differences(whole.figures, other.figures)
    assert any(line.startswith("facts: booked") for line in named)
    assert any(line.startswith("balances: C.CASH A00001") for line in named)


async def test_the_disk_after_n_writes_is_the_disk_as_it_was() -> None:
    entropy = SeededEntropy(SMALL.seed)
    journal = (await live(SMALL)).journal
    events = await (await Disk.after(journal, entropy)).recorder.after(0, limit=10_000)
    assert len(events) > 100
    for n in range(0, len(journal), 7):
        disk = await Disk.after(journal[:n], entropy)
        assert disk.journal == list(journal[:n])
        found = await disk.recorder.after(0, limit=10_000)
        assert list(found) == list(events[: len(found)])


async def test_a_torn_append_leaves_the_first_half_of_its_writes() -> None:
    journal = (await live(SMALL)).journal
    torn = [p for p in crash_points(journal) if p.torn]
    assert torn
    for point in torn:
        *before, half = remains(journal, point)
        assert before == list(journal[: point.writes])
        asked = journal[point.writes].args[0]
        assert 0 < len(half.args[0]) < len(asked)
        assert list(half.args[0]) == list(asked[: len(half.args[0])])


async def test_what_the_log_caused_is_done_by_a_process_whose_clock_is_behind_the_log() -> None:
    """Clocks of two machines differ: an effect dated as its cause must not be refused."""
    side = WriteSide()
    fund = FundHouse(currency="USD", amount=Decimal(1))
    ahead = NOW + timedelta(hours=1)
    caused = await side.do(fund, effective_at=ahead, causation_id="order-O1@1")
    assert isinstance(caused, Done)
    asked = await side.do(fund, effective_at=ahead)
    assert isinstance(asked, Declined)
    assert asked.refused.refusal == "effective_at_not_allowed"
