"""A view gets only the events of its READS; it has no facts for any other event."""

import pytest

from domain.catalogue import EVENTS
from projections.catalogue import VIEWS
from projections.ports import View
from tests.golden import samples as golden_events
from tests.golden.test_golden_events import FILES, held
from tests.unit.projections.view_log import arrived


@pytest.mark.parametrize("view", VIEWS, ids=lambda v: v.NAME)
def test_no_view_has_facts_of_an_event_that_it_does_not_read(view: View) -> None:
    read = set[type]()
    for path in FILES:
        name, version, payload, _ = held(path)
        event = golden_events.codec().decode(name, version, payload)
        if list(view.facts(arrived(event, 1))):
            read.add(type(event))
    assert read <= set(view.READS)
    assert read, "the samples hold an event of each view"


def test_what_a_view_reads_is_in_the_catalogue() -> None:
    assert set().union(*(view.READS for view in VIEWS)) <= set(EVENTS.values())
