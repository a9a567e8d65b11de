"""The tail of the log in memory: without gaps, bounded, and equal to a read of the log."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.log.recent import LogTail
from domain.shared.envelope import Envelope
from tests.unit.projections.test_facts import DEPOSITED, arrived

EVENT = arrived(DEPOSITED)


def at(position: int) -> Envelope:
    return replace(EVENT, position=position)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=40), st.integers(1, 7))
def test_it_holds_the_last_events_that_were_read_and_nothing_else(
    steps: list[int], events_max: int
) -> None:
    tail, read = LogTail(events_max), list[int]()
    for step in steps:  # positions may leave gaps
        position = (read[-1] if read else 0) + step
        tail.extend(read[-1] if read else 0, [at(position)])
        read.append(position)
        held = [e.position for e in tail.after(tail.start, limit=100, until=None)]
        assert held == read[-len(held) :] and len(held) <= events_max
        for asked in range(position + 2):
            found = tail.at(asked)
            assert (found.position if found else None) == (asked if asked in held else None)


def test_an_empty_tail_has_no_event() -> None:
    tail = LogTail()
    assert tail.at(0) is None and tail.at(1) is None
    tail.extend(0, [at(1)])
    tail.clear()
    assert tail.at(1) is None
