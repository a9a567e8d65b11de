"""The timeline of an order: each step from click to settled cash."""

from datetime import datetime

import strawberry

from api.graphql.engine.fields import field
from api.graphql.engine.sources import Source
from api.http.wire import amount
from domain.fix_session.events import FixMessageReceived, FixMessageSent
from domain.ledger import entries
from domain.shared.envelope import Envelope, category

COUNTERPARTIES = ("venue", "custodian", "bank")


@strawberry.type(description="One line of the journal entry that a step posts; + is debit.")
class StepPosting:
    account: str
    owner: str
    ref: str
    unit: str
    amount: str


@strawberry.type(description="One event in the life of an order.")
class Step:
    _source: strawberry.Private[Source]
    source: strawberry.ID = strawberry.field(description="stream@version")
    name: str = strawberry.field(description="of the event")
    at: datetime = strawberry.field(description="when it was recorded")
    effective_at: datetime
    position: str
    actor: str = strawberry.field(description="who or what sent the command")
    counterparty: str = strawberry.field(description="venue, custodian, bank; '' if it is ours")
    cause: str = strawberry.field(description="the event that directly caused it, or ''")
    postings: list[StepPosting]

    @field("The raw FIX message of this step, | for SOH; null if it is none, or was erased.")
    async def raw(self) -> str | None:
        if category(self.source) != "fix":
            return None
        return await self._source.opened.fix_message(self.source)


def step(source: Source, e: Envelope) -> Step:
    return Step(
        _source=source,
        source=strawberry.ID(e.source),
        name=e.meta.name,
        at=e.meta.recorded_at,
        effective_at=e.effective_at,
        position=str(e.position),
        actor=e.meta.actor,
        counterparty=_counterparty(e),
        cause=e.meta.causation_id,
        postings=[
            StepPosting(
                account=p.account,
                owner=p.owner,
                ref=p.ref,
                unit=p.unit,
                amount=amount(p.amount, p.unit),
            )
            for entry in entries(e.event)
            for p in entry.postings
        ],
    )


def _counterparty(e: Envelope) -> str:
    if isinstance(e.event, FixMessageSent | FixMessageReceived):
        return "venue"
    kind = e.meta.actor.partition(".")[0]
    return kind if kind in COUNTERPARTIES else ""
