"""Checkpoints over a real store find the changes of a forger with every right on the database.

The forger here rewrites rows, recomputes the whole hash chain of a stream as the writer would,
and leaves a log that is consistent in itself. Only the signing key is missing.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from adapters.host.clock import SimulatedClock
from adapters.host.entropy import SeededEntropy
from adapters.log.codec import Codec
from adapters.log.event_log import RecorderLog
from adapters.log.keys import MemoryKeyStore
from adapters.memory.disk import Disk
from adapters.postgres.log.recorder import PostgresRecorder
from adapters.proof.log_audit import verify
from adapters.proof.merkle import Tree
from adapters.proof.signing import Signer
from commands.handler import Handler, Outcome
from commands.ports import Request
from domain.catalogue import DECIDERS
from domain.checkpoint import STREAM, CheckpointSigned, leaf
from domain.fx import FixRates
from domain.house import DayClosed, FundHouse
from simulation.memory_platform import MemoryPlatform
from simulation.run import Run, Spec, eve_of
from simulation.street import street_of
from streams.drive import Drive
from streams.log.signer import CheckpointSigner
from tests.contract.proof.forger import Forger

SIGNER, OTHER = Signer(b"k" * 32), Signer(b"x" * 32)
NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)


class Platform:
    """The write side on Postgres, and its signer."""

    def __init__(self, recorder: PostgresRecorder) -> None:
        entropy = SeededEntropy(1)
        keys = MemoryKeyStore(entropy)
        self.log = RecorderLog(recorder, Codec(keys, entropy), request_key=keys.request_key)
        self.handler = Handler(self.log, DECIDERS, clock=SimulatedClock(NOW))
        self.checkpoints = CheckpointSigner(self.log, SIGNER, self.send, every=8)

    async def send(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        return await self.handler.handle(requests)

    async def events(self, first: int, last: int) -> None:
        """Two events a round: one on the house's stream, one on that of the rates."""
        for n in range(first, last + 1):
            fund = FundHouse(currency="USD", amount=Decimal(f"{n}.00"))
            day = date(2024, 1, n)
            fix = FixRates(source="ecb", rate_date=day, rates={"USD": Decimal(f"1.{n}")})
            await self.handler.handle(
                [
                    Request(command=fund, message_id=f"m{n}"),
                    Request(command=fix, message_id=f"m{n}"),
                ]
            )
            await self.checkpoints.catch_up()

    async def verify(self) -> dict[str, Any]:
        return await verify(self.log, SIGNER.verifier)


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    """A log of 24 events and 3 checkpoints, and two events that no checkpoint covers."""
    recorder = await PostgresRecorder.connect(database_url)
    found = Platform(recorder)
    await found.events(1, 12)
    yield found
    await recorder.close()


@pytest.fixture
def forger(platform: Platform, database_url: str) -> Any:
    found = Forger(database_url)
    yield found
    found.close()


def faults_by_place(found: dict[str, Any]) -> dict[str, str]:
    assert found["ok"] == (not found["faults"])
    return {f"{f['stream']}@{f['version']}": f["fault"] for f in found["faults"]}


async def test_an_honest_log_is_verified_and_says_how_far_it_is_sealed(platform: Platform) -> None:
    found = await platform.verify()
    assert faults_by_place(found) == {}
    assert (found["events"], found["checkpoints"], found["sealed_to"]) == (27, 3, 24)


async def test_the_forger_computes_the_hashes_that_the_writer_computed(
    platform: Platform, forger: Forger
) -> None:
    """Otherwise the tests below would prove nothing."""
    for stream in ("house-main", "fx-ecb", STREAM):
        before = forger.rows(stream)
        forger.rechain(stream)
        assert forger.rows(stream) == before


async def test_a_flipped_byte_is_found_by_the_chain(platform: Platform, forger: Forger) -> None:
    forger.replace("house-main", 3, b'"3.00"', b'"9.00"')
    assert faults_by_place(await platform.verify()) == {
        "house-main@3": "its bytes do not give its hash"
    }


async def test_a_flipped_byte_under_a_recomputed_chain_is_found_by_the_checkpoint(
    platform: Platform, forger: Forger
) -> None:
    forger.replace("house-main", 6, b'"6.00"', b'"9.00"')
    forger.rechain("house-main")
    faults = faults_by_place(await platform.verify())
    assert set(faults) == {f"{STREAM}@2", f"{STREAM}@3"}  # and all after it
    assert "positions 9 to 16 do not give its Merkle root" in faults[f"{STREAM}@2"]


async def test_an_event_taken_out_of_a_recomputed_chain_is_found(
    platform: Platform, forger: Forger
) -> None:
    forger.remove("house-main", 2)
    forger.rechain("house-main")
    faults = faults_by_place(await platform.verify())
    assert faults[f"{STREAM}@1"] == "positions 1 to 8 held 8 events, now 7"


async def test_a_whole_stream_taken_out_is_found(platform: Platform, forger: Forger) -> None:
    forger.remove("fx-ecb")
    faults = faults_by_place(await platform.verify())
    gone = {f for f in faults if f.startswith("log@")}
    assert faults.keys() - gone == {f"{STREAM}@{v}" for v in (1, 2, 3)}
    assert "positions 2 to 2 are missing" in faults["log@2"]
    assert "later events are missing" in faults["log@27"]  # it was also the log's last event


async def test_an_event_slipped_in_is_found(platform: Platform, forger: Forger) -> None:
    forger.execute("update log.events set position = -position where position > 4")
    forger.execute("update log.events set position = 1 - position where position < 0")
    forger.execute(
        "insert into log.events select 5, stream, 99, name, state, hash, committed_at "
        "from log.events where stream = 'house-main' and version = 2"
    )
    forger.rechain("house-main")
    assert f"{STREAM}@1" in faults_by_place(await platform.verify())


async def test_two_events_that_changed_places_are_found(platform: Platform, forger: Forger) -> None:
    """Each stream alone is unchanged; only the order of their events differs."""
    forger.execute("update log.events set position = -1 where position = 3")
    forger.execute("update log.events set position = 3 where position = 4")
    forger.execute("update log.events set position = 4 where position = -1")
    faults = faults_by_place(await platform.verify())
    assert "do not give its Merkle root" in faults[f"{STREAM}@1"]
    assert "its row in log.messages" in faults["house-main@2"]
    assert "its row in log.messages" in faults["fx-ecb@2"]


async def test_a_root_that_fits_the_forged_events_has_no_signature(
    platform: Platform, forger: Forger
) -> None:
    forger.replace("house-main", 11, b'"11.00"', b'"99.00"')
    forger.rechain("house-main")
    [last] = [c for c in await _signed(platform) if c.last_position == 24]
    stored = await platform.log.recorder.after(0, limit=100)
    hashes = [leaf(2, s.hash, s.position, s.committed_at) for s in stored]
    root = Tree(hashes[last.first_position - 1 : 24]).root().hex()
    forger.replace(STREAM, 3, last.merkle_root.encode(), root.encode())
    forger.rechain(STREAM)
    assert faults_by_place(await platform.verify()) == {
        f"{STREAM}@3": "its signature is not that of its statement"
    }


async def test_a_statement_signed_by_the_forger_is_not_ours(
    platform: Platform, forger: Forger
) -> None:
    [last] = [c for c in await _signed(platform) if c.last_position == 24]
    forger.replace(
        STREAM, 3, last.key_id.encode(), OTHER.verifier.key_id.encode()
    )  # a forger would sign anew; the key's id alone shows it
    forger.rechain(STREAM)
    assert "signed by another key" in faults_by_place(await platform.verify())[f"{STREAM}@3"]


async def test_a_checkpoint_taken_out_leaves_a_gap(platform: Platform, forger: Forger) -> None:
    forger.remove(STREAM, 1)
    forger.rechain(STREAM)
    faults = [f["fault"] for f in (await platform.verify())["faults"] if f["version"] == 1]
    assert "it does not begin at 1" in faults


async def test_a_checkpoint_that_cannot_be_read_is_named(
    platform: Platform, forger: Forger
) -> None:
    [first, *_] = await _signed(platform)
    forger.replace(STREAM, 1, b'"merkle_root":"' + first.merkle_root.encode(), b'"merkle_rott":"')
    assert f"{STREAM}@1" in faults_by_place(await platform.verify())


async def test_only_what_no_checkpoint_covers_yet_can_be_rewritten(
    platform: Platform, forger: Forger
) -> None:
    """The limit of the proof: it covers positions up to `sealed_to`; each checkpoint moves that."""
    forger.execute("delete from log.events where position > 25")
    assert faults_by_place(await platform.verify())  # log.head has a higher position
    forger.execute("update log.head set position = 25")
    assert faults_by_place(await platform.verify())  # log.messages has more messages
    forger.execute("delete from log.messages where position > 25")
    found = await platform.verify()
    assert (found["ok"], found["position"], found["sealed_to"]) == (True, 25, 24)


async def test_a_run_closes_every_day_with_a_signature_and_the_same_seed_with_the_same() -> None:
    spec = Spec(first=date(2022, 1, 3), last=date(2022, 1, 6), accounts=2, seed=5)
    (first, root), (second, again) = await _trade(spec), await _trade(spec)
    assert (first, root) == (second, again)
    assert len(first) == 4


async def _trade(spec: Spec) -> tuple[list[CheckpointSigned], str]:
    """The checkpoints of a run, each checked to end at a close of day, and the log's root."""
    entropy, clock = SeededEntropy(spec.seed), SimulatedClock(eve_of(spec))
    disk = await Disk.after((), entropy)
    platform = MemoryPlatform(disk, clock, entropy)
    try:
        drive = Drive(platform, street_of(spec, disk.statement))
        await Run(platform, drive, clock, spec, warehouse=False).go(lambda _: None)
        found = await verify(platform.log, platform.signer.verifier)
        assert found["ok"], found["faults"]
        signed = [e.event for e in await platform.log.select(STREAM)]
        for c in signed:
            assert isinstance(c, CheckpointSigned)
            [end] = await platform.log.after(c.last_position - 1, limit=1)
            assert isinstance(end.event, DayClosed)
        return [c for c in signed if isinstance(c, CheckpointSigned)], found["root"]
    finally:
        await platform.close()


async def _signed(platform: Platform) -> list[CheckpointSigned]:
    found = [e.event for e in await platform.log.select(STREAM)]
    return [e for e in found if isinstance(e, CheckpointSigned)]
