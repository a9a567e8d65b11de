"""A consumer without new records polls ever more rarely, and leaves the CPU to others."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.protocol.fetch import FetchRequest, FetchResponse_v4
from aiokafka.protocol.metadata import MetadataRequest

from adapters.kafka import fetches as faust_fetches
from adapters.kafka.fetches import PAUSE_MAX_S, PAUSE_MIN_S, Fetches

REQUEST = FetchRequest(1_500, 1, 1 << 20, 1, [("log", [(0, 7, 1 << 20)])])


def answer(*records: bytes) -> FetchResponse_v4:
    """An answer with one partition per argument; b"" for no new records."""
    found = [(n, 0, 9, 9, [], some) for n, some in enumerate(records)]
    return FetchResponse_v4(0, [("log", found)])


class World:
    """A clock that advances only by waits, and a broker that answers after `holds_s`."""

    def __init__(self, *answers: FetchResponse_v4, holds_s: float = 0.0) -> None:
        self.now = 0.0
        self._answers, self._holds_s = list(answers), holds_s
        self.fetches = Fetches(self.send)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def send(self, node_id: int, request: Any, *, group: int = 0) -> Any:
        self.now += self._holds_s
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    async def seconds(self, request: Any = REQUEST, *, times: int = 1) -> float:
        began = self.now
        for _ in range(times):
            await self.fetches(1, request, group=1)
        return self.now - began


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(*answers: FetchResponse_v4, holds_s: float = 0.0) -> World:
        made = World(*answers, holds_s=holds_s)
        monkeypatch.setattr(faust_fetches, "asyncio", SimpleNamespace(sleep=made.sleep))
        monkeypatch.setattr(faust_fetches, "time", SimpleNamespace(monotonic=lambda: made.now))
        return made

    return make


async def test_a_broker_that_answers_at_once_with_nothing_is_asked_ever_more_rarely(
    world: Any,
) -> None:
    idle = world(answer(b"", b""))
    assert await idle.seconds() == PAUSE_MIN_S
    assert await idle.seconds(times=20) > 14 * PAUSE_MAX_S
    assert await idle.seconds() == pytest.approx(PAUSE_MAX_S)


async def test_records_are_given_on_at_once_and_the_next_pause_is_short_again(world: Any) -> None:
    busy = world(*[answer(b"")] * 10, answer(b"", b"page"), answer(b""))
    await busy.seconds(times=10)
    stood = busy.now
    assert (await busy.fetches(1, REQUEST)).topics[0][1][1][-1] == b"page"
    assert busy.now == stood
    assert await busy.seconds() == pytest.approx(PAUSE_MIN_S)


async def test_a_broker_that_holds_a_fetch_is_asked_again_at_once(world: Any) -> None:
    held = world(answer(b""), holds_s=1.5)
    assert await held.seconds(times=8) == 8 * 1.5


async def test_no_other_request_waits(world: Any) -> None:
    idle = world(answer(b""))
    await idle.seconds(times=10)
    assert await idle.seconds(MetadataRequest([]), times=50) == 0
