"""Every odd request gets the recorded answer, byte for byte, whatever way the server takes to it.

The answers were recorded (`python -m tests.contract.http.odd_requests`) when all requests went
through the framework. A changed answer is a changed interface.
"""

import asyncio
import json
from typing import Any

import pytest

from api.http.short_cycle import ShortCycle
from tests.contract.http.odd_requests import (
    BODY,
    LIMITED,
    RECORDED,
    Queueing,
    Stub,
    all_cases,
    changed,
    counted,
    metrics,
    one_answer,
    request,
    served,
)

EXPECTED: dict[str, dict[str, Any]] = json.loads(RECORDED.read_text())


@pytest.mark.parametrize("kind", [Stub, Queueing])
async def test_every_answer_and_every_dispatched_request_is_the_recorded_one(
    kind: type[Stub],
) -> None:
    async with served(kind=kind) as wire:
        for name, sent in all_cases():
            assert await wire.ask(sent) == EXPECTED[name], name
        found = counted((await wire.ask(metrics()))["answer"])
    assert sorted(found) == sorted(EXPECTED["metrics"]["counted"])


async def test_the_answer_does_not_depend_on_how_the_bytes_arrive() -> None:
    async with served() as wire:
        for name, sent in all_cases():
            head, end, body = sent.partition(b"\r\n\r\n")
            if name.startswith(("body", "field", "outcome")) and 0 < len(body) < 1_000:
                pieces = head + end, body[:10], body[10:]
                assert await wire.ask(*pieces) == EXPECTED[name], name
        plain = request()
        pieces = *(bytes([byte]) for byte in plain[:-1]), plain[-1:]
        assert await wire.ask(*pieces) == EXPECTED["body: plain"]


@pytest.mark.parametrize("halves", [False, True])
async def test_a_limited_caller_gets_the_recorded_answers(halves: bool) -> None:
    async with served(limited=True) as wire:
        for at, sent in enumerate([request(), request(b"{"), request(), request(b"{")]):
            cut = len(sent) - 1 if halves else len(sent)
            pieces = [piece for piece in (sent[:cut], sent[cut:]) if piece]
            assert await wire.ask(*pieces) == EXPECTED[f"{LIMITED}{at + 1}"]


async def test_a_caller_over_its_limit_is_answered_before_its_body_came() -> None:
    async with served(limited=True) as wire:
        for _ in range(2):
            await wire.ask(request())
        found = await wire.ask(request()[: -len(BODY)])
    assert found == EXPECTED[f"{LIMITED}3"]


async def test_a_plain_command_takes_the_short_way_and_an_unusual_one_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    short: list[bytes] = []
    send = ShortCycle.send

    def seen(cycle: ShortCycle, *words: Any) -> None:
        short.append(cycle.head.kind.__name__.encode())
        send(cycle, *words)

    monkeypatch.setattr(ShortCycle, "send", seen)
    async with served(kind=Queueing) as wire:
        await wire.ask(request())  # its Host is checked, and known from then on
        assert short == []
        await wire.ask(request())
        await wire.ask(request()[:-5], request()[-5:])
        assert short == [b"DepositCash"] * 2
        for unusual in ({"origin": "http://localhost"}, {"prefer": "wait=1"}, {"expect": "x"}):
            await wire.ask(request(**unusual))
        await wire.ask(request(b"{}"))
        await wire.ask(request(path="/commands/DepositCash?dry_run=true"))
    assert len(short) == 2


async def test_requests_sent_ahead_are_answered_in_their_order_on_either_way() -> None:
    async with served(kind=Queueing) as wire:
        await wire.ask(request())
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        accounts = [f"A{i}" for i in range(6)]
        plain = [request(changed(account_id=account)) for account in accounts]
        odd = request(b"{")
        writer.write(plain[0])
        await asyncio.sleep(0)
        writer.write(plain[1] + odd + plain[2])
        found = [await one_answer(reader) for _ in range(4)]
        writer.write(plain[3])
        found.append(await one_answer(reader))
        writer.close()
    assert [int(answer[9:12]) for answer in found] == [201, 201, 400, 201, 201]
    asked = [getattr(one.command, "account_id", "") for one in wire.stub.asked[1:]]
    assert asked == accounts[:4]
