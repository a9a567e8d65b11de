"""Laws of the region model, whatever the network, the clocks and the failovers do.

never two regions that append in one epoch, nor two that serve at one moment
SYNC   nothing that was acknowledged is ever lost
ASYNC  what is lost is exactly what had not been replicated when the home changed
"""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.capacity.regions import DRIFT, LEASE, Entry, Mode, World
from tests.sampling import examples

REGIONS = st.integers(0, 2)


class Regions(RuleBasedStateMachine):
    mode = Mode.SYNC

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.mode)

    @initialize(home=REGIONS)
    def begin(self, home: int) -> None:
        assert self.world.grant(home)

    @rule(at=REGIONS)
    def append(self, at: int) -> None:
        self.world.append(at)

    @rule()
    def append_at_home(self) -> None:
        assert self.world.home is not None
        self.world.append(self.world.home)

    @precondition(lambda self: self.world.wire)
    @rule(index=st.integers(0, 50), again=st.booleans(), answered=st.booleans())
    def deliver(self, index: int, again: bool, answered: bool) -> None:
        self.world.deliver(index, again=again, answered=answered)

    @rule(ticks=st.integers(1, LEASE + DRIFT), slow=REGIONS)
    def tick(self, ticks: int, slow: int) -> None:
        for _ in range(ticks):
            self.world.tick(slow)
            self.one_serves()

    @rule(region=REGIONS)
    def cut_off(self, region: int) -> None:
        self.world.cut.add(region)

    @rule()
    def heal(self) -> None:
        self.world.cut.clear()

    @rule(to=REGIONS)
    def grant(self, to: int) -> None:
        self.world.grant(to)

    @rule(to=REGIONS)
    def wait_and_fail_over(self, to: int) -> None:
        for _ in range(LEASE + DRIFT):
            self.world.tick()
        self.world.grant(to)

    @invariant()
    def one_serves(self) -> None:
        assert sum(region.serves for region in self.world.regions) <= 1

    @invariant()
    def one_appends_in_an_epoch(self) -> None:
        epochs = [epoch for epoch, _ in self.world.appended]
        assert len(epochs) == len(set(epochs))

    @invariant()
    def what_may_be_lost(self) -> None:
        if self.mode is Mode.SYNC:
            assert not self.world.lost
        else:
            assert self.world.lost == self.world.unreplicated

    def teardown(self) -> None:
        last = self.world.settle()
        missing = set(self.world.acknowledged) - set(last)
        assert missing == self.world.lost
        assert len(set(last)) == len(last)
        assert [e.epoch for e in last] == sorted(e.epoch for e in last)
        put_aside = {e for region in self.world.regions for e in region.orphans}
        assert missing <= put_aside
        self.what_may_be_lost()


class RegionsAsync(Regions):
    mode = Mode.ASYNC


class RegionsOfBadClocks(Regions):
    """Synchronous, with leases that do not hold: epochs alone keep every law but one."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Mode.SYNC, leases=False)

    @invariant()
    def one_serves(self) -> None:
        newest = [r for r in self.world.regions if r.serves and r.epoch == self.world.epoch]
        assert len(newest) <= 1


TestSync = pytest.mark.sampled(Regions.TestCase)
TestAsync = pytest.mark.sampled(RegionsAsync.TestCase)
TestBadClocks = pytest.mark.sampled(RegionsOfBadClocks.TestCase)
BOUNDS = examples(300, sample=75, steps=40)
TestSync.settings = TestAsync.settings = TestBadClocks.settings = BOUNDS


def deliver(world: World, length: int) -> None:
    """The first message that carries so long a log arrives."""
    world.deliver(next(i for i, m in enumerate(world.wire) if len(m.log) == length))


def passed_over(world: World, home: int, to: int) -> None:
    """The home is cut off; after its lease another region takes over."""
    world.cut.add(home)
    for _ in range(LEASE + DRIFT):
        world.tick()
    assert world.grant(to)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_home_that_is_cut_off_stops_before_another_begins(mode: Mode) -> None:
    world = World(mode)
    world.grant(0)
    world.cut.add(0)
    assert world.append(0)  # it does not know yet
    assert not world.grant(1)  # its lease runs
    for _ in range(DRIFT):
        world.tick(slow=0)
    for _ in range(LEASE - 1):
        world.tick()
        assert not world.grant(1)
    assert world.append(0)  # with the slowest clock that is allowed
    world.tick()
    assert world.append(0) is None
    assert world.grant(1)
    assert world.append(1)


def test_synchronous_replication_loses_nothing_and_acknowledges_nothing_alone() -> None:
    world = World(Mode.SYNC)
    world.grant(0)
    first = world.append(0)
    deliver(world, 1)
    assert world.acknowledged == [first]
    world.cut.add(0)
    world.append(0)  # nobody else gets it: never acknowledged
    passed_over(world, 0, 1)
    second = world.append(1)
    last = world.settle()
    assert [e.value for e in last] == [1, 3]
    assert world.acknowledged == [first, second]
    assert world.regions[0].orphans == [Entry(1, 2)]


def test_asynchronous_replication_loses_the_unreplicated_tail_and_puts_it_aside() -> None:
    world = World(Mode.ASYNC)
    world.grant(0)
    for _ in range(3):
        world.append(0)
    deliver(world, 1)
    passed_over(world, 0, 1)
    assert world.lost == {Entry(1, 2), Entry(1, 3)}
    world.append(1)
    last = world.settle()
    assert [e.value for e in last] == [1, 4]
    assert world.regions[0].orphans == [Entry(1, 2), Entry(1, 3)]


def test_a_planned_move_loses_nothing_even_asynchronously() -> None:
    world = World(Mode.ASYNC)
    world.grant(0)
    for _ in range(3):
        world.append(0)
    for _ in range(LEASE + DRIFT):
        world.tick()
    assert world.grant(2)
    assert not world.lost
    assert len(world.settle()) == 3


def test_two_of_three_regions_away_stop_the_register() -> None:
    world = World(Mode.SYNC)
    world.grant(0)
    world.cut |= {0, 1}
    for _ in range(LEASE + DRIFT):
        world.tick()
    assert not world.grant(2)


@pytest.mark.parametrize("mode", list(Mode))
def test_without_epochs_and_leases_the_laws_are_broken_and_it_is_noticed(mode: Mode) -> None:
    class Unfenced(Regions):
        def __init__(self) -> None:
            super().__init__()
            self.world = World(mode, fencing=False)

    unfenced: Any = Unfenced()
    unfenced.begin(0)
    unfenced.append(0)
    unfenced.cut_off(0)
    unfenced.grant(1)
    unfenced.append(1)
    unfenced.append(0)
    with pytest.raises(AssertionError):
        unfenced.one_appends_in_an_epoch()
