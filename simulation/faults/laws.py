"""The laws that hold after every run, whatever went wrong in it.

    log        every hash, version and checkpoint (`adapters.proof.log_audit.verify`)
    views      every view equals a fold of the log, by checksum
    sagas      so does every row of sagas and gateways; nothing is owed
    stuck      every saga has ended, or waits for a deadline or for what a counterparty has open
    promises   every answer to a client matches the log, at the version and position it named
    doubled    no event, trade, settlement, payment or charge occurs twice
    misjudged  no report or saga command was refused for a time, an id or a reference that was right
    figures    the business figures are those of the undisturbed run, where the faults allow it

That the controls hold at each close is part of the run itself: a day that fails them is not closed.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from adapters.host.entropy import SeededEntropy
from adapters.log.event_log import RecorderLog
from adapters.memory.disk import Disk
from adapters.proof.log_audit import verify
from domain.saga import CommandRefused
from domain.shared.envelope import Envelope
from projections.catalogue import VIEWS
from projections.engine.runner import Runner
from sagas.catalogue import SAGAS
from sagas.engine.ports import Folded, Kept, SagaKey
from sagas.engine.runner import keep
from simulation.faults.script import Promise
from simulation.figures import Fact, Figures, differences
from streams.gateways.channels.channel import Channel

PAGE = 4_000
NEVER_ENDS = frozenset({"kyc"})  # a client's status is watched as long as the client exists
MISJUDGED = frozenset(
    {
        "date_in_future",
        "effective_at_in_future",
        "effective_at_not_allowed",
        "business_id_reused",
        "key_reused",
        "venue_reference_unknown",
        "custodian_reference_unknown",
        "bank_reference_unknown",
    }
)
SHOWN_MAX = 5  # differences of one kind


async def events(log: RecorderLog) -> AsyncIterator[Sequence[Envelope]]:
    position = 0
    while page := await log.after(position, limit=PAGE):
        yield page
        position = page[-1].position


async def log_verifies(log: RecorderLog, verifier: Any) -> list[str]:
    found = await verify(log, verifier)
    return [f"log: {f['stream']}@{f['version']}: {f['fault']}" for f in found["faults"]]


async def views_equal(disk: Disk, log: RecorderLog) -> list[str]:
    """Compare each view's rows and position with a fold of the log to its end."""
    fresh = Disk(SeededEntropy(0)).rows
    await fresh.prepare(VIEWS)
    runner = Runner(log, fresh, VIEWS)
    while (await runner.step(limit=PAGE)).events:
        continue
    out = [f"views: {s.view} is stuck before {s.stream}@{s.version}" for s in runner.stuck.values()]
    for view in VIEWS:
        served, folded = await disk.rows.checksum(view), await fresh.checksum(view)
        if served != folded:
            out.append(f"views: {view.NAME} is {served}, not {folded}")
    return out


async def sagas_equal(disk: Disk, log: RecorderLog, channels: Sequence[Channel]) -> list[str]:
    """Compare rows of sagas and gateways with a fold of the log; the outbox must be empty."""
    rows: dict[SagaKey, Kept] = {}
    for folded in (*SAGAS, *channels):
        rows |= await _fold(folded, log)
    kept = {
        (name, saga_id): row
        for name in {name for name, _ in rows}
        for saga_id, row in (await disk.sagas.every(name)).items()
    }
    out = [
        f"sagas: {'-'.join(key)} is {kept.get(key)}, not {rows.get(key)}"
        for key in sorted({*rows, *kept})
        if rows.get(key) != kept.get(key)
    ]
    out += [f"owed for ever: {o.message_id}" for o in await disk.sagas.owed(limit=SHOWN_MAX)]
    return out


async def _fold(folded: Folded, log: RecorderLog) -> dict[SagaKey, Kept]:
    states: dict[SagaKey, Any] = {}
    async for page in events(log):
        for arrived in page:
            if saga_id := folded.correlate(arrived):
                key = (folded.NAME, saga_id)
                states[key] = folded.evolve(states.get(key, folded.INITIAL), arrived)
    return {key: keep(folded, state) for key, state in states.items()}


async def none_stuck(disk: Disk, channels: Sequence[Channel]) -> list[str]:
    """Sagas that have not ended, have no deadline, and are open at no counterparty."""
    open_there = {
        saga_id
        for channel in channels
        for saga_id, row in (await disk.sagas.every(channel.NAME)).items()
        if not row.ended
    }
    return [
        f"stuck: {saga.NAME} {saga_id}: {row.body}"
        for saga in SAGAS
        if saga.NAME not in NEVER_ENDS
        for saga_id, row in (await disk.sagas.every(saga.NAME)).items()
        if not row.ended and row.due_at is None and saga_id not in open_there
    ]


class Seen:
    """One walk over the log: events by message, and counts of event ids and refusals."""

    def __init__(self) -> None:
        self.ids: Counter[str] = Counter()
        self.by_message: dict[tuple[str, str], list[Envelope]] = {}
        self.refusals: Counter[tuple[str, str, str]] = Counter()

    @classmethod
    async def of(cls, log: RecorderLog) -> "Seen":
        seen = cls()
        async for page in events(log):
            for arrived in page:
                seen._note(arrived)
        return seen

    def _note(self, arrived: Envelope) -> None:
        meta, event = arrived.meta, arrived.event
        self.ids[meta.event_id] += 1
        self.by_message.setdefault((meta.stream, meta.message_id), []).append(arrived)
        if isinstance(event, CommandRefused):
            self.refusals[event.saga, event.command, event.refusal] += 1

    def lost(self, promises: Sequence[Promise]) -> list[str]:
        """Promises that the log does not keep."""
        out = []
        for promise in promises:
            found = self.by_message.get((promise.stream, promise.message_id), [])
            last = found[-1] if found else None
            if last is None or (last.version, last.position) != (promise.version, promise.position):
                out.append(
                    f"lost: {promise.message_id} on {promise.stream}, "
                    f"answered version {promise.version}"
                )
            elif promise.events not in (0, len(found)):
                out.append(
                    f"lost: {promise.events} events of {promise.message_id}, there are {len(found)}"
                )
        return out

    def misjudged(self) -> list[str]:
        """Refusals of what must not be refused: it happened, and was reported correctly."""
        return [
            f"misjudged: {' '.join(refusal)}: {n} times"
            for refusal, n in sorted(self.refusals.items())
            if refusal[2] in MISJUDGED
        ]

    def doubled(self, figures: Figures) -> list[str]:
        """Event ids and facts that occur twice, and messages with events that are not adjacent."""
        out = [f"doubled: event {i}" for i, n in self.ids.items() if n > 1]
        for (stream, message_id), found in self.by_message.items():
            versions = [e.version for e in found]
            if versions != list(range(versions[0], versions[0] + len(versions))):
                out.append(f"doubled: {message_id} on {stream} at {versions}")
        out += [f"doubled: {' '.join(fact)}" for fact, n in figures.facts.items() if n > 1]
        out += [
            f"doubled: {' '.join(fact)}" for fact, n in _executions(figures).items() if n > 1
        ]  # under two trade ids
        return out


def figures_equal(ours: Figures, theirs: Figures, seen: Seen, undisturbed: Seen) -> list[str]:
    """All business figures, and what was refused."""
    out = differences(ours, theirs)
    for refusal in sorted({*seen.refusals, *undisturbed.refusals}):
        mine, other = undisturbed.refusals[refusal], seen.refusals[refusal]
        if mine != other:
            out.append(f"refusals: {' '.join(refusal)}: {other}, not {mine}")
    return out


def executions_equal(ours: Figures, theirs: Figures) -> list[str]:
    """How each order ended, and by which executions, however they are numbered."""
    mine, other = _executions(ours), _executions(theirs)
    return differences(
        Figures(orders=ours.orders, facts=mine), Figures(orders=theirs.orders, facts=other)
    )


def _executions(figures: Figures) -> dict[Fact, int]:
    numbers = {fact[1]: fact[2:4] for fact in figures.facts if fact[0] == "booked"}
    booked: Counter[Fact] = Counter()
    for fact, n in figures.facts.items():
        if fact[0] == "booked":
            booked[fact[:1] + fact[2:]] += n
    busted = [numbers[fact[1]] for fact in figures.facts if fact[0] == "busted"]
    return booked | dict(Counter(("busted", *execution) for execution in busted))
