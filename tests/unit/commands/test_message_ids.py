"""No caller can take the message id of a command that the platform is still to send."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from commands.message_ids import is_callers, own
from commands.ports import Request
from domain.catalogue import COMMANDS
from domain.house import STREAM, CloseDay, DayClosed
from domain.price import MarkPrice, PriceMarked
from simulation.history import History
from tests.simulation.demo_world import SPEC, demo
from tests.unit.streams.test_auditor import TODAY, traded

THURSDAY = date(2022, 1, 13)
STREAMS_OF_CALLERS = {c.__module__.split(".")[1] for c in COMMANDS.values() if not c.INTERNAL}
"""The categories of streams that public commands go to."""


@pytest.mark.parametrize("part", ["simulator", "auditor", "venue", "deadline"])
@pytest.mark.parametrize("name", ["mark.20220113", "close.20220113.1", "x"])
def test_an_id_of_the_platform_is_no_callers(part: str, name: str) -> None:
    assert is_callers(name)
    assert not is_callers(own(part, name))


async def test_whatever_a_demo_does_by_itself_has_ids_that_no_caller_can_choose() -> None:
    async with demo(spec=replace(SPEC, last=THURSDAY)) as market:
        await market.pass_until(lambda: market.heard(f"{THURSDAY}  closed, every control holds"))
        events = await market.events()
    open_to_callers = {
        e.meta.message_id
        for e in events
        if e.stream.split("-", 1)[0] in STREAMS_OF_CALLERS and is_callers(e.meta.message_id)
    }
    assert len(events) > 300
    assert open_to_callers == set()


async def test_a_caller_who_uses_the_simulators_names_first_changes_nothing_of_its_market() -> None:
    """With the former ids, a caller's mark under such an id replaced the real close."""
    async with demo(spec=replace(SPEC, last=THURSDAY)) as market:
        await market.pass_until(lambda: market.heard(f"{THURSDAY}  open"))
        history = History(SPEC.first, SPEC.last)
        mine = MarkPrice(
            instrument_id="AAPL",
            isin=history.isin("AAPL"),
            price=history.closes(THURSDAY)["AAPL"] + 1,
            currency="USD",
            price_date=THURSDAY,
            source="stranger",
        )
        for key in (f"mark.{THURSDAY:%Y%m%d}", f"simulator.mark.{THURSDAY:%Y%m%d}"):
            await market.do(mine, key)
        await market.do(CloseDay(day=THURSDAY), f"close.{THURSDAY:%Y%m%d}.1")
        await market.pass_until(lambda: market.heard(f"{THURSDAY}  closed, every control holds"))
        marks: list[Any] = [
            e.event
            for e in await market.events()
            if isinstance(e.event, PriceMarked) and e.event.instrument_id == "AAPL"
        ]
    assert marks[-1].source == "history"
    assert marks[-1].price == history.closes(THURSDAY)["AAPL"]


async def test_a_caller_who_uses_the_auditors_names_first_holds_up_no_close() -> None:
    world = await traded()
    asked = Request(command=CloseDay(day=TODAY), message_id=f"close.{TODAY:%Y%m%d}.1")
    await world.platform.dispatcher.submit(asked)
    assert isinstance(await world.auditor.answer(), DayClosed)
    ids = [e.meta.message_id for e in await world.platform.log.select(STREAM)]
    assert [is_callers(i) for i in ids[-2:]] == [True, False]
