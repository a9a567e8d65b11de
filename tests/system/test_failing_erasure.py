"""Destroying a client's key removes the client's personal data everywhere, and nothing else.

Also: snapshots and the state cache may be lost at any time without a change of any answer; the
master key may not.
"""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.log.codec import PERSONAL_FIELDS
from adapters.log.event_log import RecorderLog
from adapters.operations.rebuild import rebuild, replay
from adapters.proof.log_audit import verify
from adapters.settings import Settings
from adapters.wiring.platform import Platform, open_platform
from commands.handler import Done, Handler
from commands.ports import Request
from domain.account.cash import DepositCash
from domain.catalogue import DECIDERS
from domain.shared.message import Erased, Event
from projections.catalogue import VIEWS
from tests.system.processes import (
    Simulated,
    client,
    copied,
    deposit,
    folder,
    serving,
    sql,
    tidemark,
    verb,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def data_dir(simulated: Simulated) -> Iterator[Path]:
    with folder() as made:
        yield copied(simulated.data_dir, made / "d")


@asynccontextmanager
async def opened(data_dir: Path) -> AsyncIterator[Platform]:
    async with await open_platform(Settings(data_dir=data_dir), verb="test") as platform:
        yield platform


def personal(event: Event) -> dict[str, Any]:
    """The event's personal fields that have a value."""
    name = str(event.__struct_config__.tag)
    return {f: v for f in PERSONAL_FIELDS[name] if (v := getattr(event, f)) not in (None, ())}


async def told_of(log: RecorderLog, client_id: str) -> list[Any]:
    """Every personal value in the whole log in events whose subject is this client."""
    found: list[Any] = []
    position = 0
    while page := await log.after(position, limit=1_000):
        for envelope in page:
            if getattr(envelope.event, envelope.event.SUBJECT, None) == client_id:
                found += personal(envelope.event).values()
        position = page[-1].position
    return found


async def test_destroying_a_key_erases_a_client_and_nothing_else(data_dir: Path) -> None:
    async with opened(data_dir) as platform:
        streams = [s for s in await all_streams(platform) if s.startswith("client-")]
        gone, stays = (s.removeprefix("client-") for s in streams[:2])
        before = await told_of(platform.log, gone)
        kept = await told_of(platform.log, stays)
        assert before and not any(isinstance(v, Erased) for v in before)
        states = {s: await platform.handler.state(s) for s in await all_streams(platform)}
        root = (await verify(platform.log, platform.signer.verifier))["root"]

        platform.keys.destroy(gone)
        platform.log.forget()

        after = await told_of(platform.log, gone)
        assert len(after) == len(before) and all(isinstance(v, Erased) for v in after)
        assert await told_of(platform.log, stays) == kept
        platform.handler.cache.clear()
        assert {s: await platform.handler.state(s) for s in states} == states
        found = await verify(platform.log, platform.signer.verifier)
        assert (found["ok"], found["root"]) == (True, root)
        await platform.sink.prepare(VIEWS)
        assert all(one.equal for one in await replay(platform.log, platform.sink, VIEWS))
        for view in VIEWS:
            assert (await rebuild(platform.log, platform.sink, view)).equal, view.NAME
    await _another_process_reads_nothing_either(data_dir, gone, before)


async def _another_process_reads_nothing_either(
    data_dir: Path, gone: str, before: list[Any]
) -> None:
    async with opened(data_dir) as platform:
        assert all(isinstance(v, Erased) for v in await told_of(platform.log, gone))
    assert tidemark("log", "verify", data_dir=data_dir).code == 0
    shown = tidemark("log", "tail", "--json", "--stream", f"client-{gone}", data_dir=data_dir)
    assert shown.code == 0 and shown.lines
    words = [v for v in before if isinstance(v, str) and v != "simulator"]  # the actor: an id
    assert words and not any(word in shown.out for word in words)
    assert any("aes-gcm:" in json.dumps(json.loads(line)["payload"]) for line in shown.lines)


def test_nothing_personal_is_taken_of_an_erased_client() -> None:
    with folder() as made:
        with serving(made / "d") as served:
            client(served, "A1", cash="100.00")
        wipe = "update keys.data_keys set wrapped = null, destroyed = true where client_id = 'A1-c'"
        sql(made / "d", wipe)
        with serving(made / "d") as served:
            payee = {"account_id": "A1", "amount": "1.00", "currency": "USD", "reference": "w"}
            refused = served.do("WithdrawCash", payee | {"payee": "Ada, GB33BUKB2020"}, "w1")
            assert (refused.status_code, refused.json()["type"]) == (422, "client_erased")
            assert "Ada" not in refused.text
            items = [
                {"name": "WithdrawCash", "key": "w2", "body": payee | {"payee": "Ada"}},
                {"name": "DepositCash", "key": "d2", "body": deposit("A1")},
            ]
            answers = served.http.post("/commands", json=items).json()
            assert [a["status"] for a in answers] == [422, 201]
            assert served.do("WithdrawCash", payee, "w3").status_code == 201
            assert "Traceback" not in served.errors


async def test_snapshots_and_the_state_cache_may_go_at_any_time(data_dir: Path) -> None:
    async with opened(data_dir) as platform:
        account = next(s for s in await all_streams(platform) if s.startswith("account-"))
        requests = [deposited(account.removeprefix("account-"), n) for n in range(250)]
        outcomes = await platform.dispatcher.submit_many(requests)
        assert all(isinstance(o, Done) for o in outcomes)
        await platform.handler.flush_snapshots()
    [(snapshots,)] = sql(data_dir, "select count(*) from log.snapshots")
    assert snapshots >= 1
    async with opened(data_dir) as platform:
        streams = await all_streams(platform)
        with_snapshots = {s: await platform.handler.state(s) for s in streams}
        read = await platform.log.load([account])
        assert read[account].snapshot is not None
        await platform.recorder.drop_snapshots()
        for forget in ("the cache is cleared", "another process"):
            handler = platform.handler
            if forget == "the cache is cleared":
                handler.cache.clear()
            else:
                handler = Handler(platform.log, DECIDERS, clock=platform.clock)
            assert {s: await handler.state(s) for s in streams} == with_snapshots, forget
        [again] = await platform.dispatcher.submit_many([requests[-1]])
        assert isinstance(again, Done) and again.replayed
        [more] = await platform.dispatcher.submit_many([deposited(account.split("-")[1], 250)])
        assert isinstance(more, Done) and more.version == with_snapshots[account][1] + 1


def test_another_master_key_is_refused_at_the_start(data_dir: Path) -> None:
    key = data_dir / "keys" / "master.key"
    right = key.read_bytes()
    key.unlink()
    for words in (("serve", "--port", "0"), ("log", "verify")):
        refused = tidemark(*words, data_dir=data_dir)
        assert refused.code == 1
        assert "TIDEMARK_DATA_DIR" in refused.complaint and str(key) in refused.complaint
    key.write_bytes(right)
    assert verb("log", "verify", data_dir=data_dir).code == 0


def deposited(account_id: str, n: int) -> Request:
    command = DepositCash(
        account_id=account_id, amount=Decimal("1.00"), currency="USD", reference=f"r{n}"
    )
    return Request(command=command, message_id=f"d{n}")


async def all_streams(platform: Platform) -> list[str]:
    streams: dict[str, None] = {}
    position = 0
    while page := await platform.recorder.after(position, limit=5_000):
        streams |= dict.fromkeys(stored.stream for stored in page)
        position = page[-1].position
    return sorted(streams)
