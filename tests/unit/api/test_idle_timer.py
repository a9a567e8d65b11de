"""The idle timer closes after the whole idle time, never earlier, and never while it is used."""

import asyncio

from api.http.idle_timer import IdleTimer

LIMIT_S = 0.05


async def test_an_idle_connection_is_closed_after_the_limit() -> None:
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()
    start = loop.time()
    IdleTimer(loop, LIMIT_S, closed.set).start()
    await asyncio.wait_for(closed.wait(), 2)
    assert loop.time() - start >= LIMIT_S * 0.9


async def test_each_use_restarts_the_idle_time() -> None:
    loop = asyncio.get_running_loop()
    closed: list[float] = []
    timer = IdleTimer(loop, LIMIT_S, lambda: closed.append(loop.time()))
    for _ in range(4):
        timer.start()
        await asyncio.sleep(LIMIT_S / 2)
        timer.cancel()
    last = loop.time()
    timer.start()
    await asyncio.sleep(LIMIT_S * 4)
    assert len(closed) == 1
    assert closed[0] - last >= LIMIT_S * 0.9


async def test_a_connection_in_use_is_not_closed() -> None:
    closed: list[int] = []
    timer = IdleTimer(asyncio.get_running_loop(), LIMIT_S, lambda: closed.append(1))
    timer.start()
    timer.cancel()
    await asyncio.sleep(LIMIT_S * 2)
    assert closed == []


async def test_nothing_is_called_once_the_connection_is_closed() -> None:
    closed: list[int] = []
    timer = IdleTimer(asyncio.get_running_loop(), LIMIT_S, lambda: closed.append(1))
    timer.start()
    timer.end()
    await asyncio.sleep(LIMIT_S * 2)
    assert closed == []
