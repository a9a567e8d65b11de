"""The order of callers' statements in the queue, and the limit on an answer's size."""

import asyncio
from decimal import Decimal

import pytest

from api.http import warehouse_line, warehouse_rows
from api.http.warehouse_line import Line, NoTurn
from api.http.warehouse_rows import TooLarge, body_of


async def hold(line: Line, address: str, until: asyncio.Event) -> None:
    async with line.turn(address):
        await until.wait()


async def test_a_caller_has_one_statement_and_the_next_waits_but_not_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(warehouse_line, "PATIENCE_S", 0.05)
    line, done = Line(), asyncio.Event()
    first = asyncio.create_task(hold(line, "192.0.2.1", done))
    await asyncio.sleep(0)
    with pytest.raises(NoTurn) as turned:
        async with line.turn("192.0.2.1"):
            pass
    assert turned.value.own
    async with line.turn("192.0.2.2"):  # another caller is served meanwhile
        pass
    done.set()
    await first
    async with line.turn("192.0.2.1"):
        pass


async def test_the_addresses_of_one_subscriber_are_one_caller() -> None:
    line, done = Line(), asyncio.Event()
    first = asyncio.create_task(hold(line, "2001:db8::1", done))
    await asyncio.sleep(0)
    second = asyncio.create_task(hold(line, "2001:db8::2", done))
    await asyncio.sleep(0.01)
    assert line._running == {"2001:db8::/64"}
    done.set()
    await asyncio.gather(first, second)


async def test_few_run_in_all_and_few_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse_line, "PATIENCE_S", 0.2)
    line, done = Line(), asyncio.Event()
    held = [asyncio.create_task(hold(line, f"192.0.2.{n}", done)) for n in range(40)]
    found = await asyncio.wait(held, timeout=0.05)
    refused = [task.exception() for task in found[0]]
    assert len(refused) == 40 - warehouse_line.RUNNING_MAX - warehouse_line.WAITING_MAX
    assert all(isinstance(error, NoTurn) and not error.own for error in refused)
    done.set()
    await asyncio.gather(*held, return_exceptions=True)


async def test_one_caller_does_not_fill_the_line() -> None:
    line, done = Line(), asyncio.Event()
    held = [asyncio.create_task(hold(line, "192.0.2.1", done)) for _ in range(20)]
    await asyncio.wait(held, timeout=0.05)
    async with line.turn("192.0.2.2"):
        pass
    done.set()
    await asyncio.gather(*held, return_exceptions=True)


async def test_a_caller_that_gives_up_leaves_the_line() -> None:
    line, done = Line(), asyncio.Event()
    first = asyncio.create_task(hold(line, "192.0.2.1", done))
    await asyncio.sleep(0)
    second = asyncio.create_task(hold(line, "192.0.2.1", done))
    await asyncio.sleep(0.01)
    for task in (second, first):
        task.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    assert not line._running and not line._waiting


def test_values_keep_what_json_can_hold() -> None:
    body = body_of(("a", "b"), [(1, Decimal("1.50")), (2**60, [None, {"k": (True, 0.5)}])])
    text = b'{"columns":["a","b"],"rows":[[1,"1.50"],["%d",[null,{"k":[true,0.5]}]]]}'
    assert body == text % 2**60
    assert body_of((), []) == b'{"columns":[],"rows":[]}'


@pytest.mark.parametrize(
    "rows",
    [
        [(list(range(warehouse_rows.CELLS_MAX)),)],
        [([[0] * 1000] * 1000,)],
        [({n: n for n in range(300_000)},)],
        [("x" * (1 << 20),)] * 100,
        [tuple(range(1000))] * 1000,
    ],
)
def test_an_answer_has_a_bound_of_values_and_bytes(rows: list[tuple[object, ...]]) -> None:
    with pytest.raises(TooLarge):
        body_of(("a",), rows)
