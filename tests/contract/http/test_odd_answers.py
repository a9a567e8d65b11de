"""Every odd request gets the recorded answer, byte for byte, whatever way the server takes to it.

The answers were recorded (`python -m tests.contract.http.odd_requests`) when all requests went
through the framework. A changed answer is a changed interface.
"""

import json
from typing import Any

import pytest

from tests.contract.http.odd_requests import (
    BODY,
    LIMITED,
    RECORDED,
    Queueing,
    Stub,
    all_cases,
    counted,
    metrics,
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
