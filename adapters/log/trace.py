"""Find an event in the log, its first cause and everything that followed from it."""

from typing import Any

from adapters.log.event_log import RecorderLog
from adapters.log.recorder import AUDIT_PAGE, Recorder
from domain.shared.envelope import Envelope, category

TRACE_MAX = 500


async def position_before(recorder: Recorder, count: int) -> int:
    """The position that the last `count` events follow; positions may have gaps."""
    last, _ = await recorder.last()
    span = count
    while True:
        start = max(last - span, 0)
        found = await _positions(recorder, start, last)
        if len(found) > count:
            return found[-count - 1]
        if len(found) == count or start == 0:
            return start
        span *= 8


async def _positions(recorder: Recorder, start: int, last: int) -> list[int]:
    found: list[int] = []
    while page := await recorder.after(start, limit=AUDIT_PAGE, until=last):
        found += [stored.position for stored in page]
        start = found[-1]
    return found


async def trace(log: RecorderLog, asked: str) -> dict[str, Any] | None:
    """The first cause of an event and everything that followed from it, in log order.

    A counterparty's report is found by its correlation id, listed one step below the event that
    began the conversation, and preceded by the message that carried it. `asked` is stream@version,
    an event id or a position. None: there is no such event.
    """
    wanted = await _find(log, asked)
    if wanted is None:
        return None
    top = wanted
    while (cause := await _at_source(log, top.meta.causation_id)) and not _is_message(cause):
        top = cause
    if top.meta.correlation_id:  # a report: go to the event that began its conversation
        top = await _beginning(log, top)
    conversation = top.meta.correlation_id or top.meta.message_id
    depth, family, position = {top.source: 0}, [top], top.position
    while (page := await log.after(position, limit=AUDIT_PAGE)) and len(family) < TRACE_MAX:
        for e in page:  # an effect always follows its cause in the log
            above = depth.get(e.meta.causation_id)
            if above is not None or e.meta.correlation_id == conversation:
                depth[e.source] = (above or 0) + 1
                family.append(e)
        position = page[-1].position
    return {"asked": wanted.source, "events": await _steps(log, family, depth)}


async def _steps(
    log: RecorderLog, family: list[Envelope], depth: dict[str, int]
) -> list[dict[str, Any]]:
    """The events in log order; before a report's first event, the message that carried it."""
    out: list[dict[str, Any]] = []
    shown: set[str] = set()
    for e in family:
        cause = e.meta.causation_id
        if cause not in depth and cause not in shown:
            behind = await _at_source(log, cause)
            if behind is not None and _is_message(behind):
                shown.add(cause)
                out.append(_step(behind, depth[e.source]))
        out.append(_step(e, depth[e.source]))
    return out


def _is_message(e: Envelope) -> bool:
    """Whether it is the record of a counterparty's message."""
    return category(e.stream) == "fix"


async def _beginning(log: RecorderLog, later: Envelope) -> Envelope:
    """The first event of a conversation; the correlation id is the message id that began it."""
    position = 0
    while page := await log.after(position, limit=AUDIT_PAGE, until=later.position):
        for e in page:
            if (e.meta.correlation_id or e.meta.message_id) == later.meta.correlation_id:
                return e
        position = page[-1].position
    return later


async def _find(log: RecorderLog, asked: str) -> Envelope | None:
    if asked.isdecimal():
        page = await log.after(int(asked) - 1, limit=1)
        return page[0] if page and page[0].position == int(asked) else None
    if "@" in asked:
        return await _at_source(log, asked)
    position = 0
    while page := await log.after(position, limit=AUDIT_PAGE):
        for e in page:
            if e.meta.event_id == asked:
                return e
        position = page[-1].position
    return None


async def _at_source(log: RecorderLog, source: str) -> Envelope | None:
    stream, _, version = source.partition("@")
    if not version.isdecimal() or int(version) < 1:
        return None
    found = await log.select(stream, after_version=int(version) - 1, limit=1)
    return found[0] if found else None


def _step(e: Envelope, depth: int) -> dict[str, Any]:
    return {
        "source": e.source,
        "name": e.meta.name,
        "position": e.position,
        "depth": depth,
        "recorded_at": e.meta.recorded_at.isoformat(),
        "actor": e.meta.actor,
        "event_id": e.meta.event_id,
        "hash": e.hash,
    }
