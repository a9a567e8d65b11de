"""The signer's memory: it signs no log that lacks its last statement."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.host.entropy import SystemEntropy
from adapters.proof.log_audit import Known, verify
from adapters.proof.signing import Signer
from adapters.proof.witness import (
    FileMemory,
    NotAWitness,
    Placed,
    Tip,
    Witness,
    read_witnesses,
)
from adapters.settings_error import SettingsError
from commands.handler import Outcome
from commands.ports import Request
from domain.checkpoint import STREAM, CheckpointSigned
from domain.house import FundHouse
from streams.log.signer import CheckpointSigner, StatementLost
from tests.unit.adapters.platform import WriteSide

KEPT = "checkpoint.last"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    Signer.open(tmp_path / "keys", SystemEntropy())
    return tmp_path / "keys"


async def signed(side: WriteSide, keys: Path, events: int, *, amount: str = "1.00") -> int:
    """Append events and sign every fourth, in a process of its own."""

    async def send(requests: Sequence[Request]) -> Sequence[Outcome]:
        return await side.handler.handle(requests)

    for _ in range(events):
        await side.do(FundHouse(currency="USD", amount=Decimal(amount)))
    return await CheckpointSigner(
        side.log, Signer.read(keys, memory=FileMemory(keys / KEPT)), send, every=4
    ).catch_up()


def kept(keys: Path) -> Witness:
    found = FileMemory(keys / KEPT).last()
    assert found is not None
    return found


async def test_the_last_statement_lies_beside_the_key_for_its_owner_alone(keys: Path) -> None:
    side = WriteSide()
    await signed(side, keys, 4)
    [first] = await side.log.select(STREAM)
    assert kept(keys).signed() == first.event
    assert (keys / KEPT).stat().st_mode & 0o777 == 0o600
    await signed(side, keys, 4)
    assert kept(keys).version == 2
    assert sorted(p.name for p in keys.iterdir()) == [
        "checkpoint.key", KEPT, "checkpoint.pub"
    ]  # fmt: skip


@pytest.mark.parametrize("events", [0, 3, 4, 9])
async def test_a_log_that_lacks_the_last_statement_is_not_signed(keys: Path, events: int) -> None:
    """The log ends earlier, or was rewritten without checkpoints or with other ones."""
    await signed(WriteSide(), keys, 8)
    rewritten = WriteSide()
    with pytest.raises(StatementLost, match="lacks the statement over positions 5 to 8"):
        await signed(rewritten, keys, events, amount="9.00")
    assert await rewritten.log.select(STREAM) == []
    assert kept(keys).version == 2  # the memory is unchanged


async def test_a_signer_that_forgot_takes_up_its_own_log_and_remembers_it(keys: Path) -> None:
    side = WriteSide()
    await signed(side, keys, 4)
    (keys / KEPT).unlink()
    await signed(side, keys, 0)
    assert kept(keys).version == 1


async def test_a_memory_that_lags_behind_is_no_fault(keys: Path) -> None:
    """The signer was killed between its append and the write of its memory file."""
    side = WriteSide()
    await signed(side, keys, 4)
    before = (keys / KEPT).read_bytes()
    await signed(side, keys, 4)
    (keys / KEPT).write_bytes(before)
    assert (await verify(side.log, Signer.read(keys).verifier, known=Known(kept=kept(keys))))["ok"]
    await signed(side, keys, 4)
    assert kept(keys).version == 3


async def test_verify_finds_a_rewritten_log_by_what_the_signer_remembers(keys: Path) -> None:
    await signed(WriteSide(), keys, 4)
    found = await verify(WriteSide().log, None, known=Known(kept=kept(keys)))
    [fault] = [f["fault"] for f in found["faults"]]
    assert "the signer's memory" in fault and "that the log lacks" in fault


async def test_a_memory_without_a_signature_of_ours_is_a_fault(keys: Path) -> None:
    side = WriteSide()
    await signed(side, keys, 4)
    planted = kept(keys).line().replace('"events":4', '"events":3')
    (keys / KEPT).write_text(planted)
    found = await verify(side.log, Signer.read(keys).verifier, known=Known(kept=kept(keys)))
    assert any("signature is not that" in f["fault"] for f in found["faults"])


@pytest.mark.parametrize("text", ["", "\n", "{}", "[]", "nonsense", '{"version": 1}', "\x00"])
def test_a_memory_that_is_none_is_one_line(keys: Path, text: str) -> None:
    (keys / KEPT).write_text(text)
    with pytest.raises(SettingsError, match=r"^TIDEMARK_DATA_DIR: .*checkpoint\.last.*$"):
        FileMemory(keys / KEPT).last()


WITNESS = Witness.of(
    Placed(3, 0, CheckpointSigned(
        first_position=1, last_position=9, events=9, merkle_root="ab" * 32, previous="",
        key_id="0f" * 32, signature="01" * 64, form=2,
    )),
    Tip(position=12, hash="cd" * 32),
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        WITNESS.line(),
        f"{WITNESS.line()}\n",
        f'{{"events": 12, "ok": true, "witness": {WITNESS.line()}, "faults": []}}',
        f'{{\n "path": "/b",\n "witness": {WITNESS.line()}\n}}\n',
        f'\n{{"witness": null}}\n{WITNESS.line()}\n',
    ],
    ids=["its line", "with its end", "an answer of verify", "a backup.json", "a file of lines"],
)
def test_a_witness_is_read_from_whatever_it_was_kept_in(text: str) -> None:
    assert read_witnesses(text, "w") == [WITNESS]


@pytest.mark.parametrize("text", ["", "\n\n", '{"witness": null}', "{}", "x", '{"witness": 3}'])
def test_what_holds_no_witness_is_refused_by_name(text: str) -> None:
    with pytest.raises(NotAWitness, match=r"^w"):
        read_witnesses(text, "w")
