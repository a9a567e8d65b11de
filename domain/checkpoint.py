"""Checkpoint: a signed statement of what the log held, each following the last without a gap.

    (nothing) -1..p1-> signed -p1+1..p2-> signed -> ...        one chain, no gap, no overlap

The hash chain of a stream uses no key: any writer to the store can recompute it. A signed root
over the hashes of all streams cannot be recomputed without the signing key, which is not in the
store. The tree and the signature are made and checked outside the domain (they need the log and a
key); the domain defines what is signed, and chains the statements.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from domain.shared.limits import EPOCH
from domain.shared.message import Command, Decision, Event, Refusal, Refused, Seen, refused

LOG = "log"
FORM = 2  # of new statements
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")


class CheckpointRefusal(Refusal):
    DIGEST_MALFORMED = "digest_malformed"
    PREVIOUS_DIFFERS = "previous_differs"
    RANGE_EMPTY = "range_empty"
    RANGE_NOT_NEXT = "range_not_next"


class SignCheckpoint(Command):
    """State what the log holds from `first_position` to `last_position`, both included.

    Positions may have gaps, so `first_position` is one past the last statement's end (1 for the
    first) whether or not an event has that position; `events` is their number.
    """

    INTERNAL: ClassVar[bool] = True
    form: ClassVar[int] = FORM

    first_position: int
    last_position: int
    events: int
    merkle_root: str  # RFC 6962 over the events' leaves in position order, hex
    previous: str  # signature of the last statement; "" for the first
    key_id: str  # SHA-256 of the public key's 32 bytes, hex
    signature: str = ""  # Ed25519 over `statement`, hex


class CheckpointSigned(Event, tag="checkpoint.signed"):
    """The holder of the key states that the log held exactly these events in this order.

    Every event of the range is a leaf, earlier checkpoints included. `form` defines a leaf
    (`leaf`): in form 1 the event's chain hash alone, in form 2 also its position and committed_at.
    """

    VERSION: ClassVar[int] = 2

    first_position: int
    last_position: int
    events: int
    merkle_root: str
    previous: str
    key_id: str
    signature: str
    form: int = 1  # version 1 of the event has no form


class Checkpoints(Struct, frozen=True, kw_only=True):
    """Where the last statement ended, and its signature: the next statement continues both."""

    last_position: int = 0
    signature: str = ""


CATEGORY = "checkpoint"
STREAM = f"{CATEGORY}-{LOG}"
COMMANDS = (SignCheckpoint,)
REFUSALS: Mapping[type[Command], tuple[Refusal, ...]] = {SignCheckpoint: tuple(CheckpointRefusal)}
EVENTS = (CheckpointSigned,)
INITIAL = Checkpoints()


def statement(signed: SignCheckpoint | CheckpointSigned) -> bytes:
    """The exact bytes that are signed: ASCII lines, so that any tool can check a signature."""
    lines = (
        f"tidemark checkpoint {signed.form}",
        f"positions {signed.first_position} {signed.last_position}",
        f"events {signed.events}",
        f"root {signed.merkle_root}",
        f"previous {signed.previous or '-'}",
        f"key {signed.key_id}",
    )
    return "\n".join((*lines, "")).encode()


def leaf(form: int, chained: bytes, position: int, committed_at: datetime) -> bytes:
    """The bytes that represent one event in the Merkle tree of a statement of this form.

    Args:
        chained: the event's chain hash, 32 bytes.
        committed_at: with a time zone; taken to the microsecond.
    """
    if form == 1:
        return chained
    since = committed_at - EPOCH
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return chained + position.to_bytes(8, "big") + micros.to_bytes(8, "big", signed=True)


def key(command: SignCheckpoint) -> str:
    return LOG


def reads(command: SignCheckpoint) -> tuple[str, ...]:
    return ()


def decide(command: SignCheckpoint, state: Checkpoints, seen: Seen) -> Decision:
    """Append the statement once, if it starts exactly where the last one ended."""
    if command.signature == state.signature != "":
        return ()  # the last statement again: the signature covers every other field
    if wrong := _malformed(command) or _not_next(command, state):
        return wrong
    return (
        CheckpointSigned(
            first_position=command.first_position,
            last_position=command.last_position,
            events=command.events,
            merkle_root=command.merkle_root,
            previous=command.previous,
            key_id=command.key_id,
            signature=command.signature,
            form=command.form,
        ),
    )


def evolve(state: Checkpoints, event: CheckpointSigned) -> Checkpoints:
    return Checkpoints(last_position=event.last_position, signature=event.signature)


def home(state: Checkpoints, stream: str) -> str:
    return stream


def _malformed(command: SignCheckpoint) -> Refused | None:
    for field in ("merkle_root", "key_id"):
        if not _DIGEST.fullmatch(getattr(command, field)):
            return refused(CheckpointRefusal.DIGEST_MALFORMED, field=field)
    if not _SIGNATURE.fullmatch(command.signature):
        return refused(CheckpointRefusal.DIGEST_MALFORMED, field="signature")
    return None


def _not_next(command: SignCheckpoint, state: Checkpoints) -> Refused | None:
    following = state.last_position + 1
    if command.first_position != following:
        return refused(CheckpointRefusal.RANGE_NOT_NEXT, expected=following)
    if not 0 < command.events <= command.last_position - command.first_position + 1:
        return refused(CheckpointRefusal.RANGE_EMPTY, events=command.events)
    if command.previous != state.signature:
        return refused(CheckpointRefusal.PREVIOUS_DIFFERS, expected=state.signature)
    return None
