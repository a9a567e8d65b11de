"""The one handler for every aggregate: a batch of requests in, one outcome each, in order.

    load what is missing -> decide in order -> append in one batch -> retry what lost a race
         (1 read)              (pure)             (1 write)

Each command is decided on states that include what the batch has decided before it, so two
commands on one stream may follow each other. A refusal, or a command that reads another stream,
waits for the next round if it would depend on events not yet committed: their append may fail.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct

from commands.foresight import Foresee, look_ahead, next_step
from commands.outcomes import Declined, Done, Job, Outcome, Raced, done, likewise, once_more, repeat
from commands.ports import (
    EMPTY,
    Appended,
    Conflict,
    Decider,
    Dues,
    EventLog,
    Head,
    KeyReused,
    Proposal,
    ReadsLater,
    Request,
    folded,
    naming,
)
from commands.repeats import Message, same
from commands.state_cache import StateCache
from domain.shared.envelope import state_category
from domain.shared.message import Command, Event, Refused, RequestRefusal, Seen, refused

__all__ = ["Declined", "Done", "Handler", "Job", "Outcome", "Raced"]

ATTEMPTS_MAX = 8
ROUNDS_MAX = 1_000
SNAPSHOT_EVERY = 100
SKEW_MAX = timedelta(seconds=1)  # between the caller's clock and ours


_Entry = tuple[Any, Head]
"""A stream's state and its head."""


class _Round(Struct):
    """What one round has decided but not yet committed, and the states that it decided on."""

    now: datetime
    found: "dict[str, _Entry]"
    fresh: set[str]  # the streams of `found` that this round read from the log
    log_began: datetime | None = None  # set if a command needs it
    log_end: int = 0
    dues: Mapping[str, Decimal] = {}  # set if a command needs them
    working: dict[str, _Entry] = {}
    proposals: list[tuple[Job, Proposal, Any]] = []
    settled: list[tuple[Job, Outcome | None]] = []  # refusals and dry runs to confirm
    deferred: list[Job] = []
    blocked: set[str] = set()  # streams whose next command must wait for the next round
    messages: set[Message] = set()  # proposed in this round
    reused: set[Message] = set()  # those of `messages` that the log has with another body
    repeats: list[Job] = []  # jobs whose message is proposed or answered already
    answered: dict[Message, tuple[Request, Done]] = {}  # in this round and earlier ones


class Handler:
    """Runs commands against the log; one instance per process.

    Calls may overlap as long as none writes a stream that another writes or reads
    (`adapters.dispatch.group_commit`).
    """

    def __init__(
        self,
        log: EventLog,
        deciders: Mapping[type[Command], Decider],
        *,
        clock: Callable[[], datetime],
        cache: StateCache | None = None,
        foresee: Mapping[type[Event], Foresee] | None = None,
        dues: Dues | None = None,
        digest_key: bytes = b"",
    ) -> None:
        """
        Args:
            foresee: by event, the command that a saga sends after it. A dry run tries it too.
            dues: the source of `Seen.dues`; None: nothing is due.
            digest_key: the key for digests of sealed texts (`domain.shared.digests`).
        """
        self._log, self._deciders, self._clock = log, deciders, clock
        self._digest_key = digest_key
        self.cache = cache if cache is not None else StateCache()
        self._foresee, self._dues = foresee or {}, dues
        self._streams = {kind: naming(decider) for kind, decider in deciders.items()}
        self._later: dict[type[Command], Callable[[Any], tuple[str, ...]]] = {
            kind: reads
            for d in set(deciders.values())
            if isinstance(d, ReadsLater)
            for kind, reads in d.READS_LATER.items()
        }
        self._by_category = {d.CATEGORY: d for d in deciders.values()}
        self._snapshots: dict[str, tuple[Head, Any]] = {}

    async def handle(self, requests: Sequence[Request], /) -> list[Outcome]:
        """Run `requests` in order and return the outcome of each.

        Raises:
            Unreadable: a stream holds bytes that this build cannot read.
            Any error of the log's adapter (unavailable). Whether anything was appended is then
            unknown; the caller may send the same requests again under the same message ids.
        """
        return await self.run(list(map(self.job, requests)))

    async def run(self, jobs: Sequence[Job], /) -> list[Outcome]:
        """As `handle`, for requests that `job` has already turned into jobs."""
        now = self._clock()
        out: list[Outcome | None] = [None] * len(jobs)
        for at, job in enumerate(jobs):
            job.at, job.attempts = at, 0
        todo = [j for j in jobs if not self._untimely(j, now, out)]
        answered: dict[Message, tuple[Request, Done]] = {}
        for _ in range(ROUNDS_MAX):
            if not todo:
                break
            step = await self._begin(todo, now)
            step.answered = answered
            todo = await self._round(todo, step, out)
        await look_ahead(self.handle, jobs, out)
        return [o if o is not None else Raced(jobs[i].stream) for i, o in enumerate(out)]

    async def flush_snapshots(self) -> None:
        """Store the snapshots of long streams that are due; usually called when idle."""
        if self._snapshots:
            due, self._snapshots = self._snapshots, {}
            await self._log.snapshot(due)

    @property
    def snapshots_due(self) -> int:
        return len(self._snapshots)

    def job(self, request: Request) -> Job:
        command = request.command
        decider = self._deciders[type(command)]
        stream = self._streams[type(command)](command)
        return Job(request, decider, stream, decider.reads(command), self._later.get(type(command)))

    async def state(self, stream: str) -> tuple[Any, int]:
        """The current state and version of a stream, as a command on it would see it."""
        if stream in self.cache:
            state, head = self.cache[stream]
        else:
            state, head = (await self._load([stream]))[stream]
        return state, head.version

    def _untimely(self, job: Job, now: datetime, out: list[Outcome | None]) -> bool:
        """Refuse a command that states a future time, or any time if its kind may state none.

        Commands that the log caused are exempt: they carry their cause's time. A report may be
        dated ahead, by its sender's clock. Refusing either would lose a fact.
        """
        request = job.request
        asked, kind = request.effective_at, type(request.command)
        if asked is None or request.causation_id:
            return False
        refusal = RequestRefusal.of_stated_time(kind)
        if refusal is RequestRefusal.EFFECTIVE_AT_NOT_ALLOWED:
            why = refused(refusal, effective_at=asked)
        elif not request.keep and asked > now + SKEW_MAX:
            why = refused(refusal, effective_at=asked, now=now)
        else:
            return False
        out[job.at] = Declined(why)
        return True

    async def _begin(self, jobs: Sequence[Job], now: datetime) -> _Round:
        """Start a round with the state of every stream that the jobs name, cached or loaded now."""
        wanted = {j.stream: None for j in jobs} | {s: None for j in jobs for s in j.reads}
        found = {s: self.cache[s] for s in wanted if s in self.cache}
        missing = [s for s in wanted if s not in found]
        if missing:
            found |= await self._load(missing)
        if late := [j for j in jobs if j.later]:
            missing += await self._read_later(late, found)
        step = _Round(now, found, set(missing))
        if any(j.request.command.SEES_LOG for j in jobs):
            step.log_began, step.log_end = await self._log.began(), await self._log.last()
        if self._dues is not None and any(j.request.command.SEES_DUES for j in jobs):
            step.dues = await self._dues()
        return step

    async def _read_later(self, jobs: Sequence[Job], found: dict[str, _Entry]) -> list[str]:
        """Find the streams that only the jobs' own states name; return those loaded now."""
        for job in jobs:
            assert job.later is not None
            job.reads = job.later(found[job.stream][0])
        wanted = {s: None for j in jobs for s in j.reads if s not in found}
        found |= {s: self.cache[s] for s in wanted if s in self.cache}
        missing = [s for s in wanted if s not in found]
        if missing:
            found |= await self._load(missing)
        return missing

    async def _load(self, streams: Sequence[str]) -> dict[str, _Entry]:
        entries: dict[str, _Entry] = {}
        for stream, loaded in (await self._log.load(streams)).items():
            decider = self._decider_of(stream)
            state = folded(decider, loaded.events, loaded.snapshot)
            entries[stream] = (state, loaded.head)
            if len(loaded.events) >= SNAPSHOT_EVERY:
                self._snapshots[stream] = (loaded.head, state)
        self.cache.take(entries)
        return entries

    def _decider_of(self, stream: str) -> Decider:
        return self._by_category[state_category(stream)]

    async def _round(
        self, jobs: Sequence[Job], step: _Round, out: list[Outcome | None]
    ) -> list[Job]:
        for job in jobs:
            self._decide(job, step)
        again = await self._confirm(step, out)
        again += await self._append(step, out)
        again += await self._repeated(step, out)
        ordered = sorted(again + step.deferred, key=lambda j: j.at)
        return [j for j in ordered if j.attempts <= ATTEMPTS_MAX]

    def _decide(self, job: Job, step: _Round) -> None:
        message = (job.stream, job.request.message_id)
        known = message in step.messages or message in step.answered
        if known and not job.request.dry_run:
            step.repeats.append(job)
            return
        everything = job.request.command.SEES_DUES and step.working
        if (
            job.stream in step.blocked
            or everything
            or (job.reads and any(s in step.working or s in step.blocked for s in job.reads))
        ):
            self._defer(job, step)
            return
        state, head = step.working.get(job.stream) or step.found[job.stream]
        if job.later and job.later(state) != job.reads:
            self._defer(job, step)  # the next round finds the streams that it reads now
            return
        decision = job.decider.decide(job.request.command, state, self._make_seen(job, step))
        if isinstance(decision, Refused):
            self._settle(job, step, Declined(decision))
        elif job.request.dry_run:
            done = Done(job.stream, head.version, 0, changed=False, events=tuple(decision))
            job.foreseen = next_step(self._foresee, decision, state, job.decider)
            self._settle(job, step, done)
        elif not decision and job.stream in step.working:
            self._defer(job, step)
        else:
            self._propose(job, tuple(decision), state, head, step=step)
            step.messages.add(message)

    def _make_seen(self, job: Job, step: _Round) -> Seen:
        return Seen(
            now=step.now,
            effective_at=_effective_at(job.request, step.now) or step.now,
            actor=job.request.actor,
            digest_key=self._digest_key,
            streams={s: step.found[s][0] for s in job.reads},
            log_began=step.log_began,
            log_end=step.log_end,
            dues=step.dues,
        )

    def _defer(self, job: Job, step: _Round) -> None:
        step.deferred.append(job)
        step.blocked.add(job.stream)

    def _settle(self, job: Job, step: _Round, outcome: Outcome) -> None:
        """Keep an answer that appends nothing; defer it if it depends on uncommitted events."""
        if job.stream in step.working:
            self._defer(job, step)
        else:
            step.settled.append((job, outcome))

    def _propose(
        self, job: Job, events: tuple[Event, ...], state: Any, head: Head, *, step: _Round
    ) -> None:
        for event in events:
            state = job.decider.evolve(state, event)
        request = job.request
        proposal = Proposal(
            stream=job.stream,
            expected=head,
            events=events,
            home=job.decider.home(state, job.stream),
            request=request,
            effective_at=_effective_at(request, step.now),
            read={s: v for s in job.reads if (v := step.found[s][1].version)},
        )
        if events:
            step.working[job.stream] = (state, Head(head.version + len(events)))
        step.proposals.append((job, proposal, state))

    async def _confirm(self, step: _Round, out: list[Outcome | None]) -> list[Job]:
        """Check that the settled answers used current states and repeat no committed message."""
        if not step.settled:
            return []
        again: list[Job] = []
        known = await self._log.remembered([(j.stream, j.request) for j, _ in step.settled])
        names = {s for j, _ in step.settled for s in (j.stream, *j.reads)} - step.fresh
        heads = await self._log.heads(sorted(names)) if names else {}
        stale = {s for s in names if heads.get(s, EMPTY).version != step.found[s][1].version}
        for s in stale:
            self.cache.drop(s)
        for (job, outcome), before in zip(step.settled, known, strict=True):
            if before is not None and not job.request.dry_run:
                out[job.at] = repeat(job, before)
            elif stale.intersection((job.stream, *job.reads)):
                again.append(once_more(job))
            else:
                out[job.at] = outcome
        return again

    async def _append(self, step: _Round, out: list[Outcome | None]) -> list[Job]:
        if not step.proposals:
            return []
        again: list[Job] = []
        try:
            results = await self._log.append([p for _, p, _ in step.proposals], now=step.now)
        except BaseException:
            for _, p, _ in step.proposals:  # unknown whether they were appended: reload
                self.cache.drop(p.stream)
            raise
        for (job, proposal, state), result in zip(step.proposals, results, strict=True):
            match result:
                case Appended(replayed=False):
                    self._keep(proposal, state, result.head)
                    outcome = done(job, proposal, result)
                    out[job.at] = outcome
                    step.answered[job.stream, job.request.message_id] = job.request, outcome
                case Conflict():
                    self.cache.drop(job.stream)
                    again.append(once_more(job))
                case _:
                    self.cache.drop(job.stream)
                    self._remember(job, repeat(job, result), step, out)
        return again

    def _remember(
        self, job: Job, outcome: Outcome, step: _Round, out: list[Outcome | None]
    ) -> None:
        """Keep the log's earlier answer to a message; its repeats in the batch get it too."""
        out[job.at] = outcome
        message = (job.stream, job.request.message_id)
        if isinstance(outcome, Done):
            step.answered[message] = job.request, outcome
        else:
            step.reused.add(message)

    async def _repeated(self, step: _Round, out: list[Outcome | None]) -> list[Job]:
        """Answer the repeats whose first request is in the log; return the others to decide."""
        again: list[Job] = []
        asked: list[Job] = []
        for job in step.repeats:
            message = (job.stream, job.request.message_id)
            if message in step.answered:
                first, outcome = step.answered[message]
                out[job.at] = likewise(outcome) if same(first, job.request) else KeyReused()
            elif message in step.reused:
                asked.append(job)
            else:
                again.append(once_more(job))
        if asked:
            known = await self._log.remembered([(j.stream, j.request) for j in asked])
            for job, before in zip(asked, known, strict=True):
                out[job.at] = repeat(job, before or KeyReused())
        return again

    def _keep(self, proposal: Proposal, state: Any, head: Head) -> None:
        if proposal.events:
            self.cache.put(proposal.stream, (state, head))
        before = proposal.expected.version
        if head.version // SNAPSHOT_EVERY > before // SNAPSHOT_EVERY:
            self._snapshots[proposal.stream] = (head, state)


def _effective_at(request: Request, now: datetime) -> datetime | None:
    """Clamp a report's future time to now; the request hash keeps it, so that repeats match."""
    asked = request.effective_at
    if asked is None or request.causation_id or not request.keep:
        return asked
    return min(asked, now)
