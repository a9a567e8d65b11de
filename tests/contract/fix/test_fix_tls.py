"""FIX over TLS: both ends show a certificate, and a wrong one is refused and named."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.fix.certificates import Authority
from tests.contract.fix.test_fix_venue import fill, filled, placed
from tests.contract.fix.world import FixWorld, Scripted, free_port, until

ENDED = timedelta(days=-1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca")


@asynccontextmanager
async def meeting(
    tmp_path: Path, theirs: dict[str, str], ours: dict[str, str]
) -> AsyncIterator[tuple[FixWorld, Scripted]]:
    port = free_port()
    venue = Scripted(tmp_path / "them", port, tls=True, **theirs)
    await venue.start()
    world = FixWorld(tmp_path, port, tls=True, **ours)
    await world.open()
    try:
        yield world, venue
    finally:
        await venue.stop()


async def test_two_ends_that_one_authority_signed_trade(
    tmp_path: Path, authority: Authority
) -> None:
    theirs = {"ca": authority.ca} | authority.signed("venue")
    ours = {"ca": authority.ca} | authority.signed("us")
    async with meeting(tmp_path, theirs, ours) as (world, venue), world.connected():
        sent = await placed(world, venue)
        await venue.say(fill(sent, "E1", 30))
        await filled(world, "O1", 30)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("expired venue", "certificate has expired"),
        ("foreign venue", "unable to get local issuer certificate"),
        ("foreign client", "UNKNOWN_CA"),
    ],
)
async def test_a_certificate_that_is_not_good_makes_no_session_and_says_why(
    tmp_path: Path, authority: Authority, wrong: str, said: str
) -> None:
    stranger = Authority(tmp_path, "stranger")
    signed = stranger.signed if wrong == "foreign venue" else authority.signed
    valid: dict[str, Any] = {"valid": ENDED} if wrong == "expired venue" else {}
    theirs = {"ca": authority.ca} | signed("venue", **valid)
    maker = stranger if wrong == "foreign client" else authority
    ours = {"ca": authority.ca} | maker.signed("us")
    async with meeting(tmp_path, theirs, ours) as (world, _):
        stop = asyncio.Event()
        listening = asyncio.create_task(world.line.listen(stop))
        await until(lambda: world.line.line_fault != "connecting")
        stop.set()
        await listening
        assert said in world.line.line_fault
    assert await world.names("fix-venue") == []  # no number was used
