"""A long log's first fold in several processes: the same rows, or a fallback to one fold."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.operations.fold_apart import fold_apart
from adapters.operations.rebuild import begin, rebuild
from adapters.postgres.embedded import EmbeddedPostgres
from adapters.postgres.views.sink import PostgresSink
from adapters.settings import Settings
from adapters.wiring.platform import Platform, open_platform
from adapters.wiring.views import FOLD
from projections.catalogue import VIEWS
from streams import live
from streams.views.inline import InlineRunner
from tests.system.processes import Simulated, copied, folder

pytestmark = pytest.mark.slow
NAMES = [view.NAME for view in VIEWS]


@pytest.fixture(scope="module")
def data_dir(simulated: Simulated) -> Iterator[Path]:
    with folder() as made:
        own = copied(simulated.data_dir, made / "d")
        with EmbeddedPostgres(own / "postgres"):
            yield own


@pytest.fixture
async def platform(data_dir: Path) -> AsyncIterator[Platform]:
    settings = Settings(data_dir=data_dir)
    async with await open_platform(settings, verb="test", exclusive=False) as opened:
        yield opened


@pytest.fixture
async def beside(platform: Platform) -> AsyncIterator[PostgresSink]:
    sink = PostgresSink(platform.database_url, schema="apart")
    for view in VIEWS:
        await sink.discard(view)
    yield sink
    await sink.close()


@pytest.mark.parametrize("number", [2, 4])
async def test_processes_fold_the_rows_of_one_fold(
    platform: Platform, beside: PostgresSink, number: int
) -> None:
    folded = await fold_apart(
        platform.log,
        beside,
        VIEWS,
        child=FOLD,
        data_dir=platform.settings.data_dir,
        number=number,
        least=1,
    )
    assert folded == await platform.log.last()
    assert await beside.checksums(VIEWS) == await platform.sink.checksums(VIEWS)
    assert set((await beside.positions(NAMES)).values()) == {folded}  # in one partition


async def test_a_log_that_is_short_is_left_to_one_process(
    platform: Platform, beside: PostgresSink
) -> None:
    data_dir = platform.settings.data_dir
    assert (
        await fold_apart(platform.log, beside, VIEWS, child=FOLD, data_dir=data_dir, number=2) == 0
    )


async def test_when_a_process_fails_the_views_are_empty_and_ready_for_one_fold(
    platform: Platform, beside: PostgresSink, tmp_path: Path
) -> None:
    folded = await fold_apart(
        platform.log, beside, VIEWS, child=FOLD, data_dir=tmp_path, number=2, least=1
    )  # the directory has no log, so the processes fail
    assert folded == 0
    assert set((await beside.positions(NAMES)).values()) == {0}
    assert {found.rows for found in await beside.checksums(VIEWS)} == {0}


async def test_views_that_have_begun_are_left_where_they_stand(
    platform: Platform, beside: PostgresSink
) -> None:
    data_dir = platform.settings.data_dir
    assert await fold_apart(
        platform.log, beside, VIEWS[:2], child=FOLD, data_dir=data_dir, number=2, least=1
    )
    before = await beside.checksums(VIEWS[:2])
    assert await fold_apart(
        platform.log, beside, VIEWS[:3], child=FOLD, data_dir=data_dir, number=2, least=1
    )
    assert await beside.checksums(VIEWS[:2]) == before
    assert (await beside.positions(NAMES[:3]))[NAMES[2]] == await platform.log.last()
    assert not await fold_apart(
        platform.log, beside, VIEWS[:3], child=FOLD, data_dir=data_dir, number=2, least=1
    )


async def test_serve_folds_in_processes_before_its_own_runner_goes_on(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await platform.sink.checksums(VIEWS)
    for view in VIEWS:
        await platform.sink.discard(view)
    folded: list[int] = []

    async def by_two(*args: Any, **more: Any) -> int:
        folded.append(await fold_apart(*args, **more, number=2, least=1))
        return folded[0]

    monkeypatch.setattr(live, "fold_apart", by_two)
    drive: Any = SimpleNamespace(bus=None, views=InlineRunner(platform.log, platform.sink, VIEWS))
    await live.catch_up(platform, drive)
    assert folded == [await platform.log.last()]
    assert drive.views.watermark() == folded[0]
    assert await platform.sink.checksums(VIEWS) == before


async def test_all_views_are_rebuilt_in_one_pass(platform: Platform) -> None:
    await begin(platform.log, platform.sink, VIEWS, child=FOLD, data_dir=platform.settings.data_dir)
    last = await platform.log.last()
    for view in VIEWS:
        report = await rebuild(platform.log, platform.sink, view, begun=True)
        assert (report.equal, report.swapped, report.position) == (True, True, last), view.NAME
