"""A log of given events, for views: the smallest `projections.ports.Log`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.memory.sink import MemorySink
from domain.shared.envelope import Envelope, Metadata
from domain.shared.message import Event
from projections.engine.runner import Runner
from projections.ports import Key, Row, View

START = datetime(2024, 3, 1, 12, tzinfo=UTC)
GAP = 10  # positions are increasing, not dense


class ListLog:
    def __init__(self, envelopes: Sequence[Envelope] = ()) -> None:
        self.envelopes = list(envelopes)

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Envelope]:
        found = [
            e
            for e in self.envelopes
            if e.position > position and (until is None or e.position <= until)
        ]
        return found[:limit]

    async def last(self) -> int:
        return self.envelopes[-1].position if self.envelopes else 0


def arrived(
    event: Event, n: int, *, stream: str = "account-A1", version: int = 1, home: str = ""
) -> Envelope:
    """The `n`-th event of the log (from 1), a minute after the one before."""
    at = START + timedelta(minutes=n)
    meta = Metadata(
        stream=stream,
        version=version,
        name=str(event.__struct_config__.tag),
        schema=event.VERSION,
        event_id=f"e{n}",
        recorded_at=at,
        actor="tester",
        message_id=f"m{n}",
        request_hash="",
        home=home or stream.split("-", 1)[1],
    )
    return Envelope(position=n * GAP, committed_at=at, meta=meta, event=event, hash=f"{n:064x}")


def log_of(told: Iterable[tuple[str, Event]]) -> ListLog:
    """(stream, event) pairs in log order; an event's home is its account, else its stream."""
    versions: dict[str, int] = {}
    envelopes = []
    for n, (stream, event) in enumerate(told, 1):
        versions[stream] = versions.get(stream, 0) + 1
        home = getattr(event, "account_id", "") or stream
        envelopes.append(arrived(event, n, stream=stream, version=versions[stream], home=home))
    return ListLog(envelopes)


async def folded(view: View, log: ListLog, *, limit: int = 1_000) -> Mapping[Key, Any]:
    """The view's rows after the whole log, by key."""
    sink = MemorySink()
    await sink.prepare([view])
    runner = Runner(log, sink, [view])
    while (await runner.step(limit=limit)).events:
        pass
    assert not runner.stuck, runner.stuck
    rows: Sequence[Row] = sink.rows(view)
    return {tuple(getattr(row, k) for k in view.ROW.KEY): row for row in rows}
