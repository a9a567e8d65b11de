"""The possible outcomes of a command, and the job that carries it until it has one."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct, structs

from commands.ports import Appended, KeyReused, Proposal, Request
from domain.shared.message import Command, Event, Refused


class Done(Struct, frozen=True, gc=False):
    """The command's events are in the log: appended now, or earlier (`replayed`)."""

    stream: str
    version: int
    position: int
    replayed: bool = False
    changed: bool = True
    events: tuple[Event, ...] = ()


class Declined(Struct, frozen=True):
    refused: Refused


class Raced(Struct, frozen=True):
    """Other writers won `ATTEMPTS_MAX` times in a row; safe to send again."""

    stream: str


Outcome = Done | Declined | KeyReused | Raced


class Job(Struct, gc=False):
    """A request with its decider and the streams that it writes and reads."""

    request: Request
    decider: Any
    stream: str  # the one it writes
    reads: tuple[str, ...]  # the others it reads
    later: Callable[[Any], tuple[str, ...]] | None = None  # `reads`, from the state of `stream`
    foreseen: Command | None = None  # of a dry run: the command that a saga would send next
    at: int = 0  # index in its batch
    attempts: int = 0


def done(job: Job, proposal: Proposal, result: Appended) -> Done:
    """The outcome of a proposal that was appended now."""
    return Done(
        job.stream,
        result.head.version,
        result.position,
        changed=bool(proposal.events),
        events=tuple(proposal.events),
    )


def likewise(before: Done) -> Done:
    """The answer to a repeat of a command of the same batch."""
    return structs.replace(before, replayed=True, events=())


def repeat(job: Job, before: Appended | KeyReused) -> Outcome:
    """The answer to a command whose message id the log knew already."""
    if isinstance(before, KeyReused):
        return before
    head = before.head
    return Done(job.stream, head.version, before.position, replayed=True, changed=before.changed)


def once_more(job: Job) -> Job:
    """Count one more attempt; the job is decided again on newer states."""
    job.attempts += 1
    return job
