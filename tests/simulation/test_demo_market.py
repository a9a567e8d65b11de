"""The market of a demo: open and moving, the same at any pace, and closed when the data ends."""

import asyncio
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from adapters.market import history as market_history
from adapters.simulators.market import INTERVALS
from api.cli import main
from commands.handler import Declined, Done
from domain.account.cash import DepositCash
from domain.order.events import OrderFilled, OrderPlaced
from simulation.census import Census
from simulation.clockwork import CONTROLS, at
from simulation.history import History
from simulation.live import EVERY_TICKS, ticks
from simulation.pace import SESSION, BadPace, Pace, PaceFile, parse_pace
from streams.gateways.counterparties import history_market
from tests.simulation.demo_world import SESSION_S, SPEC, Demo, demo

THURSDAY, FRIDAY, TUESDAY = date(2022, 1, 13), date(2022, 1, 14), date(2022, 1, 18)
ONE_DAY = replace(SPEC, last=THURSDAY)


def marked(seed: int, day: date, tick: int) -> dict[str, Decimal]:
    history = History(SPEC.first, SPEC.last)
    found = ticks(history_market(seed), history, day, since=max(tick - 1, -1), tick=tick)
    return {c.instrument_id: c.price for _, c in found}  # type: ignore[attr-defined]


@pytest.mark.parametrize("day", [THURSDAY, FRIDAY, TUESDAY])
def test_the_path_begins_at_the_last_close_and_ends_exactly_at_the_real_one(day: date) -> None:
    history = History(SPEC.first, SPEC.last)
    assert marked(2, day, INTERVALS) == history.closes(day)
    first = marked(2, day, 0) | marked(2, day, 1)
    assert first.keys() == set(history.symbols)
    before = history.closes(history.before(day))
    assert all(marked(2, day, 0)[s] == before[s] for s in marked(2, day, 0))


def test_the_path_follows_from_the_seed_alone() -> None:
    assert marked(2, FRIDAY, 30) == marked(2, FRIDAY, 30)
    assert marked(2, FRIDAY, 30) != marked(3, FRIDAY, 30)
    assert marked(2, FRIDAY, 30).keys() == marked(3, FRIDAY, 30).keys()


def test_a_stock_is_marked_on_every_second_tick_so_that_the_log_does_not_swell() -> None:
    even, odd = marked(2, FRIDAY, 30), marked(2, FRIDAY, 31)
    assert not even.keys() & odd.keys()
    assert 0 < len(even) < len(History(SPEC.first, SPEC.last).symbols)
    assert len(even) + len(odd) == len(History(SPEC.first, SPEC.last).symbols)


async def half_way(market: Demo) -> None:
    await market.pass_until(lambda: market.heard(f"{THURSDAY}  open"))
    middle = at(THURSDAY, (datetime(2022, 1, 1, 16, 45)).time()).replace(tzinfo=CONTROLS.tzinfo)
    await market.pass_until(lambda: market.clock() >= middle)


async def test_orders_fill_at_any_moment_on_prices_that_are_marked_and_days_close() -> None:
    async with demo(spec=ONE_DAY) as market:
        await half_way(market)
        cash = DepositCash(
            account_id="A00001", amount=Decimal("5000.00"), currency="USD", reference="mine"
        )
        assert isinstance(await market.do(cash), Done)
        assert isinstance(await market.buy("try-1"), Done)
        await market.filled("try-1")
        assert isinstance(await market.buy("try-2", limit=Decimal(900)), Done)
        await market.filled("try-2")
        await market.pass_until(lambda: market.heard(f"{THURSDAY}  closed, every control holds"))
        assert await market.closed() == [THURSDAY]
        path = history_market(SPEC.seed).session("AAPL", THURSDAY)
        assert path is not None
        fills = [e.event for e in await market.events() if isinstance(e.event, OrderFilled)]
        mine = [f for f in fills if f.order_id in ("try-1", "try-2")]
        assert mine and {f.last_px for f in mine} <= {t.price for t in path.ticks}
        marked = Counter(symbol for symbol, _ in await market.ticks())
        assert set(marked) == set(market_history.prices().symbols)
        assert marked.total() > 200
        assert min(marked.values()) >= INTERVALS // EVERY_TICKS


async def test_the_census_of_a_log_names_the_day_that_is_not_closed() -> None:
    async def open_day(of: Demo) -> date | None:
        census = Census(of.platform.log)
        await census.fold.to()
        return census.open_day

    async with demo(spec=ONE_DAY) as market:
        await half_way(market)
        assert await open_day(market) == THURSDAY
        await market.pass_until(lambda: market.heard(f"{THURSDAY}  closed"))
        assert await open_day(market) is None


async def test_nights_weekends_and_holidays_are_skipped() -> None:
    async with demo() as market:
        await market.pass_until(lambda: market.heard(f"{TUESDAY}  closed"), step_s=SESSION_S / 8)
        assert await market.closed() == [THURSDAY, FRIDAY, TUESDAY]
        days = {e.committed_at.date() for e in await market.events()}
        assert days == {date(2022, 1, 12), THURSDAY, FRIDAY, TUESDAY}  # the eve, and sessions


async def test_prices_are_the_same_whatever_the_pace() -> None:
    found = []
    for pace in (Pace(), Pace(minutes=30)):
        async with demo(spec=ONE_DAY, pace=pace) as market:
            await market.pass_until(
                lambda m=market: m.heard(f"{THURSDAY}  closed"), step_s=pace.minutes / 2
            )
            found.append(await market.ticks())
    slow, fast = found
    same = slow.keys() & fast.keys()
    assert len(same) > 100
    assert {k: slow[k] for k in same} == {k: fast[k] for k in same}


async def test_paused_the_clock_stops_while_commands_are_answered() -> None:
    async with demo(spec=ONE_DAY) as market:
        await half_way(market)
        await market.runs_at(Pace(paused=True))
        stood, marks = market.clock(), len(await market.ticks())
        await market.passes(1_000)
        assert (market.clock(), len(await market.ticks())) == (stood, marks)
        assert isinstance(await market.buy("patient", account="A00002"), (Done, Declined))
        await market.runs_at(Pace())
        await market.pass_until(lambda: market.clock() > stood + timedelta(minutes=20))
        assert len(await market.ticks()) > marks


async def test_a_demo_that_begins_paused_trades_no_day() -> None:
    async with demo(pace=Pace(paused=True)) as market:
        await market.passes(10_000)
        await market.passes(10_000)
        assert await market.closed() == [] and not market.heard("open")


async def test_killed_half_way_it_goes_on_from_its_log_and_nothing_counts_twice() -> None:
    async with demo(spec=ONE_DAY) as market:
        await half_way(market)
        cash = DepositCash(
            account_id="A00001", amount=Decimal("5000.00"), currency="USD", reference="mine"
        )
        await market.do(cash)
        await market.buy("try-1")
        await market.filled("try-1")
        left = list(market.disk.journal)
        stood = market.clock()
    async with demo(left, ONE_DAY) as again:
        await again.pass_until(lambda: again.heard(f"{THURSDAY}  open"))
        assert stood - timedelta(minutes=30) < again.clock() < stood + timedelta(minutes=30)
        await again.pass_until(lambda: again.heard(f"{THURSDAY}  closed"))
        fills = [e.event for e in await again.events() if isinstance(e.event, OrderFilled)]
        assert sum(f.last_qty for f in fills if f.order_id == "try-1") == 1
        assert await again.closed() == [THURSDAY]
        assert len({f.exec_id for f in fills}) == len(fills)
        orders = [e for e in await again.events() if isinstance(e.event, OrderPlaced)]
        assert again.heard(f"holds: orders {len(orders)}, fills {len(fills)}")  # the whole day's


async def test_commands_between_the_controls_of_a_day_do_not_keep_it_open() -> None:
    async with demo(spec=ONE_DAY) as market:
        await half_way(market)

        async def pay_in() -> None:
            while True:
                cash = DepositCash(
                    account_id="A00001", amount=Decimal("1.00"), currency="USD", reference="r"
                )
                await market.do(cash)
                await asyncio.sleep(0.005)

        paying = asyncio.create_task(pay_in())
        try:
            await market.pass_until(lambda: market.heard(f"{THURSDAY}  closed"), step_s=20)
        finally:
            paying.cancel()
        assert market.drive.troubles() == []


async def test_when_the_prices_end_the_market_closes_and_says_so_and_the_rest_goes_on() -> None:
    async with demo(spec=ONE_DAY) as market:
        await market.pass_until(lambda: market.heard("closed for good"), step_s=60)
        assert market.heard(f"the shipped prices end on {THURSDAY}")
        refused = await market.buy("late")
        assert isinstance(refused, Declined)
        assert refused.refused.refusal == "instrument_not_tradable"
        assert refused.refused.state == {"status": "halted"}
        cash = DepositCash(
            account_id="A00001", amount=Decimal("1.00"), currency="USD", reference="late"
        )
        assert isinstance(await market.do(cash), Done)
        stood = market.clock()
        await market.passes(3_600)
        assert timedelta(minutes=55) < market.clock() - stood < timedelta(minutes=65)


async def test_a_log_that_was_written_to_after_its_prices_keeps_its_market_closed() -> None:
    async with demo(spec=ONE_DAY) as market:
        await market.pass_until(lambda: market.heard("closed for good"), step_s=60)
        market.clock.set(datetime(2026, 11, 30, tzinfo=CONTROLS.tzinfo))
        await market.do(
            DepositCash(account_id="A00001", amount=Decimal(1), currency="USD", reference="2026")
        )
        left = list(market.disk.journal)
    async with demo(left, SPEC) as again:
        await again.pass_until(lambda: again.heard("closed for good"))
        assert again.heard("2026-11-30") and not again.heard("open")


def test_a_session_takes_as_long_as_the_pace_says() -> None:
    assert timedelta(hours=6, minutes=30) == SESSION
    assert Pace(minutes=6).rate == 65
    assert Pace(minutes=6, paused=True).rate == 0


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1441", "fast", "", "0.01"])
def test_a_pace_that_cannot_be_had_is_refused_with_what_can(text: str) -> None:
    with pytest.raises(BadPace, match=r"0.05 to 1440 minutes a session, or paused"):
        parse_pace(text, now=Pace())


@pytest.mark.parametrize("minutes", ["1", "6", "30"])
def test_another_pace_ends_no_pause(minutes: str) -> None:
    paused = Pace(minutes=6, paused=True)
    assert parse_pace(minutes, now=paused) == Pace(minutes=float(minutes), paused=True)
    assert parse_pace(minutes, now=Pace()) == Pace(minutes=float(minutes))


def test_the_command_that_sets_the_pace_of_a_paused_demo_says_how_to_resume_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> str:
        assert main(["demo", *words, "--data-dir", str(tmp_path)]) == 0
        return capsys.readouterr().out.strip()

    how = "; resume with `tidemark demo resume`"
    assert said("pause") == f"6 minutes a session, paused{how}"
    assert said("pace", "2") == said() == f"2 minutes a session, paused{how}"
    assert PaceFile(tmp_path).pace() == Pace(minutes=2, paused=True)
    assert said("resume") == said() == "2 minutes a session"
    assert said("pace", "1") == "1 minute a session"


def test_the_pace_of_a_directory_is_the_one_set_last(tmp_path: Path) -> None:
    file, other = PaceFile(tmp_path), PaceFile(tmp_path)
    assert file.pace() == Pace()
    other.set(Pace(minutes=2))
    assert file.pace() == Pace(minutes=2)
    other.set(parse_pace("paused", now=other.pace()))
    assert file.pace() == Pace(minutes=2, paused=True)
    (tmp_path / "demo.json").write_text('{"minutes": "soon"}')
    assert file.pace() == Pace(minutes=2, paused=True)
