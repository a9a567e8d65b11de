"""Signing: where checkpoints end, which process signs them, and restarts."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from adapters.host.entropy import SeededEntropy, SystemEntropy
from adapters.proof.log_audit import verify
from adapters.proof.merkle import Tree
from adapters.proof.signing import Audit, Signer, Verifier
from adapters.proof.witness import Placed
from adapters.settings_error import SettingsError
from commands.handler import Outcome
from commands.ports import Request
from domain.checkpoint import STREAM, CheckpointSigned, SignCheckpoint, leaf, statement
from domain.house import FundHouse
from streams.log.signer import CheckpointSigner, NotSigned, StatementLost
from tests.unit.adapters.platform import NOW, WriteSide
from tests.unit.domain.closing import closing

SIGNER = Signer(b"k" * 32)


def checkpoints(side: WriteSide, signer: Signer = SIGNER, every: int = 4) -> CheckpointSigner:
    async def send(requests: Sequence[Request]) -> Sequence[Outcome]:
        return await side.handler.handle(requests)

    return CheckpointSigner(side.log, signer, send, every=every)


async def fund(side: WriteSide, times: int) -> None:
    for _ in range(times):
        await side.do(FundHouse(currency="USD", amount=Decimal("1.00")))


async def close(side: WriteSide, day: int) -> None:
    """Close a day of March, in its evening."""
    side.clock.set(datetime(2024, 3, day, 22, tzinfo=UTC))
    position = await side.log.last()
    for command in closing(date(2024, 3, day), position + 1):
        await side.do(command)


async def signed(side: WriteSide) -> list[CheckpointSigned]:
    found = [e.event for e in await side.log.select(STREAM)]
    return [e for e in found if isinstance(e, CheckpointSigned)]


def ranges(found: list[CheckpointSigned]) -> list[tuple[int, int, int]]:
    return [(c.first_position, c.last_position, c.events) for c in found]


async def test_a_statement_is_due_every_n_events_and_not_before() -> None:
    side = WriteSide()
    await fund(side, 3)
    assert await checkpoints(side).catch_up() == 0
    await fund(side, 6)
    assert await checkpoints(side).catch_up() == 2
    assert ranges(await signed(side)) == [(1, 4, 4), (5, 8, 4)]


async def test_a_statement_is_due_at_each_close_of_day() -> None:
    side = WriteSide()
    work = checkpoints(side, every=100)
    await fund(side, 2)
    await close(side, 2)
    assert await work.catch_up() == 1
    await close(side, 3)
    assert await work.catch_up() == 1
    assert ranges(await signed(side)) == [(1, 4, 4), (5, 7, 3)]  # it contains the first statement


async def test_the_root_is_that_of_the_events_hashes_earlier_checkpoints_included() -> None:
    side = WriteSide()
    work = checkpoints(side)
    for _ in range(3):
        await fund(side, 4)
        await work.catch_up()
    stored = await side.recorder.after(0, limit=100)
    hashes = [leaf(2, s.hash, s.position, s.committed_at) for s in stored]
    for c in await signed(side):
        leaves = hashes[c.first_position - 1 : c.last_position]
        assert c.merkle_root == Tree(leaves).root().hex()
    assert any(e.stream == STREAM for e in await side.log.after(4, limit=4))


async def test_each_statement_carries_a_signature_that_the_published_key_verifies() -> None:
    side = WriteSide()
    await fund(side, 9)
    await checkpoints(side).catch_up()
    public = load_pem_public_key(SIGNER.verifier.pem())
    first, second = await signed(side)
    for c in (first, second):
        public.verify(bytes.fromhex(c.signature), statement(c))  # type: ignore[union-attr,call-arg]
    assert (first.previous, second.previous) == ("", first.signature)


async def test_a_signer_that_starts_again_goes_on_as_if_it_had_never_stopped() -> None:
    whole, broken = WriteSide(), WriteSide()
    steady = checkpoints(whole)
    for _ in range(13):
        for side in (whole, broken):
            await fund(side, 1)
        await steady.catch_up()
        await checkpoints(broken).catch_up()
    assert await signed(whole) == await signed(broken)
    assert len(await signed(whole)) == 4


async def test_where_it_ends_does_not_hang_on_when_somebody_looked() -> None:
    side = WriteSide()
    work = checkpoints(side)
    await fund(side, 1)
    await work.catch_up()
    await fund(side, 5)
    await work.catch_up()
    assert ranges(await signed(side)) == [(1, 4, 4)]


async def test_two_signers_with_one_key_make_one_statement() -> None:
    side = WriteSide()
    one, two = checkpoints(side), checkpoints(side)
    await one.catch_up()
    await two.catch_up()
    await fund(side, 4)
    assert (await one.catch_up(), await two.catch_up()) == (1, 1)
    assert len(await signed(side)) == 1


async def test_a_signer_with_another_key_signs_nothing_behind_ours() -> None:
    side = WriteSide()
    one, stranger = checkpoints(side), checkpoints(side, Signer(b"x" * 32))
    await stranger.catch_up()
    await fund(side, 4)
    await one.catch_up()
    with pytest.raises(NotSigned, match="positions 1 to 4"):
        await stranger.catch_up()
    await fund(side, 4)
    with pytest.raises(StatementLost, match="signed by another key"):
        await stranger.catch_up()
    assert [c.key_id for c in await signed(side)] == [SIGNER.verifier.key_id]
    assert (await verify(side.log, SIGNER.verifier))["ok"]


async def test_a_lost_answer_is_no_second_statement() -> None:
    side = WriteSide()

    async def send(requests: Sequence[Request]) -> Sequence[Outcome]:
        await side.handler.handle(requests)
        raise ConnectionError

    work = CheckpointSigner(side.log, SIGNER, send, every=4)
    await fund(side, 5)
    with pytest.raises(ConnectionError):
        await work.catch_up()
    assert await work.catch_up() == 0
    assert ranges(await signed(side)) == [(1, 4, 4)]


async def test_a_log_with_checkpoints_is_not_verified_without_a_key() -> None:
    side = WriteSide()
    await fund(side, 4)
    await checkpoints(side).catch_up()
    assert (await verify(side.log, SIGNER.verifier))["ok"]
    found = await verify(side.log)
    assert "no public key" in found["faults"][0]["fault"]


def test_the_key_is_made_once_secret_and_published(tmp_path: Path) -> None:
    first = Signer.open(tmp_path / "keys", SystemEntropy())
    again = Signer.open(tmp_path / "keys", SystemEntropy())
    assert first.verifier.key_id == again.verifier.key_id
    assert Verifier.read(tmp_path / "keys" / "checkpoint.pub").key_id == first.verifier.key_id
    assert (tmp_path / "keys" / "checkpoint.key").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in sorted((tmp_path / "keys").iterdir())] == [
        "checkpoint.key",
        "checkpoint.pub",
    ]


def test_a_seed_gives_one_key_and_another_seed_another(tmp_path: Path) -> None:
    ids = [
        Signer.open(tmp_path / str(n), SeededEntropy(seed)).verifier.key_id
        for n, seed in enumerate((1, 1, 2))
    ]
    assert ids[0] == ids[1] != ids[2]


def test_a_published_key_of_another_is_refused_at_the_start(tmp_path: Path) -> None:
    Signer.open(tmp_path, SystemEntropy())
    (tmp_path / "checkpoint.pub").write_bytes(SIGNER.verifier.pem())
    with pytest.raises(SettingsError, match=r"checkpoint\.pub"):
        Signer.open(tmp_path, SystemEntropy())


def test_a_changed_statement_is_not_the_one_that_was_signed() -> None:
    said = SIGNER.sign(
        SignCheckpoint(
            first_position=1, last_position=2, events=2, merkle_root="ab" * 32, previous="",
            key_id=SIGNER.verifier.key_id,
        )
    )  # fmt: skip
    fields = {f: getattr(said, f) for f in CheckpointSigned.__struct_fields__}
    assert SIGNER.verifier.fault(CheckpointSigned(**fields)) is None
    for other in ({"events": 1}, {"form": 1}):
        changed = CheckpointSigned(**fields | other)
        assert SIGNER.verifier.fault(changed) == "its signature is not that of its statement"


LEAVES = [bytes([n]) * 32 for n in range(1, 21)]  # the event at position n + 1


def said(first: int, last: int, previous: str = "") -> CheckpointSigned:
    """A valid statement of ours over a range of LEAVES."""
    leaves = [leaf(2, h, n, NOW) for n, h in enumerate(LEAVES[first - 1 : last], first)]
    unsigned = SignCheckpoint(
        first_position=first, last_position=last, events=len(leaves),
        merkle_root=Tree(leaves).root().hex(), previous=previous,
        key_id=SIGNER.verifier.key_id,
    )  # fmt: skip
    signed = SIGNER.sign(unsigned)
    return CheckpointSigned(**{f: getattr(signed, f) for f in CheckpointSigned.__struct_fields__})


def faults(*placed: tuple[int, CheckpointSigned]) -> list[tuple[int, str]]:
    """(version, fault) of checkpoints that lie at these positions of a log of LEAVES."""
    audit = Audit([Placed(v, p, c) for v, (p, c) in enumerate(placed, 1)], SIGNER.verifier)
    for position, chained in enumerate(LEAVES, start=1):
        audit.add(position, chained, NOW)
    return [(f.version, f.fault) for f in audit.finish()]


def test_statements_that_follow_each_other_have_no_fault() -> None:
    first = said(1, 5)
    assert faults((6, first), (12, said(6, 9, first.signature))) == []


def test_a_gap_is_one_fault_and_what_follows_it_is_judged_by_its_own_range() -> None:
    first = said(1, 5)
    assert faults((6, first), (12, said(8, 9, first.signature))) == [(2, "it does not begin at 6")]


def test_a_statement_from_a_fork_of_the_log_does_not_follow_ours() -> None:
    """It is signed by our key over our events, but it follows another first statement."""
    assert faults((6, said(1, 5)), (12, said(6, 9, said(1, 4).signature))) == [
        (2, "it does not name the checkpoint before it")
    ]


@pytest.mark.parametrize("position", [3, 5])
def test_a_statement_cannot_speak_for_what_comes_after_it(position: int) -> None:
    assert faults((position, said(1, 5))) == [(1, "it covers events that are not before it")]


def test_a_statement_past_the_end_of_the_log_holds_too_few_events() -> None:
    long = said(1, 20)
    audit = Audit([Placed(1, 21, long)], SIGNER.verifier)
    for position, chained in enumerate(LEAVES[:-1], start=1):
        audit.add(position, chained, NOW)
    assert [f.fault for f in audit.finish()] == ["positions 1 to 20 held 20 events, now 19"]
