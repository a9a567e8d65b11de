"""A group's member: replaced when the bus fails, but not when its work fails."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from adapters.bus.outlet import BusUnavailable
from streams.views import membership as module
from streams.views.membership import Membership

PATIENCE_S = 10.0


class Given:
    """A member that refuses, fails or hangs as the test sets it."""

    def __init__(self, *, refuses: bool = False, sour: bool = False, hangs: bool = False) -> None:
        self.said: list[str] = []
        self.fails: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._refuses, self._sour, self._hangs = refuses, sour, hangs

    async def start(self) -> None:
        if self._refuses:
            raise ConnectionError("nobody there")
        if self._hangs:
            await asyncio.Event().wait()
        self.said.append("started")

    async def failed(self) -> BaseException:
        return await asyncio.shield(self.fails)

    async def stop(self) -> None:
        self.said.append("stopped")
        if self._sour:
            raise RuntimeError("cannot leave in order")

    async def send_letter(self, value: bytes, headers: dict[str, str], /) -> None:
        self.said.append(value.decode())


class Group:
    """Hands out the given members, one after the other, and runs the membership."""

    def __init__(self, *members: Given) -> None:
        self.left, self._coming = 0, list(members)
        self.membership = Membership("views", lambda: self._coming.pop(0), left=self._left)
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(self.membership.run(self.stop))

    async def end(self) -> None:
        self.stop.set()
        await asyncio.wait_for(self.task, PATIENCE_S)

    async def _left(self) -> None:
        self.left += 1


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_MIN_S", 0.0)
    monkeypatch.setattr(module, "RETRY_MAX_S", 0.0)


async def test_a_member_is_started_and_leaves_in_order() -> None:
    group = Group(one := Given())
    await until(lambda: one.said == ["started"])
    await group.end()
    assert one.said == ["started", "stopped"] and group.left == 1


@pytest.mark.parametrize("sour", [False, True])
async def test_another_is_made_when_the_bus_fails_one_however_that_leaves(sour: bool) -> None:
    group = Group(one := Given(sour=sour), other := Given())
    await until(lambda: one.said == ["started"])
    one.fails.set_result(BusUnavailable("the broker is gone"))
    await until(lambda: other.said == ["started"])
    assert one.said == ["started", "stopped"] and group.left == 1
    assert group.membership.fault == ""
    await group.end()


async def test_a_member_that_cannot_start_is_followed_by_another_and_the_reason_is_shown() -> None:
    group = Group(Given(refuses=True), last := Given(hangs=True))
    await until(lambda: group.membership.fault == "nobody there")
    with pytest.raises(BusUnavailable, match="views: not a member"):
        await group.membership.send_letter(b"letter", {})
    await group.end()
    assert last.said == ["stopped"]


async def test_a_letter_goes_through_the_member_there_is() -> None:
    group = Group(one := Given())
    await until(lambda: one.said == ["started"])
    await group.membership.send_letter(b"letter", {})
    assert one.said == ["started", "letter"]
    await group.end()


async def test_what_came_and_cannot_be_handled_ends_it() -> None:
    group = Group(one := Given())
    await until(lambda: one.said == ["started"])
    one.fails.set_result(ValueError("cannot fold"))
    with pytest.raises(ValueError, match="cannot fold"):
        await asyncio.wait_for(group.task, PATIENCE_S)
    assert one.said == ["started", "stopped"] and group.left == 1


async def test_failing_again_and_again_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FAILURES_MAX", 3)
    group = Group(*[Given(refuses=True) for _ in range(3)])
    with pytest.raises(BusUnavailable, match="nobody there"):
        await asyncio.wait_for(group.task, PATIENCE_S)


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.005)
