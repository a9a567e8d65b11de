"""What becomes of a command, and the job that it is until then."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct, structs

from commands.ports import Appended, KeyReused, Proposal, Request
from domain.shared.message import Command, Event, Refused


class Done(Struct, frozen=True, gc=False):
    """The command's events stand in the log (now, or since an earlier time: replayed)."""

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
    """A request with what it takes to run it."""

    request: Request
    decider: Any
    stream: str  # that it writes
    reads: tuple[str, ...]  # others that it looks at
    later: Callable[[Any], tuple[str, ...]] | None = None  # `reads`, by the state of `stream`
    foreseen: Command | None = None  # of a dry run: what would be asked next
    at: int = 0  # index in its batch
    attempts: int = 0


def done(job: Job, proposal: Proposal, result: Appended) -> Done:
    """The events of the proposal stand in the log now."""
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
    """The job, to be decided again on newer states; each time counts."""
    job.attempts += 1
    return job
