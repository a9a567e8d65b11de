"""The state after events: from the beginning, or from a snapshot on."""

from commands.ports import folded
from domain import checkpoint
from domain.checkpoint import INITIAL, CheckpointSigned


def signed(last: int) -> CheckpointSigned:
    return CheckpointSigned(
        first_position=last, last_position=last, events=1, merkle_root="", previous="",
        key_id="", signature=f"s{last}",
    )  # fmt: skip


def test_without_events_it_is_the_state_that_there_was() -> None:
    kept = folded(checkpoint, [signed(7)])
    assert folded(checkpoint, []) == INITIAL
    assert folded(checkpoint, [], kept) is kept


def test_a_fold_from_a_snapshot_is_the_fold_from_the_beginning() -> None:
    events = [signed(n) for n in range(1, 5)]
    for cut in range(5):
        kept = folded(checkpoint, events[:cut])
        assert folded(checkpoint, events[cut:], kept) == folded(checkpoint, events)
    assert folded(checkpoint, events).signature == "s4"
