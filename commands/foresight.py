"""Dry runs look one step ahead: they return the refusal that a saga's next command would get.

    PlaceOrder, dry -> order.placed -- the order saga's hold, dry --> refused, or nothing

The next command goes to its own aggregate, as a dry run too, so that each rule exists only once.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from commands.outcomes import Declined, Done, Job, Outcome
from commands.ports import Decider, Request
from domain.shared.message import Command, Event

Foresee = Callable[[Any, Any], Command | None]
"""(state, the event that led to it) -> the command that a saga sends next."""


def next_step(
    foresee: Mapping[type[Event], Foresee], events: Sequence[Event], state: Any, decider: Decider
) -> Command | None:
    """The command that a saga would send after these events; None: none is foreseen."""
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
    """Dry-run the next command of every dry run that passed; its refusal replaces the pass."""
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
