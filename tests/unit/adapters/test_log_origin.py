"""The clock that a log runs on is stored in the log, on every recorder and for every process."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.host.clock import PacedClock, SimulatedClock, SystemClock
from adapters.log.origin import ClockMismatch, clock_of, origin_of
from commands.handler import Declined, Done
from domain.house import FundHouse
from domain.instrument.commands import ListInstrument
from domain.simulation import Simulation, StartSimulation
from tests.unit.adapters.platform import WriteSide

RUN = Simulation(first_day=date(2021, 1, 4), accounts=100, seed=1)
START = StartSimulation(first_day=date(2021, 1, 4), accounts=100, seed=1)
EVE = datetime(2020, 12, 31, 13, tzinfo=UTC)
TODAY = datetime(2026, 11, 30, 9, tzinfo=UTC)
OLD_FILE = '{"from": "2021-01-04", "accounts": 100, "seed": 1}'


def at(now: datetime) -> WriteSide:
    side = WriteSide()
    side.clock = SimulatedClock(now)
    side.handler = side.fresh_handler()
    return side


def listing() -> ListInstrument:
    return ListInstrument(
        instrument_id="AAPL", symbol="AAPL", isin="US0378331005", currency="USD", mic="XNAS"
    )


async def simulated() -> WriteSide:
    side = at(EVE)
    assert isinstance(await side.do(START, actor="simulator"), Done)
    assert isinstance(await side.do(listing(), actor="simulator"), Done)
    return side


async def test_a_simulated_log_names_its_run_and_the_time_of_its_clock(
    tmp_path: Path,
) -> None:
    origin = await origin_of((await simulated()).log, tmp_path)
    assert (origin.simulated, origin.run, origin.at) == (True, RUN, EVE)
    clock = clock_of(origin, None)
    assert isinstance(clock, PacedClock) and clock() == EVE


async def test_an_empty_log_belongs_to_no_run(tmp_path: Path) -> None:
    origin = await origin_of(WriteSide().log, tmp_path)
    assert (origin.simulated, origin.written) == (False, False)
    assert isinstance(clock_of(origin, None), SystemClock)
    given = SimulatedClock(EVE)
    assert clock_of(origin, given) is given


async def test_a_simulated_log_is_not_run_on_the_machine_s_clock(tmp_path: Path) -> None:
    origin = await origin_of((await simulated()).log, tmp_path)
    with pytest.raises(ClockMismatch, match=r"TIDEMARK_LOG: .* 2020-12-31 13:00.*machine's clock$"):
        clock_of(origin, SystemClock())


@pytest.mark.parametrize("clock", [SimulatedClock, PacedClock])
async def test_a_real_log_is_not_simulated(
    tmp_path: Path, clock: Callable[[datetime], SimulatedClock]
) -> None:
    side = at(TODAY)
    await side.do(FundHouse(currency="USD", amount=Decimal(1)))
    await side.do(listing())
    origin = await origin_of(side.log, tmp_path)
    assert not origin.simulated
    with pytest.raises(ClockMismatch, match=r"TIDEMARK_LOG: .*machine's clock.*--data-dir") as why:
        clock_of(origin, clock(EVE))
    assert "\n" not in str(why.value)


async def test_a_log_of_the_first_release_is_known_by_its_first_event(tmp_path: Path) -> None:
    side = at(EVE)
    await side.do(listing(), actor="simulator")
    origin = await origin_of(side.log, tmp_path)
    assert origin.simulated and origin.run.first_day is None
    (tmp_path / "simulation.json").write_text(OLD_FILE)
    origin = await origin_of(side.log, tmp_path)
    assert (origin.simulated, origin.run) == (True, RUN)


async def test_a_log_of_the_first_release_that_is_resumed_says_it_itself(tmp_path: Path) -> None:
    side = at(EVE)
    await side.do(listing(), actor="simulator")
    await side.do(START, actor="simulator")
    origin = await origin_of(side.log, tmp_path)
    assert (origin.simulated, origin.run) == (True, RUN)


async def test_who_calls_himself_the_simulator_makes_no_log_simulated(tmp_path: Path) -> None:
    side = at(TODAY)
    await side.do(listing(), actor="simulator")
    assert not (await origin_of(side.log, tmp_path)).simulated


async def test_a_file_left_beside_a_real_log_makes_it_no_simulated_one(tmp_path: Path) -> None:
    (tmp_path / "simulation.json").write_text(OLD_FILE)
    assert (await origin_of(WriteSide().log, tmp_path)).run == RUN  # the log was still empty
    side = at(TODAY)
    await side.do(listing())
    assert not (await origin_of(side.log, tmp_path)).simulated


@pytest.mark.parametrize("text", ["", "{", "[]", '{"from": 3}', '{"from": "yesterday"}'])
async def test_a_file_that_describes_no_run_is_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "simulation.json").write_text(text)
    assert not (await origin_of(WriteSide().log, tmp_path)).simulated


async def test_a_log_is_bound_to_one_run_once() -> None:
    side = await simulated()
    again = await side.do(START, "again")
    assert isinstance(again, Done) and not again.changed
    other = await side.do(StartSimulation(first_day=date(2021, 1, 4), accounts=99, seed=1), "x")
    assert isinstance(other, Declined) and other.refused.refusal == "simulation_differs"
    none = await at(EVE).do(StartSimulation(first_day=date(2021, 1, 4), accounts=0, seed=1))
    assert isinstance(none, Declined) and none.refused.refusal == "accounts_not_positive"
