"""Two venues, each with a session, a checkpoint and a record of its own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from adapters.fix.journal import Journal
from adapters.fix.url import VenueUrl
from adapters.fix.venue import FixVenue
from domain.instrument.commands import ListInstrument
from domain.price import MarkPrice
from streams.gateways.channels.venue import VenueChannel
from streams.gateways.sessions import BadSession, Session, gateways, session_key
from tests.contract.fix.test_fix_venue import fill, filled
from tests.contract.fix.world import THEM, US, FixWorld, Scripted, free_port
from tests.unit.sagas.world import MONDAY, order

IBM = "US4592001014"


class Desk(NamedTuple):
    world: FixWorld
    nasdaq: Scripted
    nyse: Scripted


@asynccontextmanager
async def second(world: FixWorld, folder: Path, port: int) -> AsyncIterator[None]:
    """A second venue, for what is listed on XNYS; the first takes XNAS."""
    url = VenueUrl(host="127.0.0.1", port=port, sender_comp_id=US, target_comp_id=THEM)
    key = session_key("venue", "XNYS")
    journal = Journal(key, world.side.log, world.send, (US, THEM))
    channels = {
        "venue": VenueChannel(world.settl_date, destinations={"XNAS"}),
        key: VenueChannel(world.settl_date, key, destinations={"XNYS"}),
    }
    venue = FixVenue(url, journal, folder / "fix-nyse", world.clock)
    sides = [Session(channels["venue"], world.fix), Session(channels[key], venue)]
    made = gateways(world.side.log, world.store, world.send, sides)
    world.line, world.gateways[:1] = made[0], list(made)
    other = FixWorld.__new__(FixWorld)
    other.line, other.fix = made[1], venue
    async with world.connected(), other.connected():
        yield


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    nasdaq = Scripted(tmp_path / "nasdaq", free_port())
    nyse = Scripted(tmp_path / "nyse", free_port())
    async with AsyncExitStack() as stack:
        for venue in (nasdaq, nyse):
            await venue.start()
            stack.push_async_callback(venue.stop)
        world = FixWorld(tmp_path, nasdaq.ends.port)
        await world.open()
        terms = {"instrument_id": "IBM", "isin": IBM, "currency": "USD"}
        await world.do(
            ListInstrument(symbol="IBM", mic="XNYS", **terms),
            MarkPrice(price=Decimal("50.00"), price_date=MONDAY, source="test", **terms),
        )
        await stack.enter_async_context(second(world, tmp_path, nyse.ends.port))
        yield Desk(world, nasdaq, nyse)


async def test_an_order_goes_to_the_venue_of_its_destination_and_to_no_other(desk: Desk) -> None:
    world, nasdaq, nyse = desk
    await world.do(order("O1"), order("O2", instrument_id="IBM"))

    async def both() -> bool:
        return not nasdaq.came.empty() and not nyse.came.empty()

    await world.settle(both)
    here, there = await nasdaq.next(), await nyse.next()
    assert (here.secondary_cl_ord_id, there.secondary_cl_ord_id) == ("O1", "O2")
    # Both venues use the same ids: they are unique within a venue only.
    await nasdaq.say(fill(here, "E1", 30))
    await nyse.say(fill(there, "E1", 30))
    await filled(world, "O1", 30)
    await filled(world, "O2", 30)
    fills = [e for e in await world.events() if e.meta.name == "order.filled"]
    assert {e.stream: e.meta.causation_id.split("@")[0] for e in fills} == {
        "order-O1": "fix-venue",
        "order-O2": "fix-venue.XNYS",
    }
    assert {e.meta.message_id.split("|")[0] for e in fills} == {"venue", "venue.XNYS"}
    kept = {name for name, _ in (await world.store.load({("venue", "O2"), ("venue.XNYS", "O2")}))}
    assert kept == {"venue.XNYS"}  # the other venue keeps nothing of it
    assert nasdaq.came.empty() and nyse.came.empty()


async def test_a_venue_that_is_down_stops_its_own_orders_only(desk: Desk) -> None:
    world, nasdaq, nyse = desk
    await nyse.stop()
    await world.do(order("O1"))

    async def arrived() -> bool:
        return not nasdaq.came.empty()

    await world.settle(arrived)
    await nasdaq.say(fill(await nasdaq.next(), "E1", 30))
    await filled(world, "O1", 30)


def test_two_sessions_of_one_name_are_refused() -> None:
    channel = VenueChannel(lambda country, day: day)
    sides = [Session(channel, None), Session(channel, None)]  # type: ignore[arg-type]
    with pytest.raises(BadSession, match="two sessions are called venue"):
        gateways(None, None, None, sides)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a.b", "a-b", "x" * 25, "é"])
def test_a_name_is_letters_digits_and_underscores(name: str) -> None:
    with pytest.raises(BadSession, match="1 to 24 letters"):
        session_key("venue", name)
    with pytest.raises(BadSession, match="is none of venue, custodian, bank"):
        session_key("broker", "x")
