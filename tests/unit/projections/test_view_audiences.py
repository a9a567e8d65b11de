"""Each view names who may read it and where its rows come from, and both are true."""

import pytest

from adapters.postgres.views.row_guard import condition, guard, owned_by
from adapters.postgres.views.tables import Table
from domain.shared.envelope import state_category
from projections.catalogue import BY_NAME, VIEWS
from projections.ports import NOWHERE, Audience, View
from tests.golden import log as golden_log

HOMED = [view for view in VIEWS if view.HOME != NOWHERE]


def named(audience: Audience) -> set[str]:
    return {view.NAME for view in VIEWS if view.AUDIENCE is audience}


def test_what_was_found_out_about_a_person_is_confidential() -> None:
    assert named(Audience.CONFIDENTIAL) == {"clients"}
    clients = Table("views", BY_NAME["clients"])
    assert not any("tidemark_analyst" in statement for statement in guard(clients))
    assert "tidemark.analyses()" not in condition(clients)


def test_reference_data_and_figures_of_the_house_are_no_account_s_own() -> None:
    for name in named(Audience.REFERENCE) | named(Audience.OPERATIONS):
        assert owned_by(Table("views", BY_NAME[name])) == [], name
    assert all("known()" in condition(Table("views", BY_NAME[n])) for n in ("marks", "rates"))


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.NAME)
def test_a_view_that_shows_readers_their_own_rows_has_a_column_that_names_them(view: View) -> None:
    own = view.AUDIENCE in (Audience.OWN, Audience.CONFIDENTIAL)
    assert bool(owned_by(Table("views", view))) == own


async def test_every_row_of_a_view_with_a_home_is_fed_from_the_stream_that_it_names() -> None:
    log = await golden_log.loaded(golden_log.read_rows())
    fed, result = set(), set[type]()
    for arrived in await log.after(0, limit=10_000):
        result.add(type(arrived.event))
        for view in (v for v in HOMED if type(arrived.event) in v.READS):
            at = view.ROW.KEY.index(view.HOME.column)
            for key, _ in view.facts(arrived):
                assert arrived.stream == f"{view.HOME.category}-{key[at]}", view.NAME
                assert state_category(arrived.stream) == view.HOME.category
                fed.add(view.NAME)
    assert fed == {view.NAME for view in HOMED if view.READS & result} and len(fed) > 10
