"""What a dry run says beyond its own stream: the refusal that the next step of a saga would meet.

    PlaceOrder, dry -> order.placed -- the order saga's hold, dry --> refused, or nothing

The next step is asked of the aggregate itself, as a dry run too: there is one rule, in one place.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from commands.outcomes import Declined, Done, Job, Outcome
from commands.ports import Decider, Request
from domain.shared.message import Command, Event

Foresee = Callable[[Any, Any], Command | None]
"""(state, the event that led to it) -> what a saga asks for next."""


def next_step(
    foresee: Mapping[type[Event], Foresee], events: Sequence[Event], state: Any, decider: Decider
) -> Command | None:
    """What a saga would ask for after these events; None for nothing that can be foreseen."""
    for event in events:
        state = decider.evolve(state, event)
        if asks := foresee.get(type(event)):
            return asks(state, event)
    return None


async def look_ahead(
    handle: Callable[[Sequence[Request]], Awaitable[list[Outcome]]],
    jobs: Sequence[Job],
    out: list[Outcome | None],
) -> None:
    """Ask the next step of every dry run that would pass; put its refusal in place of the pass."""
    ahead = [(j, j.foreseen) for j in jobs if j.foreseen and isinstance(out[j.at], Done)]
    if not ahead:
        return
    answers = await handle(
        [
            Request(command=command, message_id="dry-run", actor=job.request.actor, dry_run=True)
            for job, command in ahead
        ]
    )
    for (job, _), answer in zip(ahead, answers, strict=True):
        if isinstance(answer, Declined):
            out[job.at] = answer
