"""A group commit directly over a recorder, as many concurrent callers use a store."""

from collections.abc import Sequence
from datetime import UTC, datetime

from adapters.dispatch.group_commit import GroupCommit
from adapters.log.recorder import Recorder, Result, Write


def over(recorder: Recorder, clock: datetime | None = None) -> GroupCommit[Write, Result]:
    async def flush(batch: Sequence[Write]) -> Sequence[Result]:
        return await recorder.append(batch, clock=clock or datetime.now(UTC))

    return GroupCommit(flush, stream=lambda write: write.stream)
